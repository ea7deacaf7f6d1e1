internal import COpenSSL

/// What OpenSSL says of failures, in words a person can act on.
enum TLSReason {
    /// Of the last call on this connection; nil if OpenSSL has nothing to say, as when the peer just left.
    static func ofLastFailure(_ ssl: OpaquePointer) -> String? {
        let code = ERR_peek_error()
        guard code != 0 else { return nil }
        let verification = SSL_get_verify_result(ssl)
        if copenssl_error_reason(code) == SSL_R_CERTIFICATE_VERIFY_FAILED, verification != Int(X509_V_OK) {
            return "certificate refused: " + String(cString: X509_verify_cert_error_string(verification))
        }
        return text(code)
    }

    /// The first failure since the queue was cleared, which is the cause of the later ones.
    static var ofFirstFailure: String {
        let code = ERR_peek_error()
        return code == 0 ? "no reason given" : text(code)
    }

    private static func text(_ code: UInt) -> String {
        if let reason = ERR_reason_error_string(code) { return String(cString: reason) }
        var buffer = [CChar](repeating: 0, count: 256)
        ERR_error_string_n(code, &buffer, buffer.count)
        return String(decoding: buffer.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
}
