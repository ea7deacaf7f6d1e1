import Synchronization
import TestSupport
import Testing

/// A side that does not take more stops the other one: the proxy's memory does not grow with the body.
@Suite("Large bodies")
struct BackpressureTests {
    private static let size = 64 << 20
    /// KiB beyond what it had: buffers of the proxy's own limits, and what the allocator keeps.
    private static let growthMax = 6 * 1024

    @Test("a client that does not read stops the origin") func idleReader() throws {
        let taken = Mutex<Int?>(nil)
        let setup = try Setup(serve: { connection in
            guard try connection.readRequest() != nil else { return }
            try connection.send("HTTP/1.1 200 OK\r\nContent-Length: \(Self.size)\r\n\r\n")
            let first = try connection.sendUntilFull(limit: Self.size)
            taken.withLock { $0 = first }
            try connection.send([UInt8](repeating: UInt8(ascii: "x"), count: Self.size - first))
        })
        let client = try setup.client(receiveBuffer: 64 * 1024)
        let before = setup.proxy.privateMemory
        try client.send(get("/large"))
        try Patience.wait(for: "the origin to be stopped") { taken.withLock { $0 } != nil }
        #expect(taken.withLock { $0! } < Self.size, "the origin sent everything to nobody")
        #expect(setup.proxy.privateMemory - before < Self.growthMax)
        _ = try client.read(through: "\r\n\r\n")
        try client.discard(Self.size)
        #expect(setup.proxy.privateMemory - before < Self.growthMax)
        #expect(client.isQuiet(milliseconds: 50))
    }

    @Test("an origin that does not read stops the client") func idleOrigin() throws {
        let mayRead = Mutex(false)
        let setup = try Setup(serve: { connection in
            guard try connection.readRequestHead() != nil else { return }
            try Patience.wait(for: "leave to read") { mayRead.withLock { $0 } }
            try connection.discard(Self.size)
            try connection.send(ok("thanks"))
        })
        let client = try setup.client()
        let before = setup.proxy.privateMemory
        try client.send("PUT /large HTTP/1.1\r\nHost: a.test\r\nContent-Length: \(Self.size)\r\n\r\n")
        let first = try client.sendUntilFull(limit: Self.size)
        #expect(first < Self.size, "the client sent everything to nobody")
        #expect(setup.proxy.privateMemory - before < Self.growthMax)
        mayRead.withLock { $0 = true }
        try client.send([UInt8](repeating: UInt8(ascii: "x"), count: Self.size - first))
        #expect(try client.readResponse().bodyText == "thanks")
        #expect(setup.proxy.privateMemory - before < Self.growthMax)
    }

    @Test("a slow reader gets everything") func slowReader() throws {
        let size = 3 << 20
        let setup = try Setup(serve: { connection in
            while try connection.readRequest() != nil {
                try connection.send("HTTP/1.1 200 OK\r\nContent-Length: \(size)\r\n\r\n")
                try connection.send([UInt8](repeating: UInt8(ascii: "x"), count: size))
            }
        })
        let client = try setup.client(receiveBuffer: 8 * 1024)
        try client.send(get("/slow"))
        _ = try client.read(through: "\r\n\r\n")
        try client.discard(size, pieces: 16 * 1024, pauseMicroseconds: 500)
        #expect(try client.exchange("HEAD / HTTP/1.1\r\nHost: a.test\r\n\r\n", method: "HEAD").status == 200)
    }

    /// The bytes of seeded bodies through both directions at once, in chunks of any size.
    @Test("bodies arrive as they were sent", arguments: SeededRandom.seeds(3), [false, true]) func echo(seed: UInt64, isChunked: Bool) throws {
        let setup = try Setup(serve: { connection in
            while let request = try connection.readRequest() {
                try connection.send(BackpressureTests.message("HTTP/1.1 200 OK\r\n", request.body, isChunked: isChunked, seed: seed))
            }
        })
        var random = SeededRandom(seed)
        let client = try setup.client()
        for size in [1, 4_095, 131_072, 131_073, 1 << 20, 3 << 20].shuffled(using: &random) {
            let body = (0..<size / 8 + 1).flatMap { _ in withUnsafeBytes(of: random.next()) { Array($0) } }.prefix(size)
            client.sendSlowly(BackpressureTests.message("POST / HTTP/1.1\r\nHost: a.test\r\n", Array(body), isChunked: isChunked, seed: seed), pieces: 1 << 20)
            let response = try client.readResponse()
            #expect(response.body == Array(body), "seed \(seed), \(size) bytes")
        }
    }

    private static func message(_ start: String, _ body: [UInt8], isChunked: Bool, seed: UInt64) -> [UInt8] {
        guard isChunked else { return Array("\(start)Content-Length: \(body.count)\r\n\r\n".utf8) + body }
        var random = SeededRandom(seed)
        var bytes = Array("\(start)Transfer-Encoding: chunked\r\n\r\n".utf8)
        var rest = body[...]
        while !rest.isEmpty {
            let count = min(rest.count, 1 + random.below(random.element([10, 5_000, 300_000])))
            // Not too many tiny ones.
            let size = rest.count > 100_000 ? max(count, 500) : count
            bytes += Array("\(String(size, radix: 16))\r\n".utf8) + rest.prefix(size) + [0x0D, 0x0A]
            rest = rest.dropFirst(size)
        }
        return bytes + Array("0\r\n\r\n".utf8)
    }
}
