import TestSupport
import Testing

@Suite("Expect: 100-continue, RFC 9110 §10.1.1")
struct ExpectTests {
    private let head = "POST /upload HTTP/1.1\r\nHost: a.test\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n"

    @Test("the body is asked for, and follows") func accepted() throws {
        let setup = try Setup(serve: { connection in
            while let request = try connection.readRequestHead() {
                if request.value("Expect") != nil { try connection.send("HTTP/1.1 100 Continue\r\n\r\n") }
                let body = try connection.readExactly(4)
                try connection.send(ok("got \(String(decoding: body, as: UTF8.self))"))
            }
        })
        let client = try setup.client()
        try client.send(head)
        #expect(try client.readResponse().status == 100)
        try client.send("body")
        #expect(try client.readResponse().bodyText == "got body")
        #expect(try client.exchange(head + "more").status == 100)
        #expect(try client.readResponse().bodyText == "got more")
    }

    @Test("an origin that ignores it gets the body all the same") func ignored() throws {
        let setup = try Setup()
        let client = try setup.client()
        try client.send(head + "body")
        var response = try client.readResponse()
        while response.status < 200 { response = try client.readResponse() }
        #expect(response.bodyText == "POST /upload body")
    }

    @Test("a client that waits for the 100 of an origin that never sends one gets it in the end") func silent() throws {
        let setup = try Setup(flags: ["-expect-continue-timeout-backend", "150ms"])
        let client = try setup.client()
        try client.send(head)
        #expect(try client.readResponse().status == 100)
        try client.send("body")
        #expect(try client.readResponse().bodyText == "POST /upload body")
    }

    @Test("a refusal comes instead of the 100, and the body is not waited for") func refused() throws {
        let setup = try Setup(serve: { connection in
            while try connection.readRequestHead() != nil {
                try connection.send("HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno")
                return
            }
        })
        let client = try setup.client()
        try client.send(head)
        let response = try client.readResponse()
        #expect(response.status == 413 && response.bodyText == "no")
        #expect(try setup.client().exchange(head).status == 413)
    }

    @Test("behind an answer in place of the 100, what comes is neither body nor request", .enabled(if: !TestProtocol.isHTTP2), arguments: ["body", ""]) func notAsked(body: String) throws {
        let setup = try Setup(serve: { connection in
            while let request = try connection.readRequestHead() {
                if request.value("Expect") == nil { try connection.send(ok("next")) } else { try connection.send("HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\nno") }
            }
        })
        let client = try setup.client()
        try client.send(head)
        #expect(try client.readResponse().value("Connection") == "close")
        try? client.send(body + get("/next"))
        #expect(try client.endsCleanly())
        #expect(setup.origin.requests.allSatisfy { $0.target == "/upload" })
    }

    @Test("a client that does not wait gets no second head") func impatient() throws {
        let setup = try Setup(serve: { connection in
            while let request = try connection.readRequest() { try connection.send(ok(request.bodyText)) }
        })
        let client = try setup.client()
        try client.send(head + "body" + get("/next"))
        var responses: [RawMessage] = []
        while responses.filter({ $0.status >= 200 }).count < 2 { responses.append(try client.readResponse()) }
        #expect(responses.filter { $0.status >= 200 }.map(\.bodyText) == ["body", ""])
    }

    @Test("other expectations fail", arguments: ["Expect: magic\r\n", "Expect: 100-continue, magic\r\n"]) func unknown(field: String) throws {
        let setup = try Setup()
        #expect(try setup.client().exchange(get("/", fields: field)).status == 417)
        #expect(setup.origin.requests.isEmpty)
    }
}
