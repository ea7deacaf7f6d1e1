internal import Bytes
public import Eskip
internal import Filters

/// Something about a route that is allowed and probably not meant.
public struct RouteFinding: Sendable, Equatable {
    public enum Kind: String, Sendable, CaseIterable {
        /// Another route takes every request that this one could.
        case unreachable
        /// Routes with a path pattern take every path, so that this one without is never asked.
        case shadowed
        /// The id stands more than once; the last one counts.
        case duplicateID = "duplicate_id"
        /// A regexp that is tried request by request, where another form would be looked up.
        case unindexedRegexp = "unindexed_regexp"
        /// Filters behind one that always answers the request.
        case unusedFilter = "unused_filter"
        /// A backend's URL with a path or query, of which nothing is sent.
        case ignoredPath = "ignored_path"
        /// A predicate's argument that is compared with something else than it looks like.
        case oddArgument = "odd_argument"
    }

    public let kind: Kind
    public let routeID: String
    public let message: String
    public let position: SourcePosition?
}

extension RouteFinding: CustomStringConvertible {
    /// One line: `file:line:column: route "id": message`.
    public var description: String {
        (position.map { "\($0): " } ?? "") + "route \"\(routeID)\": \(message)"
    }
}

/// Looks for what is allowed and probably not meant (`fairway check --lint`).
///
/// Says nothing of routes that do not compile. What it calls unreachable is; it does not find all that are.
public struct RouteLint {
    /// Filters that answer every request themselves.
    public static let servingFilters: Set<Name> = [
        "inlineContent", "redirectTo", "redirectToLower", "static", "randomContent", "repeatContent", "repeatContentHex", "absorb", "absorbSilent",
    ]

    /// Filters that are read when the route is built, wherever they stand.
    static let readAtOnce: Set<Name> = ["comment", "fadeIn", "endpointCreated", "originMarker"]

    private let options: RoutingOptions
    private var findings: [RouteFinding] = []

    /// - Returns: what was found, in the order of the definitions.
    /// - Complexity: O(routes) but for routes of one path pattern that share a predicate.
    public static func findings(in definitions: [RouteDefinition], options: RoutingOptions = RoutingOptions()) -> [RouteFinding] {
        var lint = RouteLint(options: options)
        let counting = lint.withoutDuplicates(definitions)
        for definition in counting { lint.checkAlone(definition) }
        lint.checkOrder(counting)
        return lint.findings.sorted { ($0.position?.line ?? 0, $0.position?.column ?? 0) < ($1.position?.line ?? 0, $1.position?.column ?? 0) }
    }

    private init(options: RoutingOptions) { self.options = options }

    mutating func add(_ kind: RouteFinding.Kind, _ definition: RouteDefinition, _ message: String, at position: SourcePosition? = nil) {
        findings.append(RouteFinding(kind: kind, routeID: definition.id, message: message, position: position ?? definition.position))
    }

    // MARK: Ids

    private mutating func withoutDuplicates(_ definitions: [RouteDefinition]) -> [RouteDefinition] {
        var last: [String: Int] = [:]
        for (index, definition) in definitions.enumerated() { last[definition.id] = index }
        guard last.count < definitions.count else { return definitions }
        return definitions.enumerated().compactMap { index, definition in
            guard let counting = last[definition.id], counting != index else { return definition }
            let place = definitions[counting].position.map { " at \($0)" } ?? ""
            add(.duplicateID, definition, "the id stands again\(place), and the last one counts")
            return nil
        }
    }

    // MARK: Several routes

    /// A route as far as order and reach go.
    private struct Reach {
        let definition: RouteDefinition
        let node: Node?
        let ends: PatternEnd
        let weight: Int
        /// The predicates but for path and weight, as text.
        let conditions: Set<String>
        /// Whether two questions get two answers.
        let isRandom: Bool

        /// A pattern without the names in it.
        typealias Node = [String?]

        func isTried(before other: Reach) -> Bool {
            if weight != other.weight { return weight > other.weight }
            return definition.withIdBytes { id in other.definition.withIdBytes { id.lexicographicallyPrecedes($0) } }
        }

        /// Whether whatever the other matches at a common path is this one's.
        func covers(_ other: Reach) -> Bool { !isRandom && conditions.isSubset(of: other.conditions) }
    }

    private static let random: Set<Name> = ["Traffic"]

    private mutating func checkOrder(_ definitions: [RouteDefinition]) {
        let reaches = definitions.compactMap { reach(of: $0) }
        for routes in Dictionary(grouping: reaches, by: \.node).values {
            forEachCovered(routes, by: routes, where: { $0.isTried(before: $1) && $0.ends.isSuperset(of: $1.ends) }) { lint, covered, first in
                lint.add(.unreachable, covered.definition, "is never reached: \"\(first.definition.id)\" comes first and takes all its requests")
            }
        }
        let everywhere = reaches.filter { $0.node == [] && $0.ends.isSuperset(of: [.slash, .below]) }
        forEachCovered(reaches.filter { $0.node == nil }, by: everywhere, where: { _, _ in true }) { lint, covered, first in
            lint.add(
                .shadowed, covered.definition,
                "is never reached: routes with a path pattern come before those without, whatever their weight, and \"\(first.definition.id)\" takes all its requests")
        }
    }

    /// Calls `report` for every route that one of `others` covers. To cover a route, another one must have no conditions, or its
    /// first one in common with it: so only those are compared.
    private mutating func forEachCovered(
        _ routes: [Reach], by others: [Reach], where comesFirst: (Reach, Reach) -> Bool, _ report: (inout RouteLint, Reach, Reach) -> Void
    ) {
        let byCondition = Dictionary(grouping: others, by: { $0.conditions.min() })
        for route in routes {
            let candidates = ([nil] + route.conditions.map { Optional($0) }).lazy.flatMap { byCondition[$0] ?? [] }
            let first = candidates.first { other in
                other.definition.id != route.definition.id && other.covers(route) && comesFirst(other, route)
            }
            if let first { report(&self, route, first) }
        }
    }

    private func reach(of definition: RouteDefinition) -> Reach? {
        var compiler = ConditionCompiler(
            .standard, PredicateEnvironment(), ignoresTrailingSlash: options.ignoresTrailingSlash, SharedParts())
        guard let compiled = try? compiler.compile(definition.predicates) else { return nil }
        let conditions = definition.predicates.filter { !Self.isNoCondition.contains($0.nameID) }
        let pattern = compiled.placement.pattern
        return Reach(
            definition: definition,
            node: pattern.map { pattern in
                pattern.segments.map { if case .literal(let range) = $0 { String(decoding: pattern.text[range], as: UTF8.self) } else { nil } }
            },
            ends: pattern?.ends ?? .exact, weight: compiled.conditions.weight,
            conditions: Set(conditions.map { RoutePrinter.compact.text(ofPredicate: $0) }),
            isRandom: conditions.contains { Self.random.contains($0.nameID) })
    }

    private static let isNoCondition: Set<Name> = [.path, "PathSubtree", "Weight", .any, "True"]
}
