internal import Bytes
internal import COpenSSL
internal import Net

/// What the library at hand was built for.
public enum TLSLibrary {
    /// Whether it lets the kernel encrypt.
    public static var offersKeysToKernel: Bool { copenssl_has_ktls() != 0 }
}

/// The rules that every context of a listener follows.
enum TLSPolicy {
    static func apply(_ options: TLSServerOptions, to context: OpaquePointer) throws(CertificateError) {
        common(context, options.kernel)
        _ = copenssl_set_min_version(context, number(options.minVersion))
        copenssl_set_server_options(context)
        // Early data may be replayed.
        SSL_CTX_set_max_early_data(context, 0)
        // Go's server gives one too; each costs the handshake two authentication codes and 250 bytes.
        SSL_CTX_set_num_tickets(context, 1)
        copenssl_set_session_cache_mode(context, Int(SSL_SESS_CACHE_OFF))
        SSL_CTX_set_timeout(context, TicketKeys.lifetimeSeconds)
        try setCiphers(options, context)
        try askForCertificates(options, context)
    }

    /// What servers and clients have in common.
    static func common(_ context: OpaquePointer, _ kernel: KernelTLS) {
        if kernel != .none { copenssl_enable_ktls(context) }
        // Idle connections own no buffers; callers may move what they send between two attempts.
        copenssl_set_mode(context, Int(SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_AUTO_RETRY))
        _ = copenssl_set_groups(context, "X25519:P-256:P-384")
    }

    private static func number(_ version: TLSServerOptions.Version) -> Int32 {
        switch version {
        case .tls10: TLS1_VERSION
        case .tls11: TLS1_1_VERSION
        case .tls12: TLS1_2_VERSION
        case .tls13: TLS1_3_VERSION
        }
    }

    private static func setCiphers(_ options: TLSServerOptions, _ context: OpaquePointer) throws(CertificateError) {
        // AES-128 first, as Go has it: 256 bits and SHA-384 cost more and keep nothing safer today.
        _ = SSL_CTX_set_ciphersuites(context, "TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_256_GCM_SHA384")
        let authenticated = "ECDHE+AES128+AESGCM:ECDHE+CHACHA20:ECDHE+AES256+AESGCM"
        let list = options.excludesInsecureCiphers ? authenticated : authenticated + ":ECDHE+AES128+SHA1:ECDHE+AES256+SHA1:RSA+AESGCM:RSA+AES"
        // Versions before 1.2 sign with SHA-1, which OpenSSL allows at level 0 only.
        let level = options.minVersion < .tls12 ? ":@SECLEVEL=0" : ""
        guard SSL_CTX_set_cipher_list(context, list + level) == 1 else { throw CertificateError("ciphers: \(TLSReason.ofFirstFailure)") }
    }

    // MARK: Certificates of clients

    private static func askForCertificates(_ options: TLSServerOptions, _ context: OpaquePointer) throws(CertificateError) {
        let authentication = options.clientAuthentication
        // Without one, sessions of connections with certificates could not be resumed; another one for other rules, since a
        // resumed session is not verified again.
        var scope = scope(of: options)
        _ = SSL_CTX_set_session_id_context(context, &scope, UInt32(scope.count))
        guard authentication != .none else { return SSL_CTX_set_verify(context, SSL_VERIFY_NONE, nil) }
        let isNeeded = authentication == .requireAny || authentication == .requireAndVerify
        let mode = SSL_VERIFY_PEER | (isNeeded ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0)
        guard authentication.verifies else { return SSL_CTX_set_verify(context, mode) { _, _ in 1 } }
        SSL_CTX_set_verify(context, mode, nil)
        if options.clientAuthorities.isEmpty {
            SSL_CTX_set_default_verify_paths(context)
        } else {
            try Authorities.add(options.clientAuthorities, name: "client authorities", to: context, tellsClients: true)
        }
    }

    private static func scope(of options: TLSServerOptions) -> [UInt8] {
        var digest = [UInt8](repeating: 0, count: 32)
        let rules = Array("\(options.clientAuthentication)".utf8) + options.clientAuthorities
        EVP_Digest(rules, rules.count, &digest, nil, EVP_sha256(), nil)
        return digest
    }
}

/// Certificates of authorities that are trusted.
enum Authorities {
    /// - Parameters:
    ///   - bytes: one or more certificates in PEM form.
    ///   - tellsClients: their names are sent with the question for a certificate.
    static func add(_ bytes: [UInt8], name: String, to context: OpaquePointer, tellsClients: Bool = false) throws(CertificateError) {
        ERR_clear_error()
        let bio = PEM.open(bytes)
        defer { BIO_free(bio) }
        let store = SSL_CTX_get_cert_store(context)
        var count = 0
        while let certificate = copenssl_read_certificate(bio) {
            defer { X509_free(certificate) }
            X509_STORE_add_cert(store, certificate)
            if tellsClients { SSL_CTX_add_client_CA(context, certificate) }
            count += 1
        }
        guard count > 0 else { throw CertificateError("\(name): no certificate in PEM form") }
    }
}
