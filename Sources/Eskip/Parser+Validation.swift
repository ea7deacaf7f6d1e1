// What the parser checks beyond the grammar (eskip.md §3). These errors refuse a document too, but reading goes on.

/// What is known of the predicates of the route being read that may stand only once.
struct PredicateFactsOfRoute {
    var hasPath = false
    var hasMethod = false
    var headerHashes: Set<UInt64> = []
    var headerNames: [TextRef] = []

    mutating func reset() {
        hasPath = false
        hasMethod = false
        guard !headerNames.isEmpty else { return }
        headerHashes.removeAll(keepingCapacity: true)
        headerNames.removeAll(keepingCapacity: true)
    }
}

extension Parser {
    /// Checks arity and repetition of one of the six legacy predicates, just read.
    ///
    /// - Parameter first: its first argument among those of the route.
    mutating func checkLegacy(_ name: Name, from first: Int, at place: Range<Int>) {
        let arguments = (first..<route.argumentCount).map(route.argument(at:))
        let needed = name == .header || name == .headerRegexp ? 2 : 1
        guard arguments.count == needed, !arguments.contains(where: \.isNumber) else {
            let what = needed == 1 ? "1 string" : "2 strings, a header's name and its value"
            errors.add("\(name) takes \(what), found \(described(arguments))", at: place)
            return
        }
        switch name {
        case .path: checkOnce(\.hasPath, "a route has one Path at most; put the other in a route of its own", at: place)
        case .method:
            checkOnce(\.hasMethod, "a route has one Method at most; use Methods(…) for several", at: place)
        case .header: checkHeader(arguments[0], at: place)
        default: break
        }
    }

    private mutating func checkOnce(
        _ fact: WritableKeyPath<PredicateFactsOfRoute, Bool>, _ message: String, at place: Range<Int>
    ) {
        if facts[keyPath: fact] { errors.add(message, at: place) }
        facts[keyPath: fact] = true
    }

    /// Names are compared as written: `X-A` and `x-a` may stand beside each other.
    private mutating func checkHeader(_ name: TextRef, at place: Range<Int>) {
        let bytes = bytes(of: name)
        var hash = ContentHash()
        bytes.withUnsafeBytes { hash.combine($0) }
        let isNew = facts.headerHashes.insert(hash.value).inserted
        if !isNew, facts.headerNames.contains(where: { self.bytes(of: $0) == bytes }) {
            errors.add("a route has one Header(\"\(Printable.quoted(bytes[...]))\", …) at most", at: place)
        }
        facts.headerNames.append(name)
    }

    private func described(_ arguments: [TextRef]) -> String {
        if arguments.isEmpty { return "no argument" }
        let numbers = arguments.count { $0.isNumber }
        if numbers == 0 { return arguments.count == 1 ? "1 string" : "\(arguments.count) strings" }
        let all = arguments.count == 1 ? "1 argument" : "\(arguments.count) arguments"
        return numbers == arguments.count ? "\(all), not a string" : "\(all), not all of them strings"
    }
}

/// What is wrong with an endpoint.
enum EndpointMessage {
    static func of(_ problem: LBEndpointAddress.Problem, _ found: String) -> String {
        switch problem {
        case .noScheme: "an endpoint is an absolute URI such as \"http://10.0.0.1:8080\", found \(found)"
        case .character(let byte): "the endpoint \(found) holds the byte 0x\(String(byte, radix: 16)), which no URI has"
        case .port: "the port of the endpoint \(found) is not a number"
        case .escape: "the endpoint \(found) has a % without two hexadecimal digits"
        case .brackets: "the IPv6 address of the endpoint \(found) has no closing ], or more than a port behind it"
        }
    }

    static func mixed(_ first: [UInt8], _ other: [UInt8]) -> String {
        "the endpoints of a backend share one scheme, found \(Printable.quoted(first[...])) and \(Printable.quoted(other[...]))"
    }
}
