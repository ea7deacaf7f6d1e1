import Bytes
import Filters
import HTTP
import Routing
import Testing

@Suite("Consistent hashing, routing.md §11")
struct BalancingHashTests {
    private func setForwardedFor(_ bench: BalancingBench, _ value: String) {
        value.withBytes { bench.context.request.headers.set(.xForwardedFor, $0) }
    }

    private func hash(_ key: String) -> UInt64 { XXHash64.hash(key) }

    @Test("hashes the first forwarded address, else the peer", arguments: [
        ("192.0.2.1", "192.0.2.1"), ("192.0.2.1, 198.51.100.7", "192.0.2.1"), ("192.0.2.1 ,10.0.0.1", "203.0.113.9"),
        ("192.0.2.1:4711", "192.0.2.1"), ("[2001:db8::1]:80", "2001:db8::1"), ("2001:DB8:0::1", "2001:db8::1"),
        ("::ffff:192.0.2.1", "192.0.2.1"), ("", "203.0.113.9"), ("unknown, 192.0.2.1", "203.0.113.9"), ("192.0.2.256", "203.0.113.9"),
        (",192.0.2.1", "203.0.113.9"), ("[192.0.2.1", "203.0.113.9"),
    ])
    func defaultKey(header: String, key: String) throws {
        let bench = BalancingBench()
        bench.context.state.pointee.peer = try #require(IPAddress("203.0.113.9"))
        setForwardedFor(bench, header)
        #expect(LoadBalancer.defaultHash(bench.context) == hash(key))
    }

    @Test("hashes the peer without a header")
    func peer() throws {
        let bench = BalancingBench()
        bench.context.state.pointee.peer = try #require(IPAddress("2001:db8::9"))
        #expect(LoadBalancer.defaultHash(bench.context) == hash("2001:db8::9"))
    }

    @Test("takes the owner of the first point at or after the key")
    func ring() throws {
        let bench = BalancingBench()
        let endpoints = bench.endpoints(3)
        let balancer = try bench.balancer("consistentHash", endpoints)
        // The definition, written out: all points in order, the first one not below the hash, or the first of all.
        let points = endpoints.enumerated().flatMap { position, endpoint in
            (0..<100).map { (hash: XXHash64.hash("\(endpoint.origin)-\($0)"), position: position) }
        }.sorted { $0.hash < $1.hash }
        var keys: [UInt64] = (0..<500).map { hash("key \($0)") }
        keys += [0, .max, points[0].hash, points[0].hash + 1, points[299].hash, points[299].hash &+ 1]
        for key in keys {
            bench.context.settings.consistentHash = key
            let expected = points.first { $0.hash >= key } ?? points[0]
            #expect(bench.pick(balancer) == expected.position)
        }
    }

    @Test("a vanished endpoint moves only its own keys, whatever the order")
    func stability() throws {
        let bench = BalancingBench()
        let endpoints = bench.endpoints(5)
        let all = try bench.balancer("consistentHash", endpoints)
        let fewer = try bench.balancer("consistentHash", [4, 0, 1, 3].map { endpoints[$0] })
        var moved = 0
        for number in 0..<2_000 {
            bench.context.settings.consistentHash = hash("user-\(number)")
            let before = endpoints[bench.pick(all)]
            let after = fewer.endpoints[bench.pick(fewer)]
            if before === endpoints[2] { moved += 1 } else { #expect(before === after) }
        }
        #expect((200...700).contains(moved))
    }

    @Test("a second attempt takes the next owner on the ring, always the same")
    func excluding() throws {
        let bench = BalancingBench()
        let balancer = try bench.balancer("consistentHash", bench.endpoints(4))
        bench.context.settings.consistentHash = hash("x")
        let first = bench.pick(balancer)
        let second = bench.pick(balancer, excluding: balancer.endpoints[first])
        #expect(second != first)
        #expect((0..<5).allSatisfy { _ in bench.pick(balancer, excluding: balancer.endpoints[first]) == second })
    }

    @Test("a bounded load passes busy owners")
    func boundedLoad() throws {
        let bench = BalancingBench()
        let endpoints = bench.endpoints(2)
        let balancer = try bench.balancer("consistentHash", endpoints)
        bench.context.settings.consistentHash = hash("x")
        let owner = bench.pick(balancer)
        bench.context.settings.balanceFactor = 1.25
        // Bounds 1.25 × (n + 1) / 2 for n in flight: 0.625, 1.25 (one is below), 1.875 (two are above).
        #expect(bench.pick(balancer) == owner)
        endpoints[owner].requestStarted()
        #expect(bench.pick(balancer) == owner)
        endpoints[owner].requestStarted()
        #expect(bench.pick(balancer) == 1 - owner)
        endpoints[1 - owner].requestStarted()
        endpoints[1 - owner].requestStarted()
        #expect(bench.pick(balancer) == owner)
        bench.context.settings.balanceFactor = nil
        endpoints[owner].requestStarted()
        #expect(bench.pick(balancer) == owner)
    }

    @Test("a bounded load never leaves a request without an endpoint", arguments: [1.0, 1.25, 100])
    func boundedLoadAlwaysPicks(factor: Double) throws {
        let bench = BalancingBench()
        let endpoints = bench.endpoints(7)
        let balancer = try bench.balancer("consistentHash", endpoints)
        bench.context.settings.balanceFactor = factor
        for round in 0..<700 {
            bench.context.settings.consistentHash = hash("same key")
            let loadMax = factor * Double(round + 1) / 7
            let picked = endpoints[bench.pick(balancer)]
            #expect(Double(picked.requestsInFlight) <= loadMax)
            picked.requestStarted()
        }
    }
}
