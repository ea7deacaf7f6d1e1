internal import COpenSSL

/// Authorities whose certificates of clients are taken. Immutable; threads share it.
public final class CertificateTrust: @unchecked Sendable {
    // Unchecked: OpenSSL's stores may be used by several threads.
    private let store: OpaquePointer

    /// - Parameters:
    ///   - authorities: PEM.
    ///   - addsSystem: those of the system are trusted too; reading them takes 10 ms.
    /// - Returns: nil if authorities were given and none of them is a certificate in PEM form.
    public init?(_ authorities: [UInt8], addsSystem: Bool) {
        guard let store = X509_STORE_new() else { return nil }
        self.store = store
        if addsSystem { X509_STORE_set_default_paths(store) }
        guard authorities.isEmpty || CertificateTrust.add(authorities, to: store) > 0 else { return nil }
    }

    deinit { X509_STORE_free(store) }

    private static func add(_ authorities: [UInt8], to store: OpaquePointer) -> Int {
        authorities.withUnsafeBytes { bytes in
            let bio: OpaquePointer? = BIO_new_mem_buf(bytes.baseAddress, Int32(bytes.count))
            defer { BIO_free(bio) }
            var count = 0
            while let certificate = copenssl_read_certificate(bio) {
                X509_STORE_add_cert(store, certificate)
                X509_free(certificate)
                count += 1
            }
            // That nothing follows the last certificate is no error of whoever looks next.
            ERR_clear_error()
            return count
        }
    }

    /// Why the first of these is not a client's that an authority vouches for, the others helping; nil if it is.
    func problem(of certificates: [OpaquePointer]) -> String? {
        var pointers: [OpaquePointer?] = certificates
        let code = copenssl_verify_client(store, &pointers, Int32(certificates.count))
        ERR_clear_error()
        return code == X509_V_OK ? nil : String(cString: X509_verify_cert_error_string(Int(code)))
    }
}
