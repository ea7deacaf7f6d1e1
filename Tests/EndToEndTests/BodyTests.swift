import TestSupport
import Testing

@Suite("Bodies and what stands around them")
struct BodyTests {
    @Test("requests reach the origin with the framing they came in", arguments: [
        ("POST", "Content-Length: 5\r\n", "hello", "Content-Length: 5"), ("POST", "Content-Length: 0\r\n", "", ""), ("PUT", "Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n0\r\n\r\n", "Transfer-Encoding: chunked"),
        ("GET", "Content-Length: 5\r\n", "hello", "Content-Length: 5"), ("DELETE", "", "", ""), ("PATCH", "Transfer-Encoding: CHUNKED\r\n", "2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n", "Transfer-Encoding: chunked"),
    ])
    func requestFraming(method: String, fields: String, body: String, framing: String) throws {
        let setup = try Setup()
        let client = try setup.client()
        let response = try client.exchange("\(method) /x HTTP/1.1\r\nHost: a.test\r\n\(fields)\r\n\(body)")
        #expect(response.status == 200)
        let request = try #require(setup.origin.requests.first)
        #expect(request.bodyText == (body.isEmpty ? "" : "hello") && request.method == method)
        let sent = request.fields.filter { ["content-length", "transfer-encoding"].contains($0.name.lowercased()) }.map { $0.description.lowercased() }
        // A body that is declared empty may be sent as no body at all.
        #expect(sent == (framing.isEmpty ? [] : [framing.lowercased()]) || framing.isEmpty && sent == ["content-length: 0"])
    }

    @Test("responses reach the client whole, whatever framed them", arguments: [
        "Content-Length: 5\r\n\r\nhello", "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\n1;a\r\nh\r\n4\r\nello\r\n0\r\nT: 1\r\n\r\n", "Connection: close\r\n\r\nhello",
    ], TestProtocol.versions)
    func responseFraming(rest: String, version: String) throws {
        let setup = try Setup(serve: { connection in
            while try connection.readRequest() != nil {
                try connection.send("HTTP/1.1 200 OK\r\n\(rest)")
                if rest.hasPrefix("Connection: close") { return }
            }
        })
        let client = try setup.client()
        let response = try client.exchange("GET / \(version)\r\nHost: a.test\r\n\r\n")
        #expect(response.status == 200 && response.bodyText == "hello")
        // HTTP/1.0 knows no chunks: there the end of the connection ends the body.
        if version == "HTTP/1.0" { #expect(response.value("Transfer-Encoding") == nil) }
        if version == "HTTP/1.0" { #expect(try client.endsCleanly()) } else { #expect(try client.exchange(get("/again")).bodyText == "hello") }
    }

    @Test("responses without a body end with their head", arguments: [
        ("HEAD", "200 OK", "Content-Length: 1000\r\n"), ("HEAD", "200 OK", "Transfer-Encoding: chunked\r\n"), ("HEAD", "200 OK", ""), ("GET", "204 No Content", ""), ("GET", "304 Not Modified", "Content-Length: 1000\r\n"),
        ("GET", "304 Not Modified", ""), ("HEAD", "404 Not Found", "Content-Length: 9\r\n"), ("GET", "204 No Content", "Content-Length: 0\r\n"), ("GET", "204 No Content", "Content-Length: 5\r\n"), ("GET", "200 OK", "Content-Length: 0\r\n"),
    ])
    func bodyless(method: String, status: String, fields: String) throws {
        let setup = try Setup(answer: { _ in "HTTP/1.1 \(status)\r\n\(fields)\r\n" })
        let client = try setup.client()
        for _ in 0..<3 {
            let response = try client.exchange("\(method) / HTTP/1.1\r\nHost: a.test\r\n\r\n", method: method)
            #expect(response.startLine == "HTTP/1.1 \(status)" && response.body.isEmpty)
            if fields.hasPrefix("Content-Length"), !status.hasPrefix("204") { #expect(response.values("Content-Length") == [String(fields.dropFirst(16).prefix { $0 != "\r\n" })]) }
            // RFC 9110 §8.6, §15.3.5: a length here would promise a body that never comes.
            if status.hasPrefix("204") { #expect(response.value("Transfer-Encoding") == nil && response.value("Content-Length") == nil) }
        }
        #expect(setup.origin.connectionCount == 1)
        #expect(setup.origin.requests.map(\.method) == Array(repeating: method, count: 3))
    }

    @Test("an origin that sends a body where there is none is not believed") func unexpectedBody() throws {
        let setup = try Setup(answer: { $0.target == "/ok" ? ok("fine") : "HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\npoisoned" })
        let client = try setup.client()
        for _ in 0..<5 {
            #expect(try client.exchange(get("/none")).status == 204)
            #expect(try client.exchange(get("/ok")).bodyText == "fine")
        }
    }

    @Test("interim responses pass in their order, to those who understand them", arguments: TestProtocol.versions)
    func interim(version: String) throws {
        let setup = try Setup(answer: { _ in "HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\nContent-Length: 4\r\n\r\n" + ok("done") })
        let client = try setup.client()
        try client.send("GET / \(version)\r\nHost: a.test\r\n\r\n")
        if version == "HTTP/1.1" {
            #expect(try client.readResponse().startLine == "HTTP/1.1 102 Processing")
            let hints = try client.readResponse()
            #expect(hints.status == 103 && hints.value("Link") == "</a>" && hints.value("Content-Length") == nil)
        }
        #expect(try client.readResponse().bodyText == "done")
    }

    @Test("an origin cannot go on with interim responses for ever") func endlessInterim() throws {
        let setup = try Setup(serve: { connection in
            while try connection.readRequest() != nil {
                for _ in 0..<1_000 { try connection.send("HTTP/1.1 102 Processing\r\n\r\n") }
            }
        })
        let client = try setup.client()
        try client.send(get("/"))
        var interimCount = 0
        while true {
            let response = try client.readResponse()
            if response.status >= 200 {
                #expect(response.status == 502)
                break
            }
            interimCount += 1
        }
        #expect(interimCount <= 16)
    }

    @Test("trailers pass both ways") func trailers() throws {
        let setup = try Setup(serve: { connection in
            while let request = try connection.readRequest() {
                try connection.send("HTTP/1.1 200 OK\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-Sum: \(request.trailers.map(\.value).joined())\r\nX-More: 1\r\n\r\n")
            }
        })
        let response = try setup.client().exchange("POST / HTTP/1.1\r\nHost: a.test\r\nTE: trailers\r\nTrailer: X-Up\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX-Up: 42\r\n\r\n")
        #expect(response.trailers == [.init("X-Sum", "42"), .init("X-More", "1")] && response.value("Trailer") == "X-Sum")
        let request = try #require(setup.origin.requests.first)
        #expect(request.trailers == [.init("X-Up", "42")] && request.value("TE") == "trailers" && request.value("Trailer") == "X-Up")
    }

    @Test("chunks are passed on as they come, not when all have come") func streaming() throws {
        let setup = try Setup(serve: { connection in
            guard var _ = try connection.readRequestHead() else { return }
            try connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            for _ in 0..<5 {
                let line = try connection.read(through: "\r\n")
                let data = try connection.read(through: "\r\n")
                try connection.send(line + data)
            }
            _ = try connection.read(through: "0\r\n\r\n")
            try connection.send("0\r\n\r\n")
        })
        let client = try setup.client()
        try client.send("POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n")
        #expect(try client.read(through: "\r\n\r\n").hasPrefix("HTTP/1.1 200"))
        for number in 0..<5 {
            try client.send("3\r\nab\(number)\r\n")
            #expect(try client.read(through: "ab\(number)\r\n").hasSuffix("3\r\nab\(number)\r\n"))
        }
        try client.send("0\r\n\r\n")
        #expect(try client.read(through: "0\r\n\r\n") == "0\r\n\r\n")
    }
}
