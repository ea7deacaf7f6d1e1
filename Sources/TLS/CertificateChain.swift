internal import Bytes
internal import COpenSSL

/// A certificate with its chain and key, as files have them, and what it is for.
public struct CertificateSource: Sendable, Equatable {
    /// What errors call it, such as the file's path.
    public var name: String
    /// PEM: the certificate itself first, then those up to the authority's.
    public var certificate: [UInt8]
    /// PEM, without a passphrase.
    public var key: [UInt8]
    /// An OCSP response (DER) that is stapled, RFC 6066 §8; empty for none.
    public var status: [UInt8]

    public init(name: String, certificate: [UInt8], key: [UInt8], status: [UInt8] = []) {
        self.name = name
        self.certificate = certificate
        self.key = key
        self.status = status
    }
}

/// What is wrong with certificates, keys or authorities, said for the operator.
public struct CertificateError: Error, Equatable, Sendable, CustomStringConvertible {
    public let description: String

    public init(_ description: String) { self.description = description }
}

/// A certificate that was read, with its key, and the names it is for. Owns OpenSSL's objects.
struct CertificateChain: ~Copyable {
    private let leaf: OpaquePointer
    private let key: OpaquePointer
    private let others: [OpaquePointer]
    /// Lower-case DNS names, wildcards as `*.example.org`.
    let names: [String]
    /// RSA, ECDSA, …: a context holds one of each kind.
    let keyKind: Int32
    let status: [UInt8]

    init(_ source: CertificateSource) throws(CertificateError) {
        let certificates = try CertificateChain.certificates(of: source)
        key = try CertificateChain.key(of: source, for: certificates)
        leaf = certificates[0]
        others = Array(certificates.dropFirst())
        status = source.status
        names = CertificateChain.names(of: leaf)
        keyKind = EVP_PKEY_get_base_id(key)
    }

    deinit {
        X509_free(leaf)
        EVP_PKEY_free(key)
        for certificate in others { X509_free(certificate) }
    }

    /// Makes a context present it, beside others of another kind.
    func install(in context: OpaquePointer, name: String) throws(CertificateError) {
        ERR_clear_error()
        guard SSL_CTX_use_certificate(context, leaf) == 1, SSL_CTX_use_PrivateKey(context, key) == 1 else {
            throw CertificateError("\(name): \(TLSReason.ofFirstFailure)")
        }
        for certificate in others {
            guard copenssl_add_chain_certificate(context, certificate) == 1 else { throw CertificateError("\(name): \(TLSReason.ofFirstFailure)") }
        }
    }

    /// Makes one connection present it.
    func present(on ssl: OpaquePointer) {
        SSL_use_certificate(ssl, leaf)
        SSL_use_PrivateKey(ssl, key)
        for certificate in others { _ = copenssl_add_chain_certificate_to(ssl, certificate) }
    }

    /// Whether the leaf or a link of the chain was signed by one of these; true for no names at all.
    func isSigned(byOneOf names: OpaquePointer?) -> Bool {
        guard let names, copenssl_count_names(names) > 0 else { return true }
        return ([leaf] + others).contains { copenssl_contains_name(names, X509_get_issuer_name($0)) == 1 }
    }

    private static func certificates(of source: CertificateSource) throws(CertificateError) -> [OpaquePointer] {
        ERR_clear_error()
        let bio = PEM.open(source.certificate)
        defer { BIO_free(bio) }
        var certificates: [OpaquePointer] = []
        while let certificate = copenssl_read_certificate(bio) { certificates.append(certificate) }
        guard !certificates.isEmpty else { throw CertificateError("\(source.name): no certificate in PEM form: \(TLSReason.ofFirstFailure)") }
        return certificates
    }

    /// The key, which must be that of the first certificate; these are freed otherwise.
    private static func key(of source: CertificateSource, for certificates: [OpaquePointer]) throws(CertificateError) -> OpaquePointer {
        ERR_clear_error()
        let bio = PEM.open(source.key)
        defer { BIO_free(bio) }
        let key = copenssl_read_key(bio)
        if let key, X509_check_private_key(certificates[0], key) == 1 { return key }
        let reason = key == nil ? "no key in PEM form without a passphrase: \(TLSReason.ofFirstFailure)" : "the key is not that of the certificate"
        EVP_PKEY_free(key)
        for certificate in certificates { X509_free(certificate) }
        throw CertificateError("\(source.name): \(reason)")
    }

    /// Alternative names, and the common name only where there are none (RFC 6125 §6.4.4).
    private static func names(of certificate: OpaquePointer) -> [String] {
        if let alternatives = X509_get_ext_d2i(certificate, NID_subject_alt_name, nil, nil).map({ OpaquePointer($0) }) {
            defer { GENERAL_NAMES_free(alternatives) }
            return (0..<copenssl_name_count(alternatives)).compactMap { index in
                var count: Int32 = 0
                return copenssl_dns_name(alternatives, index, &count).map { text(BorrowedBytes(start: $0, count: Int(count))) }
            }
        }
        var buffer = [CChar](repeating: 0, count: 256)
        let count = X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, &buffer, 256)
        return count > 0 ? [buffer.withUnsafeBytes { text($0.slice(0, Int(count))) }] : []
    }

    private static func text(_ name: BorrowedBytes) -> String {
        String(decoding: name.map { ASCII.lowercased($0) }, as: UTF8.self)
    }
}

/// Reading what stands in PEM form.
enum PEM {
    /// A BIO over the bytes, which it copies; the caller frees it.
    static func open(_ bytes: [UInt8]) -> OpaquePointer {
        let bio: OpaquePointer = BIO_new(BIO_s_mem())
        bytes.withUnsafeBytes { _ = BIO_write(bio, $0.baseAddress, Int32($0.count)) }
        return bio
    }
}
