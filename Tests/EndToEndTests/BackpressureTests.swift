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

    @Test("who does not read stops the other end of a tunnel", arguments: ["client", "origin"]) func idleTunnel(reader: String) throws {
        let taken = Mutex<Int?>(nil), mayRead = Mutex(false)
        let setup = try Setup(serve: { connection in
            guard try connection.readRequestHead() != nil else { return }
            try connection.send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: y\r\n\r\n")
            if reader == "origin" {
                try Patience.wait(for: "leave to read") { mayRead.withLock { $0 } }
                try connection.discard(Self.size)
                return try connection.send("thanks")
            }
            let first = try connection.sendUntilFull(limit: Self.size)
            taken.withLock { $0 = first }
            try connection.send([UInt8](repeating: UInt8(ascii: "x"), count: Self.size - first))
        })
        let client = try setup.client(receiveBuffer: 64 * 1024)
        let before = setup.proxy.privateMemory
        try client.send("GET /chat HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\nSec-WebSocket-Version: 13\r\n\r\n")
        #expect(try client.readResponse().status == 101)
        if reader == "origin" {
            let first = try client.sendUntilFull(limit: Self.size)
            taken.withLock { $0 = first }
        }
        try Patience.wait(for: "the writer to be stopped") { taken.withLock { $0 } != nil }
        #expect(taken.withLock { $0! } < Self.size, "everything was sent to nobody")
        #expect(setup.proxy.privateMemory - before < Self.growthMax)
        mayRead.withLock { $0 = true }
        if reader == "client" {
            try client.discard(Self.size)
        } else {
            try client.send([UInt8](repeating: UInt8(ascii: "x"), count: Self.size - taken.withLock { $0! }))
            #expect(try client.readExactly(6) == Array("thanks".utf8))
        }
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
    /// Where the end comes while the origin takes no more depends on the size, so there are some.
    @Test("a body that filters change ends once, however slowly it is taken") func changedEnd() throws {
        let origin = try LoopbackOrigin(takesLittle: true, serve: { connection in
            while let head = try connection.readRequestHead() {
                if head.method == "POST" {
                    Patience.pause(milliseconds: 20)
                    _ = try connection.read(through: "\r\n0\r\n\r\n")
                }
                try connection.send(ok("\(head.method) \(head.target)"))
            }
        })
        let proxy = try FairwayProcess(routes: "all: * -> backendChunks(1000000000, 1) -> \"\(origin.url)\"")
        let client = try RawClient(port: proxy.port)
        for step in 1...24 {
            let size = step * 16 * 1024
            client.sendSlowly("POST /\(step) HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n\(String(size, radix: 16))\r\n\(String(repeating: "x", count: size))\r\n0\r\n\r\n", pieces: 1 << 20)
            #expect(try client.readResponse().bodyText == "POST /\(step)")
            #expect(try client.exchange(get("/next\(step)")).bodyText == "GET /next\(step)")
        }
        #expect(origin.connectionCount == 1)
    }

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
