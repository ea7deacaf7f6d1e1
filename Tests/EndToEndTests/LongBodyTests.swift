import TestSupport
import Testing

/// Bodies that pass from socket to socket, and what happens around them.
@Suite("Long bodies")
struct LongBodyTests {
    private static let size = 2 << 20
    private static let fixed = "Content-Length: \(size)\r\n"

    private static func bytes(_ seed: UInt64) -> [UInt8] {
        var random = SeededRandom(seed)
        return (0..<size / 8).flatMap { _ in withUnsafeBytes(of: random.next()) { Array($0) } }
    }

    /// More at once than there are pipes, none of whose clients reads: the rest is copied.
    @Test("many slow readers get their own bytes") func many() throws {
        let count = 80
        let setup = try Setup(serve: { connection in
            guard let request = try connection.readRequest() else { return }
            try connection.send("HTTP/1.1 200 OK\r\n\(Self.fixed)\r\n")
            try connection.send(Self.bytes(UInt64(request.target.dropFirst())!))
        })
        let clients = try (0..<count).map { _ in try setup.client(receiveBuffer: 16 * 1024) }
        for (index, client) in clients.enumerated() { try client.send(get("/\(index)")) }
        for (index, client) in clients.enumerated() {
            let response = try client.readResponse()
            #expect(response.body == Self.bytes(UInt64(index)), "client \(index)")
        }
    }

    @Test("connections go on behind long bodies of requests and responses, also for requests sent ahead") func reuse() throws {
        let setup = try Setup(serve: { connection in
            while let request = try connection.readRequest() {
                try connection.send("HTTP/1.1 200 OK\r\nContent-Length: \(request.body.count)\r\n\r\n")
                try connection.send(request.body)
            }
        })
        let client = try setup.client()
        let body = Self.bytes(1)
        for _ in 0..<3 {
            let sender = Array("POST / HTTP/1.1\r\nHost: a.test\r\n\(Self.fixed)\r\n".utf8) + body + Array(post("/small", "next").utf8)
            client.sendSlowly(sender, pieces: 1 << 20)
            #expect(try client.readResponse().body == body)
            #expect(try client.readResponse().bodyText == "next")
        }
        #expect(setup.origin.connectionCount == 1)
    }

    @Test("a body that the origin breaks off never looks whole", arguments: [false, true]) func brokenOff(isReset: Bool) throws {
        let setup = try Setup(serve: { connection in
            guard let request = try connection.readRequest() else { return }
            if request.target == "/ok" { return try connection.send(ok("fine")) }
            try connection.send("HTTP/1.1 200 OK\r\n\(Self.fixed)\r\n")
            try connection.send(Array(Self.bytes(1).dropLast()))
            if isReset { connection.reset() }
        })
        let client = try setup.client()
        try client.send(get("/cut"))
        #expect(throws: (any Error).self) { try client.readResponse() }
        #expect(try setup.client().exchange(get("/ok")).bodyText == "fine")
    }

    @Test("a client that leaves in the middle takes its upstream connection with it, and nobody else's bytes") func left() throws {
        let setup = try Setup(serve: { connection in
            while let request = try connection.readRequest() {
                try connection.send("HTTP/1.1 200 OK\r\n\(Self.fixed)\r\n")
                try connection.send(Self.bytes(UInt64(request.target.dropFirst())!))
            }
        })
        for turn in 0..<10 {
            let leaver = try setup.client(receiveBuffer: 16 * 1024)
            try leaver.send(get("/100"))
            try leaver.discard(200_000)
            if turn % 2 == 0 { leaver.reset() } else { leaver.close() }
            let client = try setup.client()
            #expect(try client.exchange(get("/\(turn)")).body == Self.bytes(UInt64(turn)))
        }
    }

    @Test("an upload that the client breaks off is broken off upstream") func uploadLeft() throws {
        let setup = try Setup(serve: { connection in
            guard let request = try connection.readRequestHead() else { return }
            if request.target == "/ok" { return try connection.send(ok("fine")) }
            let rest = try? connection.readToEnd()
            #expect((rest?.count ?? 0) < Self.size)
        })
        let client = try setup.client()
        try client.send(Array("PUT /cut HTTP/1.1\r\nHost: a.test\r\n\(Self.fixed)\r\n".utf8) + Self.bytes(1).dropLast(10))
        client.close()
        try Patience.wait(for: "the upload's end") { setup.origin.openConnectionCount == 0 }
        #expect(try setup.client().exchange(get("/ok")).bodyText == "fine")
    }

    @Test("an origin that answers in the middle of an upload is heard") func earlyAnswer() throws {
        let setup = try Setup(serve: { connection in
            guard try connection.readRequestHead() != nil else { return }
            _ = try connection.readExactly(500_000)
            try connection.send("HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbig")
            _ = try? connection.readToEnd()
        })
        let client = try setup.client()
        client.sendSlowly(Array("PUT / HTTP/1.1\r\nHost: a.test\r\n\(Self.fixed)\r\n".utf8) + Self.bytes(1), pieces: 1 << 20)
        let response = try client.readResponse()
        #expect(response.status == 413 && response.bodyText == "big")
    }
}
