import Filters
import HTTP
import Routing
import Testing

@Suite("Fade-in, routing.md §11")
struct BalancingFadeInTests {
    static let minute: UInt64 = 60 * BalancingBench.second

    /// Three old endpoints and a young one.
    private func grown(_ bench: BalancingBench) -> [Endpoint] {
        let old = bench.endpoints(3)
        bench.advance(3600)
        return old + [bench.endpoint("http://10.9.9.9")]
    }

    @Test("the young one's share grows with its age", arguments: [
        (0.0, 1.0, 0.0), (15, 1, 0.25), (30, 1, 0.5), (45, 1, 0.75), (60, 1, 1), (3600, 1, 1), (30, 2, 0.25), (30, 0.5, 0.7071),
        (15, 3, 0.0156), (0, 0.5, 0),
    ])
    func share(age: Double, exponent: Double, kept: Double) throws {
        let bench = BalancingBench()
        let balancer = try bench.balancer("random", grown(bench), traits: [.fadeIn(duration: Self.minute, exponent: exponent)])
        bench.advance(age)
        let counts = bench.distribution(balancer, 20_000)
        // Among four if it is kept, among three else.
        let young = kept / 4, old = (1 - young) / 3
        #expect(isNear(counts, [old, old, old, young]), "\(counts), seed \(bench.seed)")
    }

    @Test("nothing fades without the filter or with figures that say so", arguments: [
        [], [RouteTrait.fadeIn(duration: 0, exponent: 1)], [.fadeIn(duration: minute, exponent: 0)],
        [.fadeIn(duration: minute, exponent: 1), .fadeIn(duration: 0, exponent: 1)],
    ])
    func inactive(traits: [RouteTrait]) throws {
        let bench = BalancingBench()
        #expect(bench.distribution(try bench.balancer("roundRobin", grown(bench), traits: traits), 400) == [100, 100, 100, 100])
    }

    @Test("the last of several filters counts")
    func lastWins() throws {
        let bench = BalancingBench()
        let traits = [RouteTrait.fadeIn(duration: 1, exponent: 1), .fadeIn(duration: Self.minute, exponent: 1)]
        let balancer = try bench.balancer("roundRobin", grown(bench), traits: traits)
        #expect(bench.distribution(balancer, 300) == [100, 100, 100, 0])
    }

    @Test("endpoints that are all young share everything")
    func allYoung() throws {
        let bench = BalancingBench()
        let balancer = try bench.balancer("roundRobin", bench.endpoints(4), traits: [.fadeIn(duration: Self.minute, exponent: 1)])
        #expect(bench.distribution(balancer, 400) == [100, 100, 100, 100])
        bench.advance(1)
        // One draw for all: either everybody is kept or nobody, and nobody means everybody.
        #expect(bench.distribution(balancer, 400) == [100, 100, 100, 100])
    }

    @Test("a second attempt goes to a young endpoint rather than to the failed one")
    func excluding() throws {
        let bench = BalancingBench()
        let old = bench.endpoints(1)
        bench.advance(3600)
        let young = bench.endpoint("http://10.9.9.9")
        let balancer = try bench.balancer("roundRobin", old + [young], traits: [.fadeIn(duration: Self.minute, exponent: 1)])
        #expect(bench.pick(balancer) == 0)
        #expect(bench.pick(balancer, excluding: old[0]) == 1)
    }

    @Test("every algorithm leaves the young one out", arguments: LoadBalancer.Algorithm.allCases)
    func algorithms(algorithm: LoadBalancer.Algorithm) throws {
        let bench = BalancingBench()
        let balancer = try bench.balancer(algorithm.rawValue, grown(bench), traits: [.fadeIn(duration: Self.minute, exponent: 1)])
        for key in 0..<200 {
            bench.context.settings.consistentHash = UInt64(key) << 56
            #expect(bench.pick(balancer) != 3)
        }
    }

    @Test("a clock that lags behind the detection is no age")
    func laggingClock() throws {
        let bench = BalancingBench()
        let balancer = try bench.balancer("roundRobin", grown(bench), traits: [.fadeIn(duration: Self.minute, exponent: 1)])
        bench.services.now -= 5 * BalancingBench.second
        #expect(bench.distribution(balancer, 300) == [100, 100, 100, 0])
    }

    // MARK: The registry

    @Test("ages outlive route updates")
    func agesSurvive() throws {
        let bench = BalancingBench()
        let endpoint = bench.endpoint("http://10.0.0.1")
        bench.advance(30)
        #expect(bench.endpoint("http://10.0.0.1") === endpoint)
        #expect(endpoint.age(now: bench.services.now) == 30 * BalancingBench.second)
    }

    @Test("an endpoint is forgotten a minute after its last route", arguments: [(54.0, true), (66, false)])
    func forgetting(seconds: Double, isRemembered: Bool) {
        let bench = BalancingBench()
        bench.advance(100)
        let detected = bench.endpoint("http://10.0.0.1").detected
        bench.advance(10)
        bench.registry.sweep(now: bench.services.now)
        bench.advance(seconds)
        bench.registry.sweep(now: bench.services.now)
        #expect(bench.registry.count == (isRemembered ? 1 : 0))
        #expect((bench.endpoint("http://10.0.0.1").detected == detected) == isRemembered)
    }

    @Test("a late sweep forgets too, and a use begins the minute anew")
    func forgettingAtLookup() {
        let bench = BalancingBench()
        bench.advance(100)
        let detected = bench.endpoint("http://10.0.0.1").detected
        bench.registry.sweep(now: bench.services.now)
        bench.advance(50)
        #expect(bench.endpoint("http://10.0.0.1").detected == detected)
        bench.advance(50)
        bench.registry.sweep(now: bench.services.now)
        bench.advance(50)
        #expect(bench.endpoint("http://10.0.0.1").detected == detected)
        bench.registry.sweep(now: bench.services.now)
        bench.advance(61)
        #expect(bench.endpoint("http://10.0.0.1").detected == bench.services.now)
    }

    @Test("an endpoint in use is never forgotten")
    func inUse() throws {
        let bench = BalancingBench()
        let balancer = try bench.balancer("", bench.endpoints(3))
        for _ in 0..<10 {
            bench.advance(50)
            bench.registry.sweep(now: bench.services.now)
        }
        #expect(bench.registry.count == 3)
        #expect(bench.endpoints(3).map(ObjectIdentifier.init) == balancer.endpoints.map(ObjectIdentifier.init))
    }

    @Test("sweeps a large registry in rounds and keeps the places of those that stay")
    func largeRegistry() throws {
        let bench = BalancingBench()
        let count = EndpointRegistry.sweptMax + 1_000
        var kept: [Endpoint] = []
        for (number, endpoint) in bench.endpoints(count).enumerated() where number % 3 == 0 { kept.append(endpoint) }
        for _ in 0..<20 {
            bench.advance(10)
            bench.registry.sweep(now: bench.services.now)
        }
        #expect(bench.registry.count == kept.count)
        let again = bench.endpoints(count)
        #expect(kept.enumerated().allSatisfy { again[$0.offset * 3] === $0.element })
        #expect(Set(again.map { ObjectIdentifier($0) }).count == count)
        #expect(again.enumerated().allSatisfy { $0.offset % 3 == 0 || $0.element.detected == bench.services.now })
    }

    // MARK: endpointCreated

    @Test("a creation after the detection begins the fade-in anew", arguments: [
        ("10.9.9.9:80", 0.0, 0.0), ("10.9.9.9:80", 30, 30), ("10.9.9.9:80", 7200, 3600), ("10.9.9.9:81", 0, 3600), ("10.9.9.9", 0, 3600),
        ("10.9.9.9:80", -1000, 0), ("10.9.9.9:80", 1e30, 3600), ("10.9.9.9:80", -1e30, 0),
    ])
    func created(address: String, secondsAgo: Double, age: Double) throws {
        let bench = BalancingBench()
        let endpoint = bench.endpoint("http://10.9.9.9")
        bench.advance(3600)
        let wall = Double(bench.services.wallTime / BalancingBench.second)
        _ = try bench.balancer("", [endpoint], traits: [.endpointCreated(address: address, seconds: wall - secondsAgo)])
        #expect(abs(Double(endpoint.age(now: bench.services.now)) / 1e9 - age) < 0.001)
    }

    @Test("a time moved by one route shows in the picks of another")
    func createdElsewhere() throws {
        let bench = BalancingBench()
        let endpoints = bench.endpoints(2)
        bench.advance(3600)
        let balancer = try bench.balancer("roundRobin", endpoints, traits: [.fadeIn(duration: Self.minute, exponent: 1)])
        #expect(bench.distribution(balancer, 100) == [50, 50])
        let now = Double(bench.services.wallTime) / 1e9
        _ = try bench.balancer("", endpoints, traits: [.endpointCreated(address: endpoints[1].origin.hostAndPort, seconds: now)])
        #expect(bench.distribution(balancer, 100) == [100, 0])
    }
}
