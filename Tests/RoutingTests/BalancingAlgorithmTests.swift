import Bytes
import Filters
import HTTP
import Routing
import Testing

@Suite("Balancing algorithms, routing.md §11")
struct BalancingAlgorithmTests {
    typealias Algorithm = LoadBalancer.Algorithm

    @Test("knows the algorithms by their names", arguments: [
        ("", Algorithm.roundRobin), ("roundRobin", .roundRobin), ("random", .random), ("consistentHash", .consistentHash),
        ("powerOfRandomNChoices", .powerOfRandomNChoices), ("weightedRoundRobin", .weightedRoundRobin), ("leastRequests", .leastRequests),
    ])
    func names(name: String, algorithm: Algorithm) throws {
        let bench = BalancingBench()
        #expect(try bench.balancer(name, bench.endpoints(2)).algorithm == algorithm)
    }

    @Test("refuses other names", arguments: ["RoundRobin", "roundrobin", "ip_hash", " random", "default"])
    func unknownNames(name: String) {
        let bench = BalancingBench()
        #expect(throws: LoadBalancerError.unknownAlgorithm(name)) { try bench.balancer(name, bench.endpoints(2)) }
        #expect(LoadBalancerError.unknownAlgorithm(name).reason.contains("leastRequests"))
    }

    @Test("refuses to balance nothing", arguments: Algorithm.allCases)
    func noEndpoints(algorithm: Algorithm) {
        #expect(throws: LoadBalancerError.noEndpoints) { try BalancingBench().balancer(algorithm.rawValue, []) }
    }

    @Test("refuses more endpoints than it has positions for")
    func tooManyEndpoints() {
        let bench = BalancingBench()
        let endpoints = Array(repeating: bench.endpoint("http://10.0.0.1"), count: LoadBalancer.endpointsMax + 1)
        #expect(throws: LoadBalancerError.tooManyEndpoints(endpoints.count)) { try bench.balancer("", endpoints) }
    }

    @Test("picks the only endpoint", arguments: Algorithm.allCases)
    func oneEndpoint(algorithm: Algorithm) throws {
        let bench = BalancingBench()
        let endpoints = bench.endpoints(1)
        let balancer = try bench.balancer(algorithm.rawValue, endpoints)
        #expect(bench.picks(balancer, 3) == [0, 0, 0])
        #expect(bench.pick(balancer, excluding: endpoints[0]) == 0)
    }

    @Test("reaches every endpoint of large groups", arguments: [Algorithm.roundRobin, .random, .powerOfRandomNChoices, .weightedRoundRobin, .leastRequests], [64, 65, 200])
    func everyEndpoint(algorithm: Algorithm, count: Int) throws {
        let bench = BalancingBench()
        let balancer = try bench.balancer(algorithm.rawValue, bench.endpoints(count))
        #expect(!bench.distribution(balancer, count * 20).contains(0), "seed \(bench.seed)")
    }

    // MARK: roundRobin, random, powerOfRandomNChoices

    @Test("roundRobin takes turns")
    func roundRobin() throws {
        let bench = BalancingBench()
        let balancer = try bench.balancer("roundRobin", bench.endpoints(3), start: 1)
        #expect(bench.picks(balancer, 7) == [1, 2, 0, 1, 2, 0, 1])
    }

    @Test("roundRobin begins anywhere")
    func roundRobinStart() throws {
        let bench = BalancingBench()
        let firsts = try (0..<200).map { _ in
            bench.pick(try LoadBalancer(algorithm: "", endpoints: bench.endpoints(3), registry: bench.registry, clock: bench.clock))
        }
        #expect(Set(firsts) == [0, 1, 2])
    }

    @Test("roundRobin goes on where the route's former balancer stood")
    func roundRobinInherits() throws {
        let bench = BalancingBench()
        let former = try bench.balancer("roundRobin", bench.endpoints(4), start: 4)
        #expect(bench.picks(former, 2) == [0, 1])
        #expect(bench.picks(try bench.balancer("roundRobin", bench.endpoints(5), replacing: former), 2) == [1, 2])
    }

    @Test("an address listed twice has two shares", arguments: ["roundRobin", "weightedRoundRobin"])
    func doubled(algorithm: String) throws {
        let bench = BalancingBench()
        let pair = bench.endpoints(2)
        let counts = bench.distribution(try bench.balancer(algorithm, [pair[0], pair[1], pair[1]]), 300)
        #expect(counts == [100, 200, 0])
    }

    @Test("random is uniform")
    func random() throws {
        let bench = BalancingBench()
        let counts = bench.distribution(try bench.balancer("random", bench.endpoints(5)), 20_000)
        #expect(isNear(counts, Array(repeating: 0.2, count: 5)), "\(counts), seed \(bench.seed)")
    }

    @Test("powerOfRandomNChoices takes the less busy of two draws")
    func powerOfRandomNChoices() throws {
        let bench = BalancingBench()
        let endpoints = bench.endpoints(4)
        endpoints[3].requestStarted()
        let counts = bench.distribution(try bench.balancer("powerOfRandomNChoices", endpoints), 20_000)
        // The busy one wins only against itself: 1/16. The rest goes evenly to the others.
        #expect(isNear(counts, [0.3125, 0.3125, 0.3125, 0.0625]), "\(counts), seed \(bench.seed)")
    }

    // MARK: weightedRoundRobin, leastRequests

    @Test("equal weights take turns", arguments: ["weightedRoundRobin", "leastRequests"])
    func equalWeights(algorithm: String) throws {
        let bench = BalancingBench()
        let balancer = try bench.balancer(algorithm, bench.endpoints(3))
        let picks = bench.picks(balancer, 9)
        #expect(Set(picks.prefix(3)) == [0, 1, 2])
        #expect(Array(picks[0..<3]) == Array(picks[3..<6]) && Array(picks[3..<6]) == Array(picks[6..<9]), "\(picks)")
    }

    @Test("weights follow health, and turns stay spread")
    func smoothWeights() throws {
        let health = PassiveHealth(period: BalancingBench.second, requestsMin: 1, dropProbabilityMax: 0.75, unhealthyRatioMax: 0)
        let bench = BalancingBench(passiveHealth: health)
        let endpoints = bench.endpoints(3)
        bench.serve(endpoints[1], requests: 8, failures: 4)
        bench.serve(endpoints[2], requests: 8, failures: 8)
        bench.advance(1)
        // Weights 1, 1/2 and 1/4 (the maximum of the probability); leaving out is undone by the ratio 0.
        let balancer = try bench.balancer("weightedRoundRobin", endpoints)
        let picks = (0..<7).map { _ in bench.pick(balancer) }
        #expect((0..<3).map { position in picks.count { $0 == position } } == [4, 2, 1])
        #expect(!zip(picks, picks.dropFirst()).contains { $0 == $1 && $0 != 0 }, "\(picks)")
    }

    @Test("all workers take turns of one sequence")
    func smoothWeightsOfWorkers() throws {
        let bench = BalancingBench()
        let endpoints = bench.endpoints(5)
        let balancer = try bench.balancer("weightedRoundRobin", endpoints)
        let workers = (0..<3).map { _ in BalancingBench() }
        var counts = Array(repeating: 0, count: 5)
        for turn in 0..<100 { counts[workers[turn % 3].pick(balancer)] += 1 }
        #expect(counts == [20, 20, 20, 20, 20])
    }

    @Test("leastRequests takes the least busy")
    func leastRequests() throws {
        let bench = BalancingBench()
        let endpoints = bench.endpoints(4)
        for (endpoint, load) in zip(endpoints, [2, 1, 1, 3]) {
            for _ in 0..<load { endpoint.requestStarted() }
        }
        let balancer = try bench.balancer("leastRequests", endpoints)
        #expect(Set(bench.picks(balancer, 2)) == [1, 2])
        endpoints[3].requestFinished(failed: false, now: bench.services.now)
        endpoints[3].requestFinished(failed: false, now: bench.services.now)
        endpoints[3].requestFinished(failed: false, now: bench.services.now)
        #expect(bench.picks(balancer, 3) == [3, 3, 3])
    }

    @Test("leastRequests weighs requests by health")
    func leastRequestsWeighs() throws {
        let health = PassiveHealth(period: BalancingBench.second, requestsMin: 1, dropProbabilityMax: 0.8, unhealthyRatioMax: 0)
        let bench = BalancingBench(passiveHealth: health)
        let endpoints = bench.endpoints(2)
        bench.serve(endpoints[1], requests: 10, failures: 6)
        bench.advance(1)
        for _ in 0..<2 { endpoints[0].requestStarted() }
        endpoints[1].requestStarted()
        // 2 / 1 against 1 / 0.4.
        #expect(bench.picks(try bench.balancer("leastRequests", endpoints), 3) == [0, 0, 0])
    }

    // MARK: A second attempt

    @Test("prefers another endpoint for a second attempt", arguments: Algorithm.allCases)
    func excluding(algorithm: Algorithm) throws {
        let bench = BalancingBench()
        let endpoints = bench.endpoints(3)
        let balancer = try bench.balancer(algorithm.rawValue, endpoints)
        for failed in endpoints {
            let picks = (0..<20).map { _ in bench.pick(balancer, excluding: failed) }
            #expect(!picks.contains { endpoints[$0] === failed })
        }
    }

    @Test("knows that an address listed twice is one endpoint")
    func excludingDoubled() throws {
        let bench = BalancingBench()
        let pair = bench.endpoints(2)
        let balancer = try bench.balancer("roundRobin", [pair[0], pair[0], pair[1]])
        #expect((0..<6).allSatisfy { _ in bench.pick(balancer, excluding: pair[0]) == 2 })
        let same = try bench.balancer("roundRobin", [pair[0], pair[0]])
        #expect(bench.pick(same, excluding: pair[0]) == 0)
    }
}

@Suite("Endpoint figures")
struct BalancingEndpointTests {
    @Test("counts requests in flight over all workers")
    func inFlight() async {
        let bench = BalancingBench()
        let endpoint = bench.endpoints(1)[0]
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<4 {
                group.addTask {
                    for _ in 0..<5_000 { endpoint.requestStarted() }
                    for _ in 0..<4_999 { endpoint.requestFinished(failed: false, now: 0) }
                }
            }
        }
        #expect(endpoint.requestsInFlight == 4)
    }

    @Test("tells the figures by address")
    func snapshot() throws {
        let bench = BalancingBench(passiveHealth: PassiveHealth(period: BalancingBench.second, requestsMin: 1, dropProbabilityMax: 0.9))
        let second = bench.endpoint("http://b.test:81")
        bench.advance(1)
        let first = bench.endpoint("http://a.test")
        bench.serve(second, requests: 4, failures: 2)
        bench.advance(2)
        bench.serve(second, requests: 4, failures: 2)
        first.requestStarted()
        bench.advance(1)
        let figures = bench.registry.snapshot(now: bench.services.now)
        #expect(figures.map(\.address) == ["http://a.test", "http://b.test:81"])
        #expect(figures.map(\.requestsInFlight) == [1, 0])
        #expect(figures.map(\.dropProbability) == [0, 0.5])
        #expect(figures.map(\.age) == [3 * BalancingBench.second, 4 * BalancingBench.second])
    }
}
