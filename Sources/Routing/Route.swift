public import Eskip
public import Filters
public import HTTP
internal import Synchronization

/// A compiled route: made once per definition, shared by all tables in which the definition stands unchanged.
///
/// Exchanges hold it through their table's generation, so nothing here is retained per request: filters and predicates
/// are lent as unmanaged references. 88 bytes beside its definition; whatever routes can have in common they share. Only its
/// endpoints may change while it lives, since they do so often: then neither the route nor a page of the table is made anew.
public final class Route: RouteFacts, @unchecked Sendable {
    // First what every request asks for: with the facts before it, in one line of the cache.
    let chain: FilterChain
    /// Of a network backend, as it was compiled.
    private let compiledOrigin: Atomic<Unmanaged<Origin>?>
    /// As it was compiled.
    private let compiledBackend: RouteBackend
    /// With a reference; nil unless endpoints have changed.
    private let changedBackend = Atomic<Unmanaged<ChangedBackend>?>(nil)
    /// The predicates that the table does not answer, in the order of their evaluation (routing.md §5).
    let conditions: RouteConditions
    /// As it was compiled; of endpoints, `currentDefinition` has the last word.
    public let definition: RouteDefinition
    /// What the route's filters without actions of their own say about it.
    public var traits: [RouteTrait] { chain.traits }
    /// In written order; valid while the route lives.
    public var filters: UnsafeBufferPointer<Unmanaged<Filter>> { chain.filters }

    /// The number of its scope in the table.
    let scope: UInt32
    /// The generation of the first table that has it.
    let birth: UInt32

    init(
        definition: RouteDefinition, backend: RouteBackend, chain: FilterChain, conditions: RouteConditions, scope: UInt32, birth: UInt32
    ) {
        self.definition = definition
        compiledBackend = backend
        compiledOrigin = if case .network(let endpoint) = backend { Atomic(.passUnretained(endpoint.origin)) } else { Atomic(nil) }
        self.chain = chain
        self.conditions = conditions
        self.scope = scope
        self.birth = birth
        super.init(backendKind: backend.kind)
    }

    deinit {
        changedBackend.load(ordering: .relaxed)?.release()
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

// MARK: - Endpoints that change

extension Route {
    /// The origin of a network backend as it was compiled, which lives as long as the route: what most requests ask for, to be had
    /// without counting references. Nil for the other backends, and once the endpoint has changed: then `backend` has it.
    @inline(__always)
    public var networkOrigin: Unmanaged<Origin>? {
        compiledOrigin.load(ordering: .acquiring)
    }

    /// For workers, and for the thread that compiles.
    public var backend: RouteBackend {
        if case .network = compiledBackend, let endpoint = changed?.endpoint { return .network(endpoint) }
        return compiledBackend
    }

    /// The definition with the endpoints as they are now; takes locks. One is made if the route shares its endpoints by a group that
    /// has changed since.
    public var currentDefinition: RouteDefinition {
        let definition = changed?.definition ?? definition
        guard let group = definition.endpointGroup, case .loadBalanced(let balancer) = compiledBackend else { return definition }
        let addresses = balancer.group.keptList.addresses
        if definition.endpoints.elementsEqual(addresses) { return definition }
        return definition.changed { $0.backend = .loadBalanced(algorithm: definition.lbAlgorithm?.text ?? "", endpoints: addresses, group: group) }
    }

    /// Whether the route is what this definition says.
    func says(_ other: RouteDefinition) -> Bool {
        let known = changed?.definition ?? definition
        guard known.endpointGroup != nil, case .loadBalanced(let balancer) = compiledBackend else { return known == other }
        let list = balancer.group.keptList
        if list.isReported { return known.isSameButForEndpoints(as: other) }
        return known == other && other.endpoints.elementsEqual(list.addresses)
    }

    /// Lets the route have another definition, which differs in endpoints only.
    ///
    /// - Parameter endpoint: of a network backend.
    /// - Returns: the former endpoint, at which workers may still be looking; nil if that is the one it was compiled with.
    func change(_ definition: RouteDefinition, _ endpoint: Endpoint?) -> Endpoint? {
        if let changed { return changed.replace(definition, endpoint) }
        changedBackend.store(.passRetained(ChangedBackend(definition, endpoint)), ordering: .releasing)
        if endpoint != nil { compiledOrigin.store(nil, ordering: .releasing) }
        return nil
    }

    private var changed: ChangedBackend? {
        changedBackend.load(ordering: .acquiring)?.takeUnretainedValue()
    }
}

// MARK: - Order

extension Route {
    /// Higher weights first; of equal ones, the lesser id (routing.md §5).
    static func isTried(_ left: Route, before right: Route) -> Bool {
        if left.weight != right.weight { return left.weight > right.weight }
        return left.definition.withIdBytes { leftID in
            right.definition.withIdBytes { leftID.lexicographicallyPrecedes($0) }
        }
    }
}
