public import Bytes
public import Filters
internal import HTTP

/// A request that nobody sent, to ask which route it would take.
public struct ExplainedRequest: Sendable {
    public var method = "GET"
    /// `http://host/path?query`, or the path and query alone.
    public var url = "/"
    /// In order; a `Host` among them takes the place of the URL's.
    public var headers: [(name: String, value: String)] = []
    public var client = IPAddress.loopbackV4
    /// `-normalize-host`: lower case, without port and final dot.
    public var normalizesHost = false
    /// `-rfc-patch-path`: reserved characters stay encoded for matching.
    public var reservedStayEncoded = false
    /// Since 1970, nanoseconds, for predicates that look at the clock.
    public var wallTime: UInt64 = 0

    public init() {}

    /// Adds a header written as `Name: value`.
    public mutating func add(header line: String) throws(ExplainedRequestError) {
        guard let colon = line.firstIndex(of: ":"), colon != line.startIndex else {
            throw ExplainedRequestError("a header is written Name:Value, found \"\(line)\"")
        }
        let name = String(line[..<colon]), value = line[line.index(after: colon)...].drop { $0 == " " || $0 == "\t" }
        let isToken = name.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7f && $0 != UInt8(ascii: "\"") }
        guard isToken, value.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7f || $0 == 0x09 }) else {
            throw ExplainedRequestError("no request can have the header \"\(line)\"")
        }
        headers.append((name, String(value)))
    }
}

/// Why no request can be made of what was asked.
public struct ExplainedRequestError: Error, CustomStringConvertible, Sendable {
    public let description: String

    public init(_ description: String) { self.description = description }
}

extension ExplainedRequest {
    /// Throws if no client could send this.
    public func check() throws(ExplainedRequestError) { try withContext { _ in } }

    fileprivate func withContext<Result>(_ body: (FilterContext) -> Result) throws(ExplainedRequestError) -> Result {
        let services = FilterServices()
        services.wallTime = wallTime
        let state = UnsafeMutablePointer<FilterState>.allocate(capacity: 1)
        state.initialize(to: FilterState(services: services))
        defer {
            state.deinitialize(count: 1)
            state.deallocate()
        }
        try fill(&state.pointee)
        return withExtendedLifetime(services) { body(FilterContext(state)) }
    }
}

extension RoutingTable {
    /// Finds the route of a request as `match` does and tells how.
    ///
    /// - Parameter ownAnswer: what the proxy answers itself without looking for a route; nil if it looks for one.
    public func explain(
        _ request: ExplainedRequest, ownAnswer: (FilterContext) -> String? = { _ in nil }
    ) throws(ExplainedRequestError) -> RouteExplanation {
        try request.withContext { context in
            guard let answer = ownAnswer(context) else { return explain(context) }
            var explanation = RouteExplanation(context)
            explanation.ownAnswer = answer
            return explanation
        }
    }
}

extension ExplainedRequest {
    fileprivate func fill(_ state: inout FilterState) throws(ExplainedRequestError) {
        let (authority, target) = try parts
        guard !method.isEmpty, method.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f }) else { throw ExplainedRequestError("\"\(method)\" is no method") }
        do throws(HTTPError) {
            try state.request.make(method: method, target: target, host: authority, reservedStayEncoded: reservedStayEncoded)
        } catch {
            throw ExplainedRequestError("\"\(target)\": \(error.reason)")
        }
        let host = normalizesHost ? Self.normalized(authority) : authority
        host.withBytes { state.request.setHost($0) }
        for (name, value) in headers where !Self.isHost(name) {
            value.withBytes { value in name.withBytes { state.request.headers.append(nameBytes: $0, value) } }
        }
        state.peer = client
    }

    /// The host and what stands on the request line.
    private var parts: (authority: String, target: String) {
        get throws(ExplainedRequestError) {
            var rest = url[...]
            var authority = ""
            for scheme in ["http://", "https://"] where rest.lowercased().hasPrefix(scheme) {
                rest = rest.dropFirst(scheme.count)
                let end = rest.firstIndex { $0 == "/" || $0 == "?" || $0 == "#" } ?? rest.endIndex
                authority = String(rest[..<end])
                rest = rest[end...]
                guard !authority.isEmpty else { throw ExplainedRequestError("\"\(url)\" names no host") }
                if !rest.hasPrefix("/") { rest = "/" + rest }
                break
            }
            if let fragment = rest.firstIndex(of: "#") { rest = rest[..<fragment] }
            guard rest.hasPrefix("/") else { throw ExplainedRequestError("\"\(url)\" is neither http://host/path nor /path") }
            guard url.utf8.allSatisfy({ $0 > 0x20 && $0 != 0x7f }) else {
                throw ExplainedRequestError("\"\(url)\" has what no request line can have; write it as %20 and the like")
            }
            let named = headers.last { Self.isHost($0.name) }?.value
            return (named ?? authority, String(rest))
        }
    }

    private static func isHost(_ name: String) -> Bool { name.lowercased() == "host" }

    private static func normalized(_ host: String) -> String {
        var host = host.lowercased()[...]
        if host.last != "]", let colon = host.lastIndex(of: ":") { host = host[..<colon] }
        if host.hasSuffix(".") { host = host.dropLast() }
        return String(host)
    }
}
