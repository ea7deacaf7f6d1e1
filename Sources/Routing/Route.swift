public import Eskip
public import Filters
public import HTTP

/// A compiled route: made once per definition, shared by all tables in which the definition stands unchanged.
///
/// Exchanges hold it through their table's generation, so nothing here is retained per request: filters and predicates
/// are lent as unmanaged references. 80 bytes beside its definition; whatever routes can have in common they share.
public final class Route: RouteFacts, @unchecked Sendable {
    public let definition: RouteDefinition
    public let backend: RouteBackend
    /// Of a network backend: what most requests ask for, to be had without counting references.
    public let networkOrigin: Unmanaged<Origin>?
    /// What the route's filters without actions of their own say about it.
    public var traits: [RouteTrait] { chain.traits }
    /// In written order; valid while the route lives.
    public var filters: UnsafeBufferPointer<Unmanaged<Filter>> { chain.filters }

    let chain: FilterChain
    /// The predicates that the table does not answer, in the order of their evaluation (routing.md §5).
    let conditions: RouteConditions
    /// The number of its scope in the table.
    let scope: UInt32
    /// The generation of the first table that has it.
    let birth: UInt32

    init(
        definition: RouteDefinition, backend: RouteBackend, chain: FilterChain, conditions: RouteConditions, scope: UInt32, birth: UInt32
    ) {
        self.definition = definition
        self.backend = backend
        networkOrigin = if case .network(let endpoint) = backend { .passUnretained(endpoint.origin) } else { nil }
        self.chain = chain
        self.conditions = conditions
        self.scope = scope
        self.birth = birth
        super.init(backendKind: backend.kind)
    }

    public var facts: RouteFacts { self }

    public override var id: String { definition.id }

    public override var backendHost: [UInt8] {
        if case .network(let endpoint) = backend { endpoint.origin.authority } else { [] }
    }

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
