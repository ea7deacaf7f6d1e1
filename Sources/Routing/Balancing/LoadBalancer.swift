public import Filters
internal import HTTP
internal import Synchronization

/// Why a route's backend cannot be balanced; the route is invalid.
public enum LoadBalancerError: Error, Equatable, Sendable {
    case noEndpoints
    case tooManyEndpoints(Int)
    case unknownAlgorithm(String)

    /// What was found and what is allowed.
    public var reason: String {
        switch self {
        case .noEndpoints: "the load-balanced backend has no endpoints"
        case .tooManyEndpoints(let count): "the load-balanced backend has \(count) endpoints, \(LoadBalancer.endpointsMax) are allowed"
        case .unknownAlgorithm(let name):
            "unknown algorithm \(name); known are \(LoadBalancer.Algorithm.allCases.map(\.rawValue).joined(separator: ", "))"
        }
    }
}

/// Chooses the endpoint of each request of one route (routing.md §11).
///
/// A pick narrows the endpoints by fade-in and by passive health, then asks the algorithm. Each narrowing that would
/// leave nothing is undone: a request always goes somewhere. Callable on any worker; state shared by workers is
/// atomic or behind sharded locks. The route keeps its balancer when other routes change, and hands it to its successor.
public final class LoadBalancer: @unchecked Sendable {
    public enum Algorithm: String, Sendable, CaseIterable {
        case roundRobin, random, consistentHash, powerOfRandomNChoices, weightedRoundRobin, leastRequests

        /// The one of this name in a route definition; the empty one is the default.
        public init?(named name: String) {
            if name.isEmpty { self = .roundRobin } else { self.init(rawValue: name) }
        }
    }

    /// Positions on the ring are 16 bits wide; no cluster's service comes near.
    public static let endpointsMax = 65_535
    /// Endpoints drawn by `powerOfRandomNChoices`.
    static let randomChoices = 2

    public let algorithm: Algorithm
    /// The endpoints, which may change and may be other routes' too.
    public let group: EndpointGroup
    let registry: EndpointRegistry
    private let fadeIn: FadeIn?
    /// Turns of `roundRobin` so far, from a random start.
    let turns: Atomic<UInt>
    let weights: SmoothWeights?

    /// Makes the balancer of a route with endpoints of its own.
    ///
    /// - Parameters: as below.
    ///   - endpoints: from `registry`, in the definition's order.
    public convenience init(
        algorithm name: String, endpoints: [Endpoint], traits: [RouteTrait] = [], registry: EndpointRegistry, clock: RouteClock,
        replacing previous: LoadBalancer? = nil, start: UInt = UInt.random(in: 0...0xFFFF_FFFF)
    ) throws(LoadBalancerError) {
        guard let algorithm = Algorithm(named: name) else { throw .unknownAlgorithm(name) }
        try LoadBalancer.check(endpoints.count)
        let group = EndpointGroup(EndpointList(endpoints, hasRing: algorithm == .consistentHash))
        self.init(algorithm, group, traits: traits, registry: registry, clock: clock, replacing: previous, start: start)
    }

    static func check(_ endpointCount: Int) throws(LoadBalancerError) {
        guard endpointCount > 0 else { throw .noEndpoints }
        guard endpointCount <= LoadBalancer.endpointsMax else { throw .tooManyEndpoints(endpointCount) }
    }

    /// Makes the balancer of a route.
    ///
    /// - Parameters:
    ///   - group: its list has a ring if `algorithm` needs one.
    ///   - traits: those of the route's filters, in order; `fadeIn` (the last wins) and `endpointCreated` count.
    ///   - previous: the balancer that this one replaces when its route's definition changed; it goes on from there.
    ///   - start: where turns begin if there is no `previous`; random, so that instances do not march in step.
    init(
        _ algorithm: Algorithm, _ group: EndpointGroup, traits: [RouteTrait], registry: EndpointRegistry, clock: RouteClock,
        replacing previous: LoadBalancer? = nil, start: UInt = UInt.random(in: 0...0xFFFF_FFFF)
    ) {
        self.algorithm = algorithm
        self.group = group
        self.registry = registry
        turns = Atomic(previous?.turns.load(ordering: .relaxed) ?? start)
        let isWeighted = algorithm == .weightedRoundRobin || algorithm == .leastRequests
        weights = isWeighted ? SmoothWeights(start: start) : nil
        fadeIn = LoadBalancer.fadeIn(of: traits)
        applyCreationTimes(traits, clock)
    }

    /// The endpoints at present, as given: an address that is listed twice has two shares.
    public var endpoints: [Endpoint] { group.keptList.endpoints }

    private static func fadeIn(of traits: [RouteTrait]) -> FadeIn? {
        for trait in traits.reversed() {
            if case .fadeIn(let duration, let exponent) = trait { return FadeIn(duration: duration, exponent: exponent) }
        }
        return nil
    }

    /// Lets endpoints that these traits name fade in from the time they name.
    func applyCreationTimes(_ traits: [RouteTrait], _ clock: RouteClock) {
        for case .endpointCreated(let address, let seconds) in traits {
            for endpoint in endpoints where endpoint.origin.hostAndPort == address {
                registry.setCreated(endpoint, seconds: seconds, clock: clock)
            }
        }
    }

    // MARK: Picking

    /// Chooses the endpoint of a request.
    ///
    /// The caller counts the attempt by `Endpoint.requestStarted` and `requestFinished`.
    ///
    /// - Parameter failed: for a second attempt, the endpoint of the first: it is chosen again only if there is no other.
    /// - Complexity: O(endpoints) at most, O(log endpoints) for `consistentHash` with all endpoints healthy and grown up;
    ///   allocates nothing up to 4,096 endpoints.
    public func pick(_ context: FilterContext, excluding failed: Unmanaged<Endpoint>? = nil) -> Unmanaged<Endpoint> {
        group.list._withUnsafeGuaranteedRef { pick(of: $0, context, excluding: failed) }
    }

    @inline(__always)
    private func pick(of list: EndpointList, _ context: FilterContext, excluding failed: Unmanaged<Endpoint>?) -> Unmanaged<Endpoint> {
        let table = list.table
        let total = table.count
        if total == 1 { return table[0] }
        let isFading = fadeIn?.isActive(now: context.services.now, list, registry) ?? false
        if !isFading, registry.health == nil, failed == nil, algorithm != .leastRequests {
            var all = Candidates(total: total)
            return table[choose(of: list, among: &all, context)]
        }
        return withUnsafeTemporaryAllocation(of: UInt64.self, capacity: Candidates.scratchWords(total)) { scratch in
            var candidates = Candidates(total: total, scratch: scratch.baseAddress.unsafelyUnwrapped)
            if isFading { leaveOutYoung(table, &candidates, context.services) }
            if let health = registry.health { leaveOutUnhealthy(table, &candidates, health, context.services) }
            if let failed { leaveOut(failed, table, &candidates) }
            return table[choose(of: list, among: &candidates, context)]
        }
    }

    /// The endpoints of a list, by position.
    typealias Table = UnsafeBufferPointer<Unmanaged<Endpoint>>

    private func leaveOutYoung(_ table: Table, _ candidates: inout Candidates, _ services: FilterServices) {
        guard let ageMin = fadeIn?.ageMin(draw: services.randomUnit()) else { return }
        let now = services.now
        candidates.narrow { position in table[position]._withUnsafeGuaranteedRef { $0.age(now: now) > ageMin } }
    }

    private func leaveOutUnhealthy(_ table: Table, _ candidates: inout Candidates, _ health: HealthJudge, _ services: FilterServices) {
        let now = services.now
        let draw = services.randomUnit()
        let options = health.options
        let removed = candidates.narrow(removedMax: options.removedMax(of: candidates.count)) { position in
            table[position]._withUnsafeGuaranteedRef { draw >= $0.dropProbability(now: now, options: options) }
        }
        if removed > 0 { health.addPick(leavingOut: removed) }
    }

    private func leaveOut(_ failed: Unmanaged<Endpoint>, _ table: Table, _ candidates: inout Candidates) {
        let opaque = failed.toOpaque()
        candidates.narrow { table[$0].toOpaque() != opaque }
        guard table[candidates.nth(0)].toOpaque() == opaque else { return }
        // Only the failed one was left: rather a young or doubtful endpoint than one known to refuse.
        candidates.reset()
        candidates.narrow { table[$0].toOpaque() != opaque }
    }
}
