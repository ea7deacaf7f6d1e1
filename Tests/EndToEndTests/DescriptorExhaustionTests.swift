import TestSupport
import Testing

@Suite("A process without a free descriptor")
struct DescriptorExhaustionTests {
    // A client over TLS would wait for its handshake before it is counted.
    @Test("waits instead of spinning, and goes on when it has some again", .enabled(if: !TestScheme.isHTTPS)) func exhausted() throws {
        let setup = try Setup(flags: ["-disable-http-keepalives"])
        #expect(try setup.isServing())
        let limit = try setup.proxy.leaveDescriptors(10)
        let clients = try (0..<60).map { _ in try setup.client() }
        try Patience.wait(for: "no descriptor to be left") { setup.proxy.descriptorCount >= limit }
        let before = setup.proxy.cpuTime
        Patience.pause(milliseconds: 1_000)
        // CPU time, not the clock's: a process that spins uses all of a second.
        #expect(setup.proxy.cpuTime - before < 500_000_000, "spins")
        try setup.proxy.setDescriptorLimit(1024)
        let metrics = try RawClient.get("/metrics", port: setup.proxy.supportPort).bodyText
        #expect(metrics.firstMatch(of: /skipper_custom_total{key="listener\.descriptors\.exhausted"} [1-9]/) != nil)
        for client in clients { try client.send(get("/")) }
        for client in clients { #expect(try client.readResponse().status == 200) }
        #expect(try setup.isServing())
    }

    @Test("answers when none is left for the upstream") func upstream() throws {
        let setup = try Setup(flags: ["-disable-http-keepalives"])
        let client = try setup.client()
        #expect(try client.exchange(get("/")).status == 200)
        try Patience.wait(for: "the upstream connection to close") { setup.origin.openConnectionCount == 0 }
        try setup.proxy.leaveDescriptors(0)
        for _ in 0..<3 { #expect([502, 503].contains(try client.exchange(get("/")).status)) }
        try setup.proxy.setDescriptorLimit(1024)
        #expect(try client.exchange(get("/")).status == 200)
    }
}
