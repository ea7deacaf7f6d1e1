internal import Bytes
public import Crypto
internal import HTTP
internal import Synchronization

/// Filters that look at the certificates of clients, for listeners that ask for some.
public enum ClientCertificateFilters {
    public static let specs = [
        FilterSpec("tlsPassClientCertificates") { (arguments, _) throws(FilterArgumentError) in
            _ = try ArgumentReader(arguments, "no arguments", 0)
            return .filter(PassClientCertificates())
        },
        FilterSpec("mtlsAuthn") { (arguments, environment) throws(FilterArgumentError) in
            _ = try ArgumentReader(arguments, "no arguments", 0)
            environment.clientTrust.prepare()
            return .filter(VerifyClientCertificate(environment.clientTrust))
        },
        matching("mtlsCN") { values in { values.contains($0.commonName) } },
        matching("mtlsIssuerDN") { values in { certificates in values.contains { certificates.issuerNames.contains($0) } } },
        matching("mtlsSanDNS") { values in
            let names = values.map { $0.lowercased() }
            return { certificates in certificates.dnsNames.contains { name in names.contains { isName(name, like: $0) } } }
        },
        addresses("mtlsSanIP", "(address, …)", takesPrefixes: false),
        addresses("mtlsSanCIDR", "(CIDR, …)", takesPrefixes: true),
        matching("mtlsSanURI") { values in
            let patterns = values.map { Array($0.utf8) }
            return { certificates in certificates.uris.contains { uri in patterns.contains { isURI(Array(uri.utf8)[...], like: $0[...]) } } }
        },
    ]

    private static func matching(_ name: String, _ make: @escaping @Sendable ([String]) -> MatchClientCertificate.Test) -> FilterSpec {
        FilterSpec(name) { (arguments, _) throws(FilterArgumentError) in
            let reader = try ArgumentReader(arguments, "(value, …)", 1...)
            var values: [String] = []
            for position in 0..<reader.count { values.append(try reader.nonEmptyText(position)) }
            return .filter(MatchClientCertificate(make(values)))
        }
    }

    private static func addresses(_ name: String, _ usage: StaticString, takesPrefixes: Bool) -> FilterSpec {
        FilterSpec(name) { (arguments, _) throws(FilterArgumentError) in
            let reader = try ArgumentReader(arguments, usage, 1...)
            var prefixes: [AddressPrefix] = []
            for position in 0..<reader.count {
                let text = try reader.text(position)
                guard let prefix = try? AddressPrefix(text), text.utf8.contains(UInt8(ascii: "/")) == takesPrefixes else {
                    throw reader.refusal(position, takesPrefixes ? "addresses like \"10.0.0.0/8\"" : "an address")
                }
                prefixes.append(prefix)
            }
            let set = AddressSet(prefixes)
            return .filter(MatchClientCertificate { $0.addresses.contains { set.contains($0) } })
        }
    }

    /// A star stands for one whole label, the first.
    static func isName(_ name: String, like pattern: String) -> Bool {
        guard pattern.hasPrefix("*.") else { return name == pattern }
        guard let dot = name.firstIndex(of: "."), dot > name.startIndex else { return false }
        return name[dot...] == pattern.dropFirst()
    }

    /// A star stands for any characters but slashes.
    static func isURI(_ uri: ArraySlice<UInt8>, like pattern: ArraySlice<UInt8>) -> Bool {
        var (uri, pattern) = (uri, pattern)
        // Where to go on if what follows the last star does not fit; one star is enough to go back to.
        var retry: (uri: ArraySlice<UInt8>, pattern: ArraySlice<UInt8>)?
        while true {
            if pattern.first == UInt8(ascii: "*") {
                pattern = pattern.dropFirst()
                retry = (uri, pattern)
            } else if let byte = uri.first, byte == pattern.first {
                uri = uri.dropFirst()
                pattern = pattern.dropFirst()
            } else if uri.isEmpty, pattern.isEmpty {
                return true
            } else if let (rest, behind) = retry, let skipped = rest.first, skipped != UInt8(ascii: "/") {
                retry = (rest.dropFirst(), behind)
                (uri, pattern) = (rest.dropFirst(), behind)
            } else {
                return false
            }
        }
    }
}

/// The authorities that `mtlsAuthn` trusts, as they are at present.
public final class ClientTrust: Sendable {
    private let trust = Mutex<CertificateTrust?>(nil)

    public init() {}

    /// Those from here on.
    public func replace(_ new: CertificateTrust) { trust.withLock { $0 = new } }

    /// Without others it is those of the system that are trusted; reading them takes 10 ms, so not on a worker.
    func prepare() {
        trust.withLock { if $0 == nil { $0 = CertificateTrust([], addsSystem: true) } }
    }

    var current: CertificateTrust? { trust.withLock { $0 } }
}

extension FilterContext {
    /// What the client showed for its connection; nil without TLS or certificates.
    var clientCertificates: PeerCertificates? { services.clientCertificates(self) }

    /// Answers instead of the backend: who the client is was not shown (401) or does not suffice (403).
    fileprivate func reject(_ status: UInt16, _ reason: String) -> FilterAction {
        bag["auth-reject-reason"] = reason
        respond(status: status)
        let host = Array(request.host)
        host.withUnsafeBytes { setValue(.response, ClientCertificateFields.authenticate, $0) }
        return .serve
    }
}

private enum ClientCertificateFields {
    static let authenticate = FieldName("WWW-Authenticate")
    static let forwarded = FieldName("X-Forwarded-Tls-Client-Cert")
}

/// `mtlsAuthn`.
private final class VerifyClientCertificate: Filter, @unchecked Sendable {
    private let trust: ClientTrust

    init(_ trust: ClientTrust) { self.trust = trust }

    override func request(_ context: FilterContext) -> FilterAction {
        guard let certificates = context.clientCertificates else { return context.reject(401, "no-client-certificate") }
        guard let trust = trust.current else { return context.reject(403, "no authorities") }
        if let problem = certificates.problem(under: trust, now: context.services.now) { return context.reject(403, problem) }
        return .next
    }
}

/// `mtlsCN` and its kin.
private final class MatchClientCertificate: Filter, @unchecked Sendable {
    typealias Test = @Sendable (PeerCertificates) -> Bool

    private let matches: Test

    init(_ matches: @escaping Test) { self.matches = matches }

    override func request(_ context: FilterContext) -> FilterAction {
        guard let certificates = context.clientCertificates else { return context.reject(401, "no-client-certificate") }
        return matches(certificates) ? .next : context.reject(403, "client-certificate-mismatch")
    }
}

/// `tlsPassClientCertificates`: the backend learns what the client showed, and never what the client writes there itself.
private final class PassClientCertificates: Filter, @unchecked Sendable {
    override func request(_ context: FilterContext) -> FilterAction {
        context.removeValues(.request, ClientCertificateFields.forwarded)
        context.clientCertificates?.text.withUnsafeBytes { context.setValue(.request, ClientCertificateFields.forwarded, $0) }
        return .next
    }
}
