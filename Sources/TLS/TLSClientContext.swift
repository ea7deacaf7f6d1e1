internal import Bytes
internal import COpenSSL
public import Net

/// How servers are spoken with by TLS.
public struct TLSClientOptions: Sendable, Equatable {
    /// False takes any certificate, of any name.
    public var verifies = true
    /// PEM; empty for those of the system.
    public var authorities: [UInt8] = []
    /// What errors call the authorities, such as the file's path.
    public var authoritiesName = ""
    /// Shown to servers that ask: the first that one of theirs has signed.
    public var certificates: [CertificateSource] = []
    /// What the kernel may encrypt.
    public var kernel = KernelTLS.none

    public init() {}
}

/// Trust and certificates for connections to servers. Immutable; workers share it.
public final class TLSClientContext: @unchecked Sendable {
    // Unchecked: OpenSSL's contexts may be used by several threads once they are set up.
    private let context: OpaquePointer
    private let chains: [ChainBox]
    private let verifies: Bool
    private let kernel: KernelTLS

    /// Chains are noncopyable, arrays want something else.
    private final class ChainBox {
        let chain: CertificateChain
        init(_ source: CertificateSource) throws(CertificateError) { chain = try CertificateChain(source) }
    }

    /// - Parameter trust: whose authorities are shared if the options name none; reading those of the system takes 10 ms.
    public init(_ options: TLSClientOptions, trust: TLSClientContext? = nil) throws(CertificateError) {
        guard let context = SSL_CTX_new(TLS_client_method()) else { throw CertificateError("OpenSSL: \(TLSReason.ofFirstFailure)") }
        self.context = context
        verifies = options.verifies
        kernel = options.kernel
        var chains: [ChainBox] = []
        do throws(CertificateError) {
            for source in options.certificates { chains.append(try ChainBox(source)) }
            try TLSClientContext.setTrust(options, trust, context)
        } catch {
            SSL_CTX_free(context)
            throw error
        }
        self.chains = chains
        TLSPolicy.common(context, options.kernel)
        _ = copenssl_set_min_version(context, TLS1_2_VERSION)
        copenssl_set_session_cache_mode(context, Int(SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL))
        SSL_CTX_sess_set_new_cb(context, TLSClientContext.sessionGiven)
        if !chains.isEmpty { SSL_CTX_set_cert_cb(context, TLSClientContext.certificateAsked, Unmanaged.passUnretained(self).toOpaque()) }
    }

    deinit { SSL_CTX_free(context) }

    private static func setTrust(_ options: TLSClientOptions, _ trust: TLSClientContext?, _ context: OpaquePointer) throws(CertificateError) {
        SSL_CTX_set_verify(context, options.verifies ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, nil)
        if !options.authorities.isEmpty {
            try Authorities.add(options.authorities, name: options.authoritiesName, to: context)
        } else if let trust {
            SSL_CTX_set1_cert_store(context, SSL_CTX_get_cert_store(trust.context))
        } else if options.verifies {
            SSL_CTX_set_default_verify_paths(context)
        }
    }

    /// Begins a connection on a connected socket; nil without memory for one.
    ///
    /// - Parameters:
    ///   - name: what the server's certificate must be for, and what it is asked for: a DNS name or an IP address.
    ///   - offersHTTP2: by ALPN, ahead of HTTP/1; see `applicationProtocol` for what came of it.
    ///   - session: of an earlier connection to the same server under the same rules.
    public func connect(
        _ socket: Transport, name: String, isAddress: Bool, offersHTTP2: Bool = false, session: TLSSession?,
        scratch: UnsafeMutablePointer<RecordScratch>
    ) -> UnsafeMutablePointer<TLSConnection>? {
        guard let ssl = SSL_new(context) else { return nil }
        SSL_set_connect_state(ssl)
        setName(name.hasSuffix(".") ? String(name.dropLast()) : name, isAddress: isAddress, ssl)
        if offersHTTP2 { SSL_set_alpn_protos(ssl, ALPN.http2AndHTTP1, UInt32(ALPN.http2AndHTTP1.count)) }
        if let session { SSL_set_session(ssl, session.session) }
        return TLSConnection.make(ssl: ssl, socket: socket, scratch: scratch, owner: self, kernel: kernel, isServer: false)
    }

    private func setName(_ name: String, isAddress: Bool, _ ssl: OpaquePointer) {
        // RFC 6066 §3: addresses are not asked for.
        if !isAddress { _ = copenssl_set_host_name(ssl, name) }
        guard verifies else { return }
        let rules = SSL_get0_param(ssl)
        if isAddress {
            X509_VERIFY_PARAM_set1_ip_asc(rules, name)
        } else {
            X509_VERIFY_PARAM_set_hostflags(rules, UInt32(X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS))
            X509_VERIFY_PARAM_set1_host(rules, name, name.utf8.count)
        }
    }

    // MARK: What OpenSSL asks and tells

    /// A server gives sessions at any time; the newest is the one that serves longest.
    private static let sessionGiven: @convention(c) (OpaquePointer?, OpaquePointer?) -> Int32 = { ssl, session in
        guard let session, let place = SSL_get_ex_data(ssl, 0) else { return 0 }
        place.assumingMemoryBound(to: TLSConnection.self).pointee.newSession = TLSSession(owning: session)
        return 1
    }

    private static let certificateAsked: @convention(c) (OpaquePointer?, UnsafeMutableRawPointer?) -> Int32 = { ssl, me in
        guard let ssl, let me else { return 1 }
        Unmanaged<TLSClientContext>.fromOpaque(me).takeUnretainedValue().present(on: ssl)
        return 1
    }

    private func present(on ssl: OpaquePointer) {
        let chosen = chains.first { $0.chain.isSigned(byOneOf: SSL_get0_peer_CA_list(ssl)) }
        // RFC 8446 §4.4.2.3: a server may name no authorities; then any certificate may do.
        if let chosen { chosen.chain.present(on: ssl) }
    }
}

/// What a server gave to resume a connection with, without certificates and signatures.
public final class TLSSession: @unchecked Sendable {
    // Unchecked: OpenSSL counts references by atomics and does not change a session that is in use.
    let session: OpaquePointer

    init(owning session: OpaquePointer) { self.session = session }

    deinit { SSL_SESSION_free(session) }
}
