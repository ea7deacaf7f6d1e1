public import Eskip
public import Filters

/// A compiled route: made once per definition, shared by all tables in which the definition stands unchanged.
///
/// Exchanges hold it through their table's generation, so nothing here is retained per request: filters and predicates
/// are lent as unmanaged references.
public final class Route: Sendable {
    public let definition: RouteDefinition
    public let facts: RouteFacts
    public let backend: RouteBackend
    /// What the route's filters without actions of their own say about it.
    public var traits: [RouteTrait] { chain.traits }
    /// In written order; valid while the route lives.
    public var filters: UnsafeBufferPointer<Unmanaged<Filter>> { chain.filters }

    let chain: FilterChain
    /// The predicates but for the path, in the order of their evaluation (routing.md §5).
    let conditions: RouteConditions

    /// The number of its scope in the table.
    let scope: UInt32
    /// The generation of the first table that has it.
    let birth: UInt64

    init(
        definition: RouteDefinition, facts: RouteFacts, backend: RouteBackend, chain: FilterChain, conditions: RouteConditions,
        scope: UInt32, birth: UInt64
    ) {
        self.definition = definition
        self.facts = facts
        self.backend = backend
        self.chain = chain
        self.conditions = conditions
        self.scope = scope
        self.birth = birth
    }

    public var id: String { facts.id }

    /// Whether the route says which hosts it is for, so that its hosts are few enough to be labels of metrics.
    public var hasHost: Bool { conditions.hasHost }

    /// The weight among the routes of one path pattern, or among those without one (routing.md §5).
    public var weight: Int { conditions.weight }
}

/// The filters of a route and what those without actions say; kept when only other parts of the definition change.
final class FilterChain: Sendable {
    nonisolated(unsafe) let filters: UnsafeBufferPointer<Unmanaged<Filter>>
    let traits: [RouteTrait]

    static let empty = FilterChain([], traits: [])

    init(_ filters: [Filter], traits: [RouteTrait]) {
        self.traits = traits
        let table = UnsafeMutablePointer<Unmanaged<Filter>>.allocate(capacity: filters.count)
        for (position, filter) in filters.enumerated() { (table + position).initialize(to: .passRetained(filter)) }
        self.filters = UnsafeBufferPointer(start: table, count: filters.count)
    }

    deinit {
        for filter in filters { filter.release() }
        filters.baseAddress?.deallocate()
    }
}

extension Route {
    /// Higher weights first; of equal ones, the lesser id (routing.md §5).
    static func isTried(_ left: Route, before right: Route) -> Bool {
        if left.weight != right.weight { return left.weight > right.weight }
        return left.definition.withIdBytes { leftID in
            right.definition.withIdBytes { leftID.lexicographicallyPrecedes($0) }
        }
    }
}
