import Config
import Eskip
import Filters
import Routing

/// Compiles a document as the proxy would and tells everything it would refuse, each thing at its place.
struct RouteCheck {
    private let filters = FilterRegistry.builtIn()
    private var options: RoutingOptions
    /// For routes and parts of them one after the other.
    private let single: RouteCompiler

    init(options: RoutingOptions = RoutingOptions()) {
        self.options = options
        // What -forward-backend-url says is for the proxy to know.
        self.options.acceptsForward = true
        single = RouteCompiler(options: self.options, filters: filters, endpoints: EndpointRegistry())
    }

    /// In the order of the text. What parsed is compiled even if other routes did not parse.
    func errors(in parsed: ParsedDocument) -> [EskipError] {
        var errors = parsed.errors
        let refused = Set(refusals(of: Array(parsed.document)).map(\.routeID))
        for definition in parsed.document where refused.contains(definition.id) {
            if let first = refusal(of: definition) { errors += self.errors(in: definition, first) }
        }
        return errors.sorted { ($0.position.line, $0.position.column) < ($1.position.line, $1.position.column) }
    }

    /// Routes whose id comes again, which is accepted: the last one counts.
    func repetitions(in document: RouteDocument) -> [EskipError] {
        var seen: Set<String> = []
        return document.reversed().filter { !seen.insert($0.id).inserted }.reversed().map {
            error("warning: its id comes again below, and the last one counts", at: $0.position, length: $0.id.utf8.count, of: $0)
        }
    }

    /// What is allowed and probably not meant, in the order of the text.
    func findings(in document: RouteDocument) -> [EskipError] {
        RouteLint.findings(in: Array(document), options: options).map { finding in
            let excerpt = finding.position.flatMap { document.excerpt(at: $0) }
            let position = finding.position ?? SourcePosition(sourceName: document.sourceName, line: 1, column: 1)
            return EskipError(position: position, routeID: finding.routeID, message: "\(finding.kind.rawValue): \(finding.message)", excerpt: excerpt)
        }
    }

    /// The compiler stops at a route's first error; the others show when its parts are compiled one by one.
    private func errors(in definition: RouteDefinition, _ first: RouteDiagnostic) -> [EskipError] {
        var found: [(message: String, position: SourcePosition?, length: Int)] = []
        var isExplained = false
        for (call, isFilter) in definition.predicates.map({ ($0, false) }) + definition.filters.map({ ($0, true) }) {
            var edit = RouteEdit()
            edit.predicates = isFilter ? .empty : CallList([call])
            edit.filters = isFilter ? CallList([call]) : .empty
            edit.backend = .shunt
            guard let refusal = refusal(of: definition.changed(by: edit)) else { continue }
            found.append((refusal.message + hint(for: call, refusal.refusal), call.position, call.name.utf8.count))
            isExplained = isExplained || refusal.message == first.message
        }
        var edit = RouteEdit()
        (edit.predicates, edit.filters) = (.empty, .empty)
        if let message = refusal(of: definition.changed(by: edit))?.message {
            found.append((message, definition.backendPosition, 1))
            isExplained = isExplained || message == first.message
        }
        // What no part explains lies in their combination.
        if !isExplained { found.append((first.message, first.position, 1)) }
        return found.map { error($0.message, at: $0.position ?? definition.position, length: $0.length, of: definition) }
    }

    /// The name that may be meant, where there is none like this.
    private func hint(for call: Call, _ refusal: RouteRefusal) -> String {
        switch refusal {
        case .unknownFilter: NearestName.hint(for: call.name, among: filters.names)
        case .unknownPredicate: NearestName.hint(for: call.name, among: PredicateRegistry.standard.names + Self.ownPredicates)
        default: ""
        }
    }

    /// Those of the routing tree itself.
    private static let ownPredicates = ["Path", "PathSubtree", "PathRegexp", "Host", "Method", "Header", "HeaderRegexp", "Weight", "Any"]

    private func refusal(of definition: RouteDefinition) -> RouteDiagnostic? {
        let update = single.apply(RouteChange(upserts: [definition], deletes: [definition.id]), clock: RouteClock(now: 0, wallTime: 0))
        return update.diagnostics.first
    }

    private func refusals(of definitions: [RouteDefinition]) -> [RouteDiagnostic] {
        let compiler = RouteCompiler(options: options, filters: filters, endpoints: EndpointRegistry())
        return compiler.replaceAll(with: definitions, clock: RouteClock(now: 0, wallTime: 0)).diagnostics
    }

    private func error(_ message: String, at position: SourcePosition?, length: Int, of definition: RouteDefinition) -> EskipError {
        let document = definition.document
        let position = position ?? SourcePosition(sourceName: document.sourceName, line: 1, column: 1)
        return EskipError(position: position, routeID: definition.id, message: message, excerpt: document.excerpt(at: position, length: length))
    }
}
