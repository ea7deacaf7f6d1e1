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

    /// The path parameters in the order of the pattern.
    nonisolated(unsafe) let parameterNames: UnsafeBufferPointer<ParameterName>

    init(definition: RouteDefinition, facts: RouteFacts, backend: RouteBackend, chain: FilterChain, conditions: RouteConditions) {
        self.definition = definition
        self.facts = facts
        self.backend = backend
        self.chain = chain
        self.conditions = conditions
        hasHost = definition.predicates.contains { $0.nameID == .host || $0.name == "HostAny" }
        parameterNames = ParameterName.table(conditions.pattern?.parameters ?? [])
    }

    deinit { ParameterName.free(parameterNames) }

    public var id: String { facts.id }

    /// Whether the route says which hosts it is for, so that its hosts are few enough to be labels of metrics.
    public let hasHost: Bool

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
