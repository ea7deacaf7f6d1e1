public import Bytes
internal import Synchronization

/// A server that requests go to: scheme, host and port, and how the Host field names it.
///
/// One object per origin in the whole process while anybody holds it, so that origins compare as pointers. `id` is a
/// small number for tables indexed by it, as every worker's pools are; it is given to another origin once this one is
/// gone, so such a table holds the origin itself beside what it keeps for it.
public final class Origin: Sendable {
    /// How to speak with the server.
    public enum Scheme: UInt8, Sendable, CaseIterable {
        case http, https
        /// HTTP/2 in clear text by prior knowledge, RFC 9113 §3.3.
        case h2c
        case fastcgi
    }

    /// Dense from 0; reused after this object's end.
    public let id: UInt32
    public let scheme: Scheme
    public let port: UInt16
    /// Lower-case; IPv6 without brackets.
    public let host: [UInt8]
    /// What goes into the Host field: `host[:port]` as written, lower-case, IPv6 in brackets.
    public let authority: [UInt8]
    /// Rules of its own for TLS, as a number that whoever made them can tell; 0 for the usual ones. Connections made under
    /// different rules are not to be exchanged, so these are different origins.
    public let security: UInt64
    /// The forward proxy by whose tunnel the server is reached.
    public let proxy: Origin?
    /// The address if the host is a literal, which needs no name resolution.
    public let address: IPAddress?

    /// Gives the one origin of these parts, which are not checked any more; see `parse` for text from outside.
    ///
    /// - Parameters:
    ///   - host: lower-case, IPv6 without brackets.
    ///   - authority: lower-case; origins that differ in nothing else are two, because their Host fields differ.
    public static func intern(
        scheme: Scheme, host: [UInt8], port: UInt16, authority: [UInt8], security: UInt64 = 0, proxy: Origin? = nil
    ) -> Origin {
        OriginTable.shared.withLock {
            $0.intern(OriginKey(scheme: scheme, port: port, host: host, authority: authority, security: security, proxy: proxy))
        }
    }

    /// Whether any origin of the process was one of `https`.
    public static var isTLSWanted: Bool { tlsWanted.load(ordering: .relaxed) }
    private static let tlsWanted = Atomic(false)

    /// The same server under other rules for TLS.
    public func under(security: UInt64) -> Origin {
        Origin.intern(scheme: scheme, host: host, port: port, authority: authority, security: security, proxy: proxy)
    }

    /// The same server by way of a forward proxy.
    public func through(_ proxy: Origin) -> Origin {
        Origin.intern(scheme: scheme, host: host, port: port, authority: authority, security: security, proxy: proxy)
    }

    fileprivate init(id: UInt32, key: OriginKey) {
        self.id = id
        scheme = key.scheme
        port = key.port
        security = key.security
        if scheme.isSecure { Origin.tlsWanted.store(true, ordering: .relaxed) }
        proxy = key.proxy
        host = key.host
        // Most authorities are the host itself: one array then serves both.
        authority = key.authority == key.host ? key.host : key.authority
        address = key.host.withUnsafeBytes { IPAddress($0) }
    }

    deinit {
        // The proxy outlives the table's entry, which holds it too: its own end would wait for the lock that is held here.
        OriginTable.shared.withLock { $0.remove(id: id, key: key) }
    }

    private var key: OriginKey { OriginKey(scheme: scheme, port: port, host: host, authority: authority, security: security, proxy: proxy) }
}

extension Origin: Hashable {
    public static func == (left: Origin, right: Origin) -> Bool { left === right }
    public func hash(into hasher: inout Hasher) { hasher.combine(ObjectIdentifier(self)) }
}

extension Origin: CustomStringConvertible {
    /// `scheme://host[:port]`, the port as written.
    public var description: String { "\(scheme)://\(String(decoding: authority, as: UTF8.self))" }

    /// `host:port` with the port always there, IPv6 in brackets: what logs and metrics call the server.
    public var hostAndPort: String {
        let name = String(decoding: host, as: UTF8.self)
        return host.contains(UInt8(ascii: ":")) ? "[\(name)]:\(port)" : "\(name):\(port)"
    }
}

// MARK: - Scheme

extension Origin.Scheme: CustomStringConvertible {
    /// Recognises a scheme in any case, RFC 3986 §3.1.
    public init?(_ name: BorrowedBytes) {
        guard let scheme = Self.allCases.first(where: { name.equalsIgnoringCase(BorrowedBytes($0.name)) }) else { return nil }
        self = scheme
    }

    public var name: StaticString {
        switch self {
        case .http: "http"
        case .https: "https"
        case .h2c: "h2c"
        case .fastcgi: "fastcgi"
        }
    }

    public var description: String { name.description }

    /// 443 for https, 80 for all others (eskip.md §5).
    public var defaultPort: UInt16 { self == .https ? 443 : 80 }

    public var isSecure: Bool { self == .https }
}

// MARK: - Text

/// Why a text names no origin.
public enum OriginError: Error, Equatable, Sendable {
    case missingScheme, unsupportedScheme, missingHost, malformedHost, malformedPort, hostTooLong

    /// What was found and what is allowed.
    public var reason: String {
        switch self {
        case .missingScheme: "a backend is written scheme://host[:port], and the scheme is missing"
        case .unsupportedScheme: "the scheme of a backend is http, https, h2c or fastcgi"
        case .missingHost: "a backend is written scheme://host[:port], and the host is missing"
        case .malformedHost: "the host is neither a name (international ones in their xn-- form) nor an address (IPv6 in brackets)"
        case .malformedPort: "the port is not a number from 1 to 65535"
        case .hostTooLong: "the host is longer than \(Origin.hostBytesMax) bytes"
        }
    }
}

extension Origin {
    /// RFC 1035 §2.3.4: no name is longer.
    public static let hostBytesMax = 255

    /// Where the parts of an origin stand in a URL.
    public struct Parts {
        public let scheme: Scheme
        /// The scheme's bytes, without `:`.
        public let schemeBytes: BorrowedBytes
        /// `host[:port]`, checked, as written.
        public let authority: BorrowedBytes
    }

    /// Takes a URL apart: path, query and fragment are ignored (requests keep their own), as is user information,
    /// which no exchange would use (a backend's password belongs into a filter that sets Authorization).
    public static func split(_ url: BorrowedBytes) throws(OriginError) -> Parts {
        guard let colon = url.firstIndex(of: UInt8(ascii: ":"), from: 0), colon > 0,
            url.slice(0, colon).allSatisfy({ isSchemeByte($0) }) else { throw .missingScheme }
        let rest = url.slice(colon + 1, url.count)
        // `example.org:80/x` has no scheme, although its host could be one.
        guard rest.hasPrefix("//") else { throw rest.first.map { ASCII.isDigit($0) } == true ? .missingScheme : .missingHost }
        guard let scheme = Scheme(url.slice(0, colon)) else { throw .unsupportedScheme }
        let end = rest.dropFirst(2).firstIndex { "/?#".utf8.contains($0) } ?? rest.count
        var start = 2
        if let at = rest[2..<end].lastIndex(of: UInt8(ascii: "@")) { start = at + 1 }
        let authority = rest.slice(start, end)
        _ = try place(authority)
        return Parts(scheme: scheme, schemeBytes: url.slice(0, colon), authority: authority)
    }

    /// Whether `make` takes this `host[:port]`.
    public static func isAuthority(_ text: BorrowedBytes) -> Bool { (try? place(text)) != nil }

    /// Gives the origin a URL names.
    public static func parse(_ url: BorrowedBytes) throws(OriginError) -> Origin {
        let parts = try split(url)
        return try make(scheme: parts.scheme, authority: parts.authority)
    }

    public static func parse(_ url: String) throws(OriginError) -> Origin {
        try Array(url.utf8).withUnsafeBufferPointer { bytes throws(OriginError) in try parse(BorrowedBytes(bytes)) }
    }

    /// Gives the origin of a scheme and a `host[:port]`, which filters may have taken from a request.
    public static func make(scheme: Scheme, authority: BorrowedBytes) throws(OriginError) -> Origin {
        let parts = try place(authority)
        let lowered = authority.map { ASCII.lowercased($0) }
        // `host:` is `host` without a port, RFC 3986 §3.2.3.
        let written = parts.port == nil && lowered.last == UInt8(ascii: ":") ? lowered.dropLast() : lowered[...]
        return intern(
            scheme: scheme, host: Array(lowered[parts.host]), port: parts.port ?? scheme.defaultPort, authority: Array(written))
    }

    private static func isSchemeByte(_ byte: UInt8) -> Bool {
        ASCII.isLetter(byte) || ASCII.isDigit(byte) || byte == UInt8(ascii: "+") || byte == UInt8(ascii: "-") || byte == UInt8(ascii: ".")
    }

    /// Where host and port of an authority stand, once its characters and its length are right.
    private static func place(_ authority: BorrowedBytes) throws(OriginError) -> HostPort {
        let isBracketed = authority.first == UInt8(ascii: "[")
        guard let parts = HostPort(authority) else {
            throw isBracketed && !authority.contains(UInt8(ascii: "]")) ? .malformedHost : .malformedPort
        }
        guard !parts.host.isEmpty else { throw .missingHost }
        guard parts.host.count <= hostBytesMax else { throw .hostTooLong }
        guard parts.port != 0 else { throw .malformedPort }
        guard parts.isIPv6Literal == isBracketed, HostSyntax.isHost(authority) else { throw .malformedHost }
        if isBracketed, !isIPv6(authority.slice(parts.host.lowerBound, parts.host.upperBound)) { throw .malformedHost }
        return parts
    }

    private static func isIPv6(_ host: BorrowedBytes) -> Bool {
        host.contains(UInt8(ascii: ":")) && IPAddress(host) != nil
    }
}

// MARK: - Interning

private struct OriginKey: Hashable {
    let scheme: Origin.Scheme
    let port: UInt16
    let host: [UInt8]
    let authority: [UInt8]
    let security: UInt64
    let proxy: Origin?

    func hash(into hasher: inout Hasher) {
        hasher.combine(scheme)
        hasher.combine(authority)
    }
}

/// The origins somebody holds; only `Origin` touches it.
private struct OriginTable {
    static let shared = Mutex(OriginTable())

    private struct Entry {
        weak var origin: Origin?
        let id: UInt32
    }

    private var entries: [OriginKey: Entry] = [:]
    private var freeIDs: [UInt32] = []
    private var idCount: UInt32 = 0

    mutating func intern(_ key: OriginKey) -> Origin {
        if let origin = entries[key]?.origin { return origin }
        // A dying origin of this key has its entry replaced here; its own `remove` sees that by the number.
        let id = freeIDs.popLast() ?? takeNewID()
        let origin = Origin(id: id, key: key)
        entries[key] = Entry(origin: origin, id: id)
        return origin
    }

    private mutating func takeNewID() -> UInt32 {
        idCount += 1
        return idCount - 1
    }

    mutating func remove(id: UInt32, key: OriginKey) {
        if entries[key]?.id == id { entries[key] = nil }
        freeIDs.append(id)
    }
}
