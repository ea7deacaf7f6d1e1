internal import Bytes
internal import COpenSSL
public import Net

/// What a TLS listener does.
public struct TLSServerOptions: Sendable {
    public enum Version: Sendable, Comparable {
        case tls10, tls11, tls12, tls13
    }

    /// Whether clients are asked for certificates, and which are accepted.
    public enum ClientAuthentication: Sendable {
        case none
        /// Asked for; none is accepted, and any without a look at who signed it.
        case request
        case requireAny
        /// Asked for; none is accepted, but one that is shown must be of an authority of ours.
        case verifyIfGiven
        case requireAndVerify

        var verifies: Bool { self == .verifyIfGiven || self == .requireAndVerify }
    }

    public var minVersion = Version.tls12
    public var clientAuthentication = ClientAuthentication.none
    /// PEM; empty for those of the system.
    public var clientAuthorities: [UInt8] = []
    /// Only authenticated encryption with forward secrecy.
    public var excludesInsecureCiphers = false
    public var offersHTTP2 = true
    /// What the kernel may encrypt.
    public var kernel = KernelTLS.none
    /// Called with each line of a key log, without its end; by any worker.
    public var keyLog: (@Sendable (UnsafeRawBufferPointer) -> Void)?

    public init() {}
}

/// Certificates with the rules under which they are shown: what a connection's handshake needs. Immutable; workers share
/// it, and connections keep what they need of one that has been replaced.
public final class TLSServerContext: @unchecked Sendable {
    // Unchecked: OpenSSL's contexts may be used by several threads once they are set up.
    private struct Group {
        let context: OpaquePointer
        let names: Set<String>
        /// By the kind of a certificate's key, what is stapled to it; empty for nothing.
        var status: [Int32: [UInt8]]
    }

    private var groups: [Group] = []
    /// By name, and by the part behind the star of a wildcard.
    private var exact: [String: OpaquePointer] = [:]
    private var wildcards: [String: OpaquePointer] = [:]
    private let options: TLSServerOptions
    private let tickets: TicketKeys

    /// - Parameter certificates: at least one; the first serves clients that ask for no name, or for one nobody has.
    public init(_ certificates: [CertificateSource], options: TLSServerOptions, tickets: TicketKeys) throws(CertificateError) {
        self.options = options
        self.tickets = tickets
        for source in certificates { try add(source) }
        guard !groups.isEmpty else { throw CertificateError("no certificate") }
        for group in groups {
            for name in group.names {
                if name.hasPrefix("*.") { wildcards[String(name.dropFirst(2))] = wildcards[String(name.dropFirst(2))] ?? group.context }
                else { exact[name] = exact[name] ?? group.context }
            }
        }
        for group in groups { installCallbacks(group.context, staples: group.status.values.contains { !$0.isEmpty }) }
    }

    deinit {
        for group in groups { SSL_CTX_free(group.context) }
    }

    /// Begins a connection on an accepted socket; nil without memory for one.
    public func accept(_ socket: Transport, scratch: UnsafeMutablePointer<RecordScratch>) -> UnsafeMutablePointer<TLSConnection>? {
        guard let ssl = SSL_new(groups[0].context) else { return nil }
        SSL_set_accept_state(ssl)
        return TLSConnection.make(ssl: ssl, socket: socket, scratch: scratch, owner: self, kernel: options.kernel, isServer: true)
    }

    // MARK: Making

    /// A certificate for the same names with a key of another kind joins the one that is there: clients choose.
    private func add(_ source: CertificateSource) throws(CertificateError) {
        let chain = try CertificateChain(source)
        let names = Set(chain.names)
        if let index = groups.firstIndex(where: { $0.names == names && $0.status[chain.keyKind] == nil }) {
            try chain.install(in: groups[index].context, name: source.name)
            groups[index].status[chain.keyKind] = chain.status
            return
        }
        guard let context = SSL_CTX_new(TLS_server_method()) else { throw CertificateError("OpenSSL: \(TLSReason.ofFirstFailure)") }
        groups.append(Group(context: context, names: names, status: [chain.keyKind: chain.status]))
        try chain.install(in: context, name: source.name)
        try TLSPolicy.apply(options, to: context)
    }

    private func installCallbacks(_ context: OpaquePointer, staples: Bool) {
        let me = Unmanaged.passUnretained(self).toOpaque()
        _ = copenssl_ctx_set_ex_data(context, me)
        if !exact.isEmpty || !wildcards.isEmpty { copenssl_set_servername_callback(context, TLSServerContext.nameAsked, me) }
        SSL_CTX_set_alpn_select_cb(context, TLSServerContext.protocolsOffered, me)
        copenssl_set_ticket_callback(context, TLSServerContext.ticket)
        if staples { copenssl_set_status_callback(context, TLSServerContext.statusAsked, me) }
        if options.clientAuthentication != .none { ClientIdentity.keepInSessions(of: context) }
        if options.keyLog != nil { SSL_CTX_set_keylog_callback(context, TLSServerContext.keysMade) }
    }

    private static func of(_ ssl: OpaquePointer?) -> TLSServerContext {
        Unmanaged<TLSServerContext>.fromOpaque(copenssl_ctx_get_ex_data(SSL_get_SSL_CTX(ssl))).takeUnretainedValue()
    }

    // MARK: What OpenSSL asks during handshakes

    private static let nameAsked: @convention(c) (OpaquePointer?, UnsafeMutablePointer<Int32>?, UnsafeMutableRawPointer?) -> Int32 = { ssl, _, me in
        guard let name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name) else { return SSL_TLSEXT_ERR_NOACK }
        let context = Unmanaged<TLSServerContext>.fromOpaque(me!).takeUnretainedValue()
        if let found = context.find(String(cString: name)) { SSL_set_SSL_CTX(ssl, found) }
        return SSL_TLSEXT_ERR_OK
    }

    /// The context of a name: exact before wildcard, which stands for one label (RFC 6125 §6.4.3).
    func find(_ name: String) -> OpaquePointer? {
        var name = name.lowercased()[...]
        if name.hasSuffix(".") { name.removeLast() }
        if let found = exact[String(name)] { return found }
        guard let dot = name.firstIndex(of: "."), dot > name.startIndex else { return nil }
        return wildcards[String(name[name.index(after: dot)...])]
    }

    private static let protocolsOffered: @convention(c) (
        OpaquePointer?, UnsafeMutablePointer<UnsafePointer<UInt8>?>?, UnsafeMutablePointer<UInt8>?, UnsafePointer<UInt8>?, UInt32, UnsafeMutableRawPointer?
    ) -> Int32 = { _, chosen, chosenCount, offered, count, me in
        let context = Unmanaged<TLSServerContext>.fromOpaque(me!).takeUnretainedValue()
        let list = BorrowedBytes(start: offered, count: Int(count))
        let wanted: [StaticString] = context.options.offersHTTP2 ? ["h2", "http/1.1"] : ["http/1.1"]
        for name in wanted {
            guard let place = ALPN.find(BorrowedBytes(name), in: list) else { continue }
            chosen?.pointee = offered.map { $0 + place }
            chosenCount?.pointee = UInt8(name.utf8CodeUnitCount)
            return SSL_TLSEXT_ERR_OK
        }
        // RFC 7301 §3.2: a client that offers only what is not spoken here is told so.
        return SSL_TLSEXT_ERR_ALERT_FATAL
    }

    private static let ticket: @convention(c) (
        OpaquePointer?, UnsafeMutablePointer<UInt8>?, UnsafeMutablePointer<UInt8>?, OpaquePointer?, OpaquePointer?, Int32
    ) -> Int32 = { ssl, name, vector, cipher, mac, encrypts in
        let connection = SSL_get_ex_data(ssl, 0).assumingMemoryBound(to: TLSConnection.self)
        let now = connection.pointee.scratch.pointee.loop.pointee.now
        let answer = of(ssl).tickets.prepare(name!, vector!, cipher!, mac!, encrypts: encrypts == 1, now: now)
        // RFC 8446 appendix C.4: clients use a ticket once, so that nobody who listens can tell that they came back.
        return answer == 1 && encrypts == 0 && SSL_version(ssl) == TLS1_3_VERSION ? 2 : answer
    }

    private static let statusAsked: @convention(c) (OpaquePointer?, UnsafeMutableRawPointer?) -> Int32 = { ssl, me in
        let context = Unmanaged<TLSServerContext>.fromOpaque(me!).takeUnretainedValue()
        let used = SSL_get_SSL_CTX(ssl)
        // Of two kinds of certificates the one that was chosen counts: clients refuse a response for another.
        guard let kind = SSL_get_certificate(ssl).map({ EVP_PKEY_get_base_id(X509_get0_pubkey($0)) }),
            let status = context.groups.first(where: { $0.context == used })?.status[kind], !status.isEmpty, let copy = copenssl_copy(status, status.count) else { return SSL_TLSEXT_ERR_NOACK }
        copenssl_set_status_response(ssl, copy.assumingMemoryBound(to: UInt8.self), status.count)
        return SSL_TLSEXT_ERR_OK
    }

    private static let keysMade: @convention(c) (OpaquePointer?, UnsafePointer<CChar>?) -> Void = { ssl, line in
        guard let line else { return }
        var count = 0
        while line[count] != 0 { count += 1 }
        of(ssl).options.keyLog?(UnsafeRawBufferPointer(start: line, count: count))
    }
}

/// Lists of protocol names, each behind its length (RFC 7301 §3.1).
enum ALPN {
    /// `h2` and `http/1.1`.
    static let http2AndHTTP1: [UInt8] = [2, 0x68, 0x32, 8, 0x68, 0x74, 0x74, 0x70, 0x2f, 0x31, 0x2e, 0x31]

    /// Where a name's bytes begin; nil if the list lacks it.
    static func find(_ name: BorrowedBytes, in list: BorrowedBytes) -> Int? {
        var index = 0
        while index < list.count {
            let count = Int(list[index])
            guard index + 1 + count <= list.count else { return nil }
            if list.slice(index + 1, index + 1 + count).equals(name) { return index + 1 }
            index += 1 + count
        }
        return nil
    }
}
