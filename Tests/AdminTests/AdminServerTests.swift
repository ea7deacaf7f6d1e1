import Admin
import Bytes
import Net
import TestSupport
import Testing

/// A support listener on a loop of its own.
private final class RunningServer: @unchecked Sendable {
    // Unchecked: made before its thread, then used by that thread alone.
    private let loop = UnsafeMutablePointer<EventLoop>.allocate(capacity: 1)
    private let source: FakeSource
    private let server: AdminServer
    private let mailbox: Mailbox
    let port: UInt16

    init(_ source: FakeSource) throws {
        self.source = source
        loop.initialize(to: try EventLoop())
        mailbox = loop.pointee.mailbox
        server = AdminServer(loop: loop, source: source)
        port = try server.listen(on: Sockets.listen(SocketAddress(.loopbackV4, port: 0))).port
        onThread { self.loop.run() }
    }

    func stop() { mailbox.send { self.loop.stop() } }
}

@Suite("The support listener over sockets")
struct AdminServerTests {
    @Test("answers several requests of a connection")
    func keepAlive() throws {
        let server = try RunningServer(FakeSource.numbered(3))
        defer { server.stop() }
        let client = try RawClient(port: server.port)
        for path in ["/", "/livez", "/routes", "/metrics", "/nope"] {
            let response = try client.exchange("GET \(path) HTTP/1.1\r\nHost: a\r\n\r\n")
            #expect(response.status == (path == "/nope" ? 404 : 200))
            #expect(!response.body.isEmpty)
        }
    }

    @Test("HEAD tells what GET would, without the body")
    func head() throws {
        let server = try RunningServer(FakeSource.numbered(3))
        defer { server.stop() }
        let client = try RawClient(port: server.port)
        let get = try client.exchange("GET /routes HTTP/1.1\r\nHost: a\r\n\r\n")
        let head = try client.exchange("HEAD /routes HTTP/1.1\r\nHost: a\r\n\r\n", method: "HEAD")
        #expect(head.value("Content-Length") == "\(get.body.count)")
        #expect(head.value("X-Count") == "3")
        #expect(try client.exchange("GET /livez HTTP/1.1\r\nHost: a\r\n\r\n").status == 200)
    }

    @Test("other methods are 405, their bodies skipped", arguments: ["POST", "PUT", "DELETE", "OPTIONS", "BREW"])
    func otherMethods(method: String) throws {
        let server = try RunningServer(FakeSource())
        defer { server.stop() }
        let client = try RawClient(port: server.port)
        let response = try client.exchange("\(method) /routes HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello")
        #expect(response.status == 405)
        #expect(response.value("Allow") == "GET, HEAD")
        #expect(try client.exchange("GET /livez HTTP/1.1\r\nHost: a\r\n\r\n").status == 200)
    }

    @Test("what is no request is answered and the connection closed", arguments: [
        "GET /routes HTTP/1.1\r\n\r\n", "GET /routes HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", "hello\r\n\r\n",
    ])
    func malformed(request: String) throws {
        let server = try RunningServer(FakeSource())
        defer { server.stop() }
        let client = try RawClient(port: server.port)
        #expect(try client.exchange(request).status == 400)
        #expect(try client.endsCleanly())
    }

    @Test("a long listing arrives whole and leaves the connection usable")
    func longListing() throws {
        let server = try RunningServer(FakeSource.numbered(20_000))
        defer { server.stop() }
        let client = try RawClient(port: server.port)
        for _ in 0..<2 {
            let response = try client.exchange("GET /routes?limit=20000&nopretty HTTP/1.1\r\nHost: a\r\n\r\n")
            #expect(response.bodyText.split(separator: "\n").count == 20_000)
            #expect(response.chunkSizes.count > 10)
        }
        #expect(try client.exchange("HEAD /routes?limit=20000 HTTP/1.1\r\nHost: a\r\n\r\n", method: "HEAD").status == 200)
        #expect(try client.exchange("GET /routes HTTP/1.1\r\nHost: a\r\n\r\n").value("X-Count") == "20000")
    }

    @Test("who does not read his listing keeps nobody waiting, nor does who leaves")
    func slowReader() throws {
        let server = try RunningServer(FakeSource.numbered(30_000))
        defer { server.stop() }
        let slow = try RawClient(port: server.port, receiveBuffer: 4096)
        try slow.send("GET /routes?limit=30000 HTTP/1.1\r\nHost: a\r\n\r\n")
        let leaver = try RawClient(port: server.port, receiveBuffer: 4096)
        try leaver.send("GET /routes?limit=30000 HTTP/1.1\r\nHost: a\r\n\r\n")
        _ = try leaver.readExactly(1000)
        leaver.reset()
        for _ in 0..<5 { #expect(try RawClient.get("/livez", port: server.port).status == 200) }
        #expect(try slow.readResponse().bodyText.hasSuffix("<shunt>;"))
    }

    @Test("an old client gets a listing that ends with the connection")
    func http10() throws {
        let server = try RunningServer(FakeSource.numbered(5000))
        defer { server.stop() }
        let client = try RawClient(port: server.port)
        let response = try client.exchange("GET /routes?limit=5000&nopretty HTTP/1.0\r\nHost: a\r\n\r\n")
        #expect(response.bodyText.split(separator: "\n").count == 5000)
    }
}
