internal import Bytes
public import Eskip
public import Filters
internal import HTTP

/// What became of a request on its way through a table: every route whose path pattern fits, in the order in which they were
/// tried, with the predicate that refused it, and the route that was taken.
public struct RouteExplanation: Sendable {
    /// A route that was tried.
    public struct Attempt: Sendable {
        public let definition: RouteDefinition
        public let weight: Int
        /// Whether the route was found by its path pattern; the others come after all that were.
        public let hasPathPattern: Bool
        /// The predicate that refused the request; nil for the route that was taken.
        public fileprivate(set) var refusal: String?
        /// Tells routes apart.
        fileprivate let identity: UInt

        fileprivate init(_ route: Unmanaged<Route>, hasPathPattern: Bool, refusal: String?) {
            identity = UInt(bitPattern: route.toOpaque())
            definition = route.takeUnretainedValue().currentDefinition
            weight = route.takeUnretainedValue().weight
            self.hasPathPattern = hasPathPattern
            self.refusal = refusal
        }
    }

    /// A name in the path pattern and what it stood for.
    public struct Parameter: Sendable, Equatable {
        public let name: String
        public let value: String
    }

    public let method: String
    /// As routes see it.
    public let path: String
    public let host: String
    public let client: String
    public fileprivate(set) var attempts: [Attempt] = []
    /// Routes that were tried beyond `RoutingLimits.explainedAttemptsMax`.
    public fileprivate(set) var omittedCount = 0
    /// Hosts whose routes share a path pattern with those above and were not looked at, because the request has another host.
    public fileprivate(set) var otherHostCount = 0
    /// What the proxy answers without a route, for which none is looked for; nil for nearly all requests.
    public internal(set) var ownAnswer: String?
    /// Nil if no route matches.
    public fileprivate(set) var taken: RouteDefinition?
    public fileprivate(set) var parameters: [Parameter] = []

    init(_ context: FilterContext) {
        method = context.request.methodBytes.text
        path = context.request.matchPath.text
        host = context.request.host.text
        client = context.peer.description
    }
}

extension RoutingTable {
    /// Finds the route of a request as `match` does and tells how.
    ///
    /// For people: it allocates, and predicates that draw random numbers draw them.
    public func explain(_ context: FilterContext) -> RouteExplanation {
        var probe = ExplainProbe(context: context, explanation: RouteExplanation(context))
        let found = find(context, &probe)
        var explanation = probe.explanation
        guard let found else { return explanation }
        let route = found.route.takeUnretainedValue()
        context.setParameters(of: route, options: options)
        explanation.taken = route.currentDefinition
        explanation.parameters = (0..<context.parameters.count).map { index in
            let parameter = context.parameters[index]
            return .init(name: parameter.name.text, value: context.request.headers.slice(parameter.value).text)
        }
        return explanation
    }
}

/// Notes what a `MatchProbe` would do.
private struct ExplainProbe: RouteProbe {
    let context: FilterContext
    var explanation: RouteExplanation
    private var isInTree = true

    init(context: FilterContext, explanation: RouteExplanation) {
        self.context = context
        self.explanation = explanation
    }

    mutating func visits(_ node: UnsafePointer<TableSlot>, hostEntries: Int) {
        isInTree = node.pointee.kind != .rootStage
        explanation.otherHostCount += Int(node.pointee.uses) - hostEntries
    }

    mutating func admits(_ candidate: Candidate, fits: Bool) -> Bool {
        let route = candidate.route.takeUnretainedValue()
        let refusal = fits ? refusalOfChecks(route) : refusalOfTable(candidate, route)
        note(candidate.route, refusal)
        return refusal == nil
    }

    /// A route of several hosts comes once for each: what the one that fits says is the last word.
    private mutating func note(_ route: Unmanaged<Route>, _ refusal: String?) {
        let count = explanation.attempts.count
        if count > 0, explanation.attempts[count - 1].identity == UInt(bitPattern: route.toOpaque()) {
            explanation.attempts[count - 1].refusal = refusal
        } else if count < RoutingLimits.explainedAttemptsMax || refusal == nil {
            explanation.attempts.append(.init(route, hasPathPattern: isInTree, refusal: refusal))
        } else {
            explanation.omittedCount += 1
        }
    }

    private func refusalOfChecks(_ route: Route) -> String? {
        guard let position = route.conditions.firstRefusal(context) else { return nil }
        return text(route.definition.predicates[route.conditions.checks[position].definitionIndex])
    }

    /// The table itself compares methods and literal hosts.
    private func refusalOfTable(_ candidate: Candidate, _ route: Route) -> String {
        let hasMethod = candidate.methods >> UInt16(context.request.method.rawValue) & 1 == 1
        let names: [Name] = hasMethod ? [.host, "HostAny"] : [.method, "Methods"]
        let call = route.definition.predicates.first { names.contains($0.nameID) && (!hasMethod || !admitsHost($0)) }
        return call.map { text($0) } ?? ""
    }

    private func admitsHost(_ call: Call) -> Bool {
        if call.nameID == .host {
            let literals = call.arguments.withStringBytes(at: 0, HostPatternReader.read) ?? nil
            return literals?.contains { $0.matches(context.request.host) } ?? true
        }
        return call.arguments.allStrings()?.contains(context.request.host.text) ?? true
    }

    private func text(_ call: Call) -> String { RoutePrinter.compact.text(ofPredicate: call) }
}

// MARK: - For people and programs

extension RouteExplanation {
    /// Several lines: the request, the routes that were tried, and what follows.
    public var text: String {
        var lines = ["\(method) \(path), Host \"\(host)\", from \(client)"]
        if let ownAnswer { return (lines + ["  answered without a route: \(ownAnswer)"]).joined(separator: "\n") }
        var wasInTree = true
        for (number, attempt) in attempts.enumerated() {
            if wasInTree, !attempt.hasPathPattern { lines.append("  routes without a path pattern:") }
            wasInTree = attempt.hasPathPattern
            let outcome = attempt.refusal.map { "refused by \($0)" } ?? "taken"
            lines.append("  \(number + 1). \(attempt.definition.id) (weight \(attempt.weight)): \(outcome)")
        }
        if omittedCount > 0 { lines.append("  and \(omittedCount) more that were refused") }
        if otherHostCount > 0 { lines.append("  routes of \(otherHostCount) other hosts have the same patterns") }
        guard let taken else { return (lines + ["no route matches"]).joined(separator: "\n") }
        for parameter in parameters { lines.append("parameter \(parameter.name) = \(parameter.value)") }
        lines.append(RoutePrinter.pretty.text(of: taken))
        return lines.joined(separator: "\n")
    }

    /// Appends the explanation as one object: `request`, `ownAnswer` if there is one, `attempts`, `parameters`, and
    /// `route` if there is one.
    public func appendJSON(to output: inout [UInt8]) {
        func string(_ text: String) { text.withBytes { JSONText.appendString($0, to: &output) } }
        func member(_ name: String, _ text: String, isFirst: Bool = false) {
            output += (isFirst ? "" : ",").utf8
            string(name)
            output += ":".utf8
            string(text)
        }
        output += #"{"request":{"#.utf8
        member("method", method, isFirst: true)
        member("path", path)
        member("host", host)
        member("client", client)
        output += "}".utf8
        if let ownAnswer { member("ownAnswer", ownAnswer) }
        output += #","attempts":["#.utf8
        for (number, attempt) in attempts.enumerated() {
            output += (number == 0 ? "{" : ",{").utf8
            member("id", attempt.definition.id, isFirst: true)
            output += ",\"weight\":\(attempt.weight),\"pathPattern\":\(attempt.hasPathPattern)".utf8
            if let refusal = attempt.refusal { member("refusedBy", refusal) }
            output += "}".utf8
        }
        output += "],\"omitted\":\(omittedCount),\"otherHosts\":\(otherHostCount),\"parameters\":{".utf8
        for (number, parameter) in parameters.enumerated() { member(parameter.name, parameter.value, isFirst: number == 0) }
        output += "}".utf8
        if let taken {
            output += #","route":"#.utf8
            RouteJSON().append(taken, to: &output)
        }
        output += "}".utf8
    }
}
