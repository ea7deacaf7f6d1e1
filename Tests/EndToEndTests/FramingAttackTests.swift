import TestSupport
import Testing

/// Requests that two programs could read in two ways, or no program should: each is answered and its connection closed,
/// and the origin sees nothing of it.
@Suite("Malformed requests, RFC 9112", .enabled(if: !TestProtocol.isHTTP2))
struct FramingAttackTests {
    struct Attack: Sendable {
        let name: String, bytes: String, status: Int

        init(_ name: String, _ bytes: String, _ status: Int = 400) { (self.name, self.bytes, self.status) = (name, bytes, status) }

        /// A request with these field lines, and something behind it that would be a request if the framing were misread.
        static func fields(_ lines: String, method: String = "POST", version: String = "HTTP/1.1", status: Int = 400) -> Attack {
            Attack(lines, "\(method) /attack \(version)\r\nHost: a.test\r\n\(lines)\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a.test\r\n\r\n", status)
        }

        static func target(_ target: String, method: String = "GET", status: Int = 400) -> Attack {
            Attack("\(method) \(target)", "\(method) \(target) HTTP/1.1\r\nHost: a.test\r\n\r\n", status)
        }

        static func host(_ lines: String) -> Attack { Attack(lines, "GET /attack HTTP/1.1\r\n\(lines)\r\n") }

        static func line(_ line: String, _ status: Int = 400) -> Attack { Attack(line, "\(line)\r\nHost: a.test\r\n\r\n", status) }
    }

    private func check(_ attacks: [Attack], flags: [String] = []) throws {
        let setup = try Setup(flags: flags)
        for attack in attacks {
            let client = try setup.client()
            try client.send(attack.bytes)
            let response = try client.readResponse()
            #expect(response.status == attack.status, "\(attack.name)")
            #expect(response.hasToken("close", in: "Connection"), "\(attack.name)")
            #expect(try client.endsCleanly(), "\(attack.name)")
        }
        #expect(try setup.isServing())
        #expect(setup.origin.requests.map(\.target) == ["/still-there"], "the origin saw an attack")
        // Connections may have been opened for them, but not a byte was sent: the origin would have missed the rest.
        try Patience.wait(for: "the origin's other connections to end") { setup.origin.openConnectionCount <= 1 }
        #expect(setup.origin.failures == [])
    }

    @Test("body lengths that contradict each other or say nothing") func lengths() throws {
        try check([
            .fields("Content-Length: 5\r\nTransfer-Encoding: chunked"), .fields("Transfer-Encoding: chunked\r\nContent-Length: 5"),
            .fields("Content-Length: 0\r\nTransfer-Encoding: chunked"), .fields("Content-Length: 5\r\nContent-Length: 6"),
            .fields("Content-Length: 5\r\nContent-Length: 5"), .fields("Content-Length: 5, 5"), .fields("Content-Length: 5,"),
            .fields("Content-Length: +5"), .fields("Content-Length: -5"), .fields("Content-Length: 0x5"), .fields("Content-Length: 5 5"),
            .fields("Content-Length:"), .fields("Content-Length: 5\u{b}"), .fields("Content-Length: 5;"), .fields("Content-Length: five"),
            .fields("Content-Length: 99999999999999999999"), .fields("Content-Length: 9223372036854775808"),
            .fields("Content-Length: 18446744073709551621"), .fields("Content-Length: 5\r\nX: y\r\ncontent-length: 0"),
            .fields("Content-Length: 5\r\ncontent-LENGTH: 0", method: "GET"),
        ])
    }

    @Test("transfer codings other than chunked alone") func transferCodings() throws {
        try check([
            .fields("Transfer-Encoding: identity"), .fields("Transfer-Encoding: chunked, identity"), .fields("Transfer-Encoding: chunked, gzip"),
            .fields("Transfer-Encoding: chunked, chunked"), .fields("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"),
            .fields("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity"), .fields("Transfer-Encoding: xchunked"),
            .fields("Transfer-Encoding: chunkedx"), .fields("Transfer-Encoding: \"chunked\""), .fields("Transfer-Encoding: chunked;q=1"),
            .fields("Transfer-Encoding: chun ked"), .fields("Transfer-Encoding:"), .fields("Transfer-Encoding: ,"), .fields("Transfer-Encoding: 'chunked'"),
            .fields("Transfer-Encoding: chunked", version: "HTTP/1.0"), .fields("Content-Length: 3\r\nTransfer-Encoding: chunked", version: "HTTP/1.0"),
            .fields("Transfer-Encoding: gzip, chunked", status: 501), .fields("Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked", status: 501),
        ])
    }

    @Test("field lines that hide a field from somebody") func fieldLines() throws {
        try check([
            .fields("Transfer-Encoding : chunked"), .fields("Transfer-Encoding\t: chunked"), .fields(" Transfer-Encoding: chunked"),
            .fields("X: y\r\n Transfer-Encoding: chunked"), .fields("X: y\r\n\tz"), .fields("X: y\rTransfer-Encoding: chunked"),
            .fields("X: y\nTransfer-Encoding: chunked"), .fields("X: y\r\r\nTransfer-Encoding: chunked"), .fields("X: y\u{0}z"),
            .fields("X\u{0}: y"), .fields(": y"), .fields("X"), .fields("X y: z"), .fields("X(y): z"), .fields("\"X\": z"), .fields("X\u{e9}: z"),
            .fields("X: \u{1}"), .fields("X: \u{7f}"), .fields("X: \u{8}y"), .fields("Transfer-Encoding: \u{b}chunked"), .fields("\u{b}Transfer-Encoding: chunked"),
            .fields("Transfer\u{2d}Encoding\u{c}: chunked"), .fields("X: y\r\n\rContent-Length: 5"), .fields("Transfer-Encoding: chun\r\n ked"),
            Attack("LF only", "GET /attack HTTP/1.1\nHost: a.test\n\n"), Attack("LF after the request line", "GET /attack HTTP/1.1\nHost: a.test\r\n\r\n"),
            Attack("LF at the end", "GET /attack HTTP/1.1\r\nHost: a.test\r\n\n"), Attack("CR only", "GET /attack HTTP/1.1\rHost: a.test\r\r"),
            Attack("a fold before the first field", "GET /attack HTTP/1.1\r\n Host: a.test\r\n\r\n"),
        ])
    }

    @Test("hosts that are missing, doubled or none") func hosts() throws {
        try check([
            .host(""), .host("Host: a.test\r\nHost: a.test\r\n"), .host("Host: a.test\r\nhost: b.test\r\n"), .host("Host: a.test, b.test\r\n"),
            .host("Host: a b\r\n"), .host("Host: a/b\r\n"), .host("Host: user@a.test\r\n"), .host("Host: a.test:80:80\r\n"),
            .host("Host: a.test:99999\r\n"), .host("Host: a.test:port\r\n"), .host("Host: a.test:-1\r\n"), .host("Host: [::1\r\n"), .host("Host: ::1\r\n"),
            .host("Host: []\r\n"), .host("Host: [::1]x\r\n"), .host("Host: a%2etest\r\n"), .host("Host: a\u{0}b\r\n"), .host("Host: http://a.test\r\n"),
            .host("Host: a.test?\r\n"), .host("Host: a\\b\r\n"), .host("Host: \"a\"\r\n"), .host("Host: <a>\r\n"), .host("Host : a.test\r\n"),
            Attack("an absolute target needs a Host too", "GET http://a.test/attack HTTP/1.1\r\n\r\n"),
        ])
    }

    @Test("request targets of the wrong form") func targets() throws {
        try check([
            .target("attack"), .target("a.test"), .target("a.test:80"), .target("*"), .target("*", method: "POST"), .target("**", method: "OPTIONS"),
            .target("http:/attack"), .target("http://"), .target("http:///attack"), .target("http://a b/"), .target("http://user@a.test/attack"),
            .target("http://a.test:99999/attack"), .target("ftp://a.test/attack"), .target("://a.test/"), .target("/", method: "CONNECT"),
            .target("a.test", method: "CONNECT"), .target("http://a.test:80", method: "CONNECT"), .target("a.test:80/x", method: "CONNECT"),
            .target("/attack#fragment"), .target("/attack?a#b"), .target("/%"), .target("/%4"), .target("/%4g"), .target("/%00"), .target("/a%00b"),
            .target("/..%2fsecret"), .target("/a/%2e%2e%2fb"), .target("/a%2f../b/..%2f"), .target("/a\u{0}"), .target("/a\u{1}b"), .target("/a\u{7f}"), .target("\\attack"),
        ])
    }

    @Test("request lines of the wrong form") func requestLines() throws {
        try check([
            .line("GET  /attack HTTP/1.1"), .line("GET /attack  HTTP/1.1"), .line("GET\t/attack HTTP/1.1"), .line("GET /attack\tHTTP/1.1"),
            .line("GET /attack HTTP/1.1 "), .line(" GET /attack HTTP/1.1"), .line("GET /attack"), .line("GET /attack "), .line("GET"), .line("/attack HTTP/1.1"),
            .line("GET /attack http/1.1"), .line("GET /attack HTTP/1.12"), .line("GET /attack HTTP/1"), .line("GET /attack HTTP1.1"), .line("GET /attack XTTP/1.1"),
            .line("GET /attack HTTP/1,1"), .line("GET /attack HTTP /1.1"), .line("GET /attack HTTP/01.1"), .line("GET /attack HTTP/1.1x"), .line("GET /at tack HTTP/1.1"),
            .line("G(T /attack HTTP/1.1"), .line("GET\u{0} /attack HTTP/1.1"), .line("G\u{e9}T /attack HTTP/1.1"), .line("\u{16}\u{3}\u{1}\u{2}\u{0}"),
            .line("GET /attack HTTP/2.0", 505), .line("GET /attack HTTP/0.9", 505), .line("PRI * HTTP/2.0", 505), .line("GET /attack HTTP/9.9", 505),
        ])
    }

    @Test("heads that are too large") func sizes() throws {
        let long = String(repeating: "x", count: 70_000)
        try check([
            Attack("a long target", "GET /\(long) HTTP/1.1\r\nHost: a.test\r\n\r\n", 431),
            Attack("a long value", "GET /attack HTTP/1.1\r\nHost: a.test\r\nX: \(long)\r\n\r\n", 431),
            Attack("a long name", "GET /attack HTTP/1.1\r\nHost: a.test\r\n\(long): x\r\n\r\n", 431),
            Attack("a head without end", "GET /attack HTTP/1.1\r\nHost: a.test\r\n" + String(repeating: "X: y\r\n", count: 15_000), 431),
            Attack("too many fields", "GET /attack HTTP/1.1\r\nHost: a.test\r\n" + String(repeating: "X: y\r\n", count: 1_001) + "\r\n", 431),
            Attack("a line without end", long, 431),
            Attack("empty lines", String(repeating: "\r\n", count: 100) + get("/attack")),
        ])
        try check([
            Attack("over a limit of one's own", get("/attack", fields: "X: \(String(repeating: "x", count: 2_000))\r\n"), 431),
        ], flags: ["-max-header-bytes", "1024"])
    }

    @Test("a client that sends on after its head was refused still reads the answer") func refusedMidway() throws {
        let setup = try Setup(flags: ["-max-header-bytes", "1024"])
        let client = try setup.client()
        try client.send("GET /attack HTTP/1.1\r\nHost: a.test\r\nX: " + String(repeating: "x", count: 2_000))
        // By now it is refused, and everything that was sent has been read.
        Patience.pause(milliseconds: 200)
        for _ in 0..<5 {
            try client.send(String(repeating: "x", count: 1_000))
            Patience.pause(milliseconds: 20)
        }
        #expect(try client.readResponse().status == 431)
        #expect(try client.endsCleanly())
    }

    @Test("chunked bodies that go wrong in their first bytes") func chunks() throws {
        func chunked(_ body: String) -> Attack { Attack(body, "POST /attack HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n\(body)") }
        try check([
            "+5\r\nhello\r\n0\r\n\r\n", "-5\r\n", "0x5\r\nhello\r\n0\r\n\r\n", " 5\r\nhello\r\n0\r\n\r\n", "5 \r\nhello\r\n0\r\n\r\n", "\r\nhello", "g\r\n",
            ";\r\n", "5\nhello\r\n0\r\n\r\n", "5\r\rhello\r\n0\r\n\r\n", "10000000000000000\r\n", "FFFFFFFFFFFFFFFF\r\n", "0000000000000000005\r\nhello\r\n0\r\n\r\n",
            "5;\n", "5;a\u{0}b\r\nhello\r\n0\r\n\r\n", "5;a=\"\nb\"\r\nhello\r\n0\r\n\r\n", "5\u{0}\r\nhello\r\n0\r\n\r\n", "5_0\r\n", "5.0\r\n", "5,5\r\n",
            "5;" + String(repeating: "x", count: 5_000) + "\r\nhello\r\n0\r\n\r\n",
        ].map(chunked))
    }

    @Test("chunked bodies that go wrong later never look complete to the origin") func laterChunks() throws {
        let setup = try Setup(serve: { connection in
            while try connection.readRequest() != nil { try connection.send(ok("complete")) }
        })
        for body in [
            "5\r\nhelloX\r\n0\r\n\r\n", "5\r\nhello0\r\n\r\n", "5\r\nhello\n0\r\n\r\n", "5\r\nhello\r\nx\r\n", "5\r\nhello\r\n0\r\nX\r\n\r\n", "5\r\nhello\r\n0\r\nX : y\r\n\r\n",
            "5\r\nhello\r\n0\r\nX: y\n\r\n", "5\r\nhello\r\n0\r\nX: \u{0}\r\n\r\n", "5\r\nhello\r\n0\r\n y\r\n\r\n", "5\r\nhello\r\n0\r\nX: y\rZ: a\r\n\r\n", "5\r\nhello\r\n0\r\n\rX",
            "5\r\nhello\r\n0\r\nX: \(String(repeating: "x", count: 20_000))\r\n\r\n",
        ] {
            let client = try setup.client()
            try client.send("POST /attack HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n\(body)")
            #expect(try client.readResponse().status == 400, "\(body.prefix(60).debugDescription)")
            #expect(try client.endsCleanly(), "\(body.prefix(60).debugDescription)")
        }
        #expect(try setup.isServing())
        #expect(setup.origin.requests.map(\.target) == ["/still-there"], "the origin saw a whole request")
    }
}
