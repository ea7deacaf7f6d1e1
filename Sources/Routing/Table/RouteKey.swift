internal import Bytes

/// By what the routes of a node are told apart before any of them is asked.
enum RouteKey: Hashable, Sendable {
    /// A host's name; the table alone decides by it.
    case host(HostLiteral)
    /// What hosts' names end in, from a dot on; the route's checks compare the rest.
    case hostEnding([UInt8])
    /// A regexp of the host or the path, found by a scan of all of them; the route's checks confirm it.
    case hostRegexp([UInt8])
    case pathRegexp([UInt8])

    /// What the table finds the key's number by.
    var text: [UInt8] {
        switch self {
        case .host(let literal): literal.text
        case .hostEnding(let text), .hostRegexp(let text), .pathRegexp(let text): text
        }
    }

    var kind: TableSlot.Kind {
        switch self {
        case .host: .hostName
        case .hostEnding: .hostSuffix
        case .hostRegexp: .hostRegexp
        case .pathRegexp: .pathRegexp
        }
    }

    var forms: HostForms { if case .host(let literal) = self { literal.forms } else { [] } }
    /// What a candidate found by this key says of it.
    var flags: Candidate.Flags { if case .host = self { [] } else { .isHint } }

    /// Keys of hosts, if they can all be looked up.
    static func keys(of literals: [HostLiteral]) -> [RouteKey]? {
        guard literals.allSatisfy({ ($0.wildcard == nil || $0.isSuffix) && $0.text.count <= RoutingLimits.keyBytesMax }) else { return nil }
        return literals.map { $0.wildcard == nil ? .host($0) : .hostEnding($0.text) }
    }

    /// The key of a regexp, if it is not too long for one.
    static func regexp(_ make: ([UInt8]) -> RouteKey, _ pattern: BorrowedBytes) -> [RouteKey]? {
        pattern.count <= RoutingLimits.keyBytesMax ? [make(Array(pattern))] : nil
    }
}
