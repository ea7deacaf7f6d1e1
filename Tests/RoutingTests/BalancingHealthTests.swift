import Filters
import HTTP
import Routing
import Testing

@Suite("Passive health checks, routing.md §11")
struct BalancingHealthTests {
    static let health = PassiveHealth(period: 10 * BalancingBench.second, requestsMin: 10, dropProbabilityMax: 0.9, dropProbabilityMin: 0.1)

    @Test("the last window's failures give the probability", arguments: [
        (0, 0, 0.0), (10, 10, 0), (11, 11, 0.9), (100, 100, 0.9), (100, 0, 0), (100, 10, 0), (100, 11, 0.11), (100, 50, 0.5), (20, 18, 0.9),
    ])
    func probability(requests: Int, failures: Int, probability: Double) {
        let bench = BalancingBench(passiveHealth: Self.health)
        let endpoint = bench.endpoints(1)[0]
        bench.serve(endpoint, requests: requests, failures: failures)
        #expect(bench.dropProbability(endpoint) == 0)
        bench.advance(9.999)
        #expect(bench.dropProbability(endpoint) == 0)
        bench.advance(0.001)
        #expect(bench.dropProbability(endpoint) == probability)
        bench.advance(9)
        #expect(bench.dropProbability(endpoint) == probability)
        bench.advance(1)
        #expect(bench.dropProbability(endpoint) == 0)
    }

    @Test("failures of long ago say nothing")
    func longAgo() {
        let bench = BalancingBench(passiveHealth: Self.health)
        let endpoint = bench.endpoints(1)[0]
        bench.serve(endpoint, requests: 100, failures: 100)
        bench.advance(20)
        #expect(bench.dropProbability(endpoint) == 0)
    }

    @Test("a request after the window's end closes it")
    func closedByRequest() {
        let bench = BalancingBench(passiveHealth: Self.health)
        let endpoint = bench.endpoints(1)[0]
        bench.serve(endpoint, requests: 100, failures: 50)
        bench.advance(10)
        bench.serve(endpoint, requests: 1, failures: 1)
        #expect(bench.dropProbability(endpoint) == 0.5)
    }

    @Test("a clock that lags behind closes no window")
    func laggingClock() {
        let bench = BalancingBench(passiveHealth: Self.health)
        let endpoint = bench.endpoints(1)[0]
        bench.services.now -= 100 * BalancingBench.second
        bench.serve(endpoint, requests: 100, failures: 100)
        #expect(bench.dropProbability(endpoint) == 0)
        bench.services.now += 110 * BalancingBench.second
        #expect(bench.dropProbability(endpoint) == 0.9)
    }

    @Test("without the flag nothing is judged")
    func off() throws {
        let bench = BalancingBench()
        let endpoints = bench.endpoints(2)
        bench.serve(endpoints[0], requests: 1000, failures: 1000)
        bench.advance(10)
        #expect(bench.registry.snapshot(now: bench.services.now).map(\.dropProbability) == [0, 0])
        #expect(bench.distribution(try bench.balancer("", endpoints), 100) == [50, 50])
    }

    @Test("failing endpoints lose their share of the picks")
    func picks() throws {
        let bench = BalancingBench(passiveHealth: Self.health)
        let endpoints = bench.endpoints(4)
        bench.serve(endpoints[0], requests: 100, failures: 50)
        bench.advance(10)
        let counts = bench.distribution(try bench.balancer("random", endpoints), 20_000)
        #expect(isNear(counts, [0.125, 0.2917, 0.2917, 0.2917]), "\(counts), seed \(bench.seed)")
        let dropped = bench.judge.endpointsDropped
        #expect(isNear([Int(dropped), 20_000 - Int(dropped)], [0.5, 0.5]))
        #expect(bench.judge.requestsPassed == dropped)
    }

    @Test("one draw leaves out all endpoints of its probability together")
    func oneDraw() throws {
        let bench = BalancingBench(passiveHealth: Self.health)
        let endpoints = bench.endpoints(3)
        bench.serve(endpoints[0], requests: 100, failures: 50)
        bench.serve(endpoints[1], requests: 100, failures: 50)
        bench.advance(10)
        _ = bench.distribution(try bench.balancer("random", endpoints), 1_000)
        #expect(bench.judge.endpointsDropped == 2 * bench.judge.requestsPassed)
        #expect(bench.judge.requestsPassed > 0)
    }

    @Test("uses all endpoints when too many or all would be left out", arguments: [
        (4, 1.0, false), (3, 1.0, true), (2, 0.5, true), (2, 0.49, false), (1, 0.25, true), (1, 0.2, false), (1, 0, false), (3, 0.75, true),
    ])
    func failOpen(failing: Int, ratioMax: Double, isLeftOut: Bool) throws {
        var health = Self.health
        health.dropProbabilityMax = 1
        health.unhealthyRatioMax = ratioMax
        let bench = BalancingBench(passiveHealth: health)
        let endpoints = bench.endpoints(4)
        for endpoint in endpoints.prefix(failing) { bench.serve(endpoint, requests: 100, failures: 100) }
        bench.advance(10)
        let counts = bench.distribution(try bench.balancer("roundRobin", endpoints), 120)
        let expected = isLeftOut ? (0..<4).map { $0 < failing ? 0 : 120 / (4 - failing) } : [30, 30, 30, 30]
        #expect(counts == expected)
        #expect(bench.judge.endpointsDropped == (isLeftOut ? UInt64(120 * failing) : 0))
    }

    @Test("every algorithm leaves out what surely fails", arguments: LoadBalancer.Algorithm.allCases)
    func algorithms(algorithm: LoadBalancer.Algorithm) throws {
        var health = Self.health
        health.dropProbabilityMax = 1
        let bench = BalancingBench(passiveHealth: health)
        let endpoints = bench.endpoints(5)
        bench.serve(endpoints[2], requests: 100, failures: 100)
        bench.advance(10)
        let balancer = try bench.balancer(algorithm.rawValue, endpoints)
        for key in 0..<200 {
            bench.context.settings.consistentHash = UInt64(key) << 56
            #expect(bench.pick(balancer) != 2)
        }
    }

    @Test("a second attempt goes to a doubtful endpoint rather than to the failed one")
    func excluding() throws {
        var health = Self.health
        health.dropProbabilityMax = 1
        let bench = BalancingBench(passiveHealth: health)
        let endpoints = bench.endpoints(2)
        bench.serve(endpoints[0], requests: 100, failures: 100)
        bench.advance(10)
        let balancer = try bench.balancer("leastRequests", endpoints)
        #expect(bench.pick(balancer) == 1)
        #expect(bench.pick(balancer, excluding: endpoints[1]) == 0)
    }
}
