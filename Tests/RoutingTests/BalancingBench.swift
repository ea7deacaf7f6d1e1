import Bytes
import Filters
import HTTP
import Routing
import Testing

/// Services whose clock stands still until told and whose randomness follows from a seed.
final class SeededServices: FilterServices {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    override func randomWord() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var word = state
        word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
        word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
        return word ^ (word >> 31)
    }
}

/// One worker's view of a balanced route: an exchange's context, the registry and a clock to turn.
final class BalancingBench {
    static let second: UInt64 = 1_000_000_000
    /// A machine that has been up for a while; wall time is far ahead of it.
    static let start: UInt64 = 1_000_000 * second
    static let wallStart: UInt64 = 1_790_000_000 * second

    let seed: UInt64
    let registry: EndpointRegistry
    let services: SeededServices
    let context: FilterContext

    init(passiveHealth: PassiveHealth? = nil, seed: UInt64 = 20_260_821) {
        self.seed = seed
        print("balancing test with seed \(seed)")
        registry = EndpointRegistry(passiveHealth: passiveHealth)
        services = SeededServices(seed: seed)
        services.now = BalancingBench.start
        services.wallTime = BalancingBench.wallStart
        let state = UnsafeMutablePointer<FilterState>.allocate(capacity: 1)
        state.initialize(to: FilterState(services: services))
        context = FilterContext(state)
    }

    deinit {
        context.state.deinitialize(count: 1)
        context.state.deallocate()
    }

    var judge: HealthJudge {
        guard let health = registry.health else { preconditionFailure("this bench has no passive health checks") }
        return health
    }

    var clock: RouteClock { RouteClock(now: services.now, wallTime: services.wallTime) }

    func advance(_ seconds: Double) {
        services.now += UInt64(seconds * Double(BalancingBench.second))
        services.wallTime += UInt64(seconds * Double(BalancingBench.second))
    }

    func endpoints(_ count: Int, port: Int = 8080) -> [Endpoint] {
        (0..<count).map { endpoint("http://10.1.\($0 / 250).\($0 % 250 + 1):\(port)") }
    }

    func endpoint(_ url: String) -> Endpoint {
        guard let origin = try? Origin.parse(url) else { preconditionFailure("no origin: \(url)") }
        return registry.endpoint(for: origin, now: services.now)
    }

    func balancer(
        _ algorithm: String, _ endpoints: [Endpoint], traits: [RouteTrait] = [], replacing previous: LoadBalancer? = nil, start: UInt = 0
    ) throws -> LoadBalancer {
        try LoadBalancer(
            algorithm: algorithm, endpoints: endpoints, traits: traits, registry: registry, clock: clock, replacing: previous, start: start)
    }

    /// The position of the endpoint picked.
    func pick(_ balancer: LoadBalancer, excluding failed: Endpoint? = nil) -> Int {
        let picked = balancer.pick(context, excluding: failed.map { .passUnretained($0) }).takeUnretainedValue()
        return balancer.endpoints.firstIndex { $0 === picked } ?? -1
    }

    func picks(_ balancer: LoadBalancer, _ count: Int) -> [Int] { (0..<count).map { _ in pick(balancer) } }

    /// How often each endpoint is picked.
    func distribution(_ balancer: LoadBalancer, _ count: Int) -> [Int] {
        var counts = Array(repeating: 0, count: balancer.endpoints.count)
        for _ in 0..<count { counts[pick(balancer)] += 1 }
        return counts
    }

    func dropProbability(_ endpoint: Endpoint) -> Double {
        let address = endpoint.origin.description
        return registry.snapshot(now: services.now).first { $0.address == address }?.dropProbability ?? -1
    }

    /// Lets an endpoint serve that many requests, so many of them in vain.
    func serve(_ endpoint: Endpoint, requests: Int, failures: Int) {
        for number in 0..<requests {
            endpoint.requestStarted()
            endpoint.requestFinished(failed: number < failures, now: services.now)
        }
    }
}

/// Whether every count lies within five standard deviations of its expected share.
func isNear(_ counts: [Int], _ shares: [Double]) -> Bool {
    let total = Double(counts.reduce(0, +))
    return zip(counts, shares).allSatisfy { count, share in
        abs(Double(count) - total * share) <= 5 * (total * share * (1 - share)).squareRoot() + 1
    }
}
