import Glibc
import TestSupport
import Testing

/// Bodies that pass from socket to socket, and what happens around them.
@Suite("Long bodies")
struct LongBodyTests {
    private static let size = 2 << 20
    private static let fixed = "Content-Length: \(size)\r\n"

    /// Pages that know their place: a piece that is missing, moved or another body's is noticed.
    private static func bytes(_ seed: UInt64) -> [UInt8] {
        var random = SeededRandom(seed)
        var page = (0..<512).flatMap { _ in withUnsafeBytes(of: random.next()) { Array($0) } }
        var bytes: [UInt8] = []
        for place in 0..<size / page.count {
            (page[0], page[1]) = (UInt8(place >> 8), UInt8(place & 255))
            bytes += page
        }
        return bytes
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

    /// A client that reads as fast as the proxy makes the answer is never waited for.
    @Test("a long file passes a filter whole, a part at a time") func filteredFile() throws {
        let folder = try TemporaryFolder(), size = 160 << 20
        try folder.write("", to: "long")
        try #require(truncate("\(folder.path)/long", size) == 0)
        let proxy = try FairwayProcess(routes: "all: * -> chunks(1000000000, 1) -> static(\"/\", \"\(folder.path)\") -> <shunt>")
        let client = try RawClient(port: proxy.port)
        try client.send(get("/long"))
        #expect(try client.read(through: "\r\n\r\n").contains("Content-Length: \(size)") || TestProtocol.isHTTP2)
        try client.discard(size)
        #expect(try client.exchange("HEAD /long HTTP/1.1\r\nHost: a.test\r\n\r\n", method: "HEAD").status == 200)
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
