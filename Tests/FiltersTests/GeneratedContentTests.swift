import Bytes
import Eskip
import Filters
import HTTP
import Testing

@Suite("Generated and absorbed bodies")
struct GeneratedContentTests {
    @Test("repeats a text up to the byte", arguments: [
        ("repeatContent", "abc", 10, "abcabcabca", "text/plain; charset=utf-8"), ("repeatContent", "abc", 0, "", "text/plain; charset=utf-8"),
        ("repeatContent", "abc", 2, "ab", "text/plain; charset=utf-8"), ("repeatContentHex", "0061", 3, "\0a\0", "application/octet-stream"),
        ("repeatContent", "<p>", 6, "<p><p>", "text/html; charset=utf-8"),
    ], [1, 4, 64])
    func repeats(content: (name: String, text: String, count: Int, body: String, mediaType: String), limit: Int) throws {
        let exchange = try BodyExchange()
        guard case .serve = exchange.request(try makeFilters((content.name, [.string(content.text), .number(Double(content.count))]))) else {
            Issue.record("not served")
            return
        }
        #expect(exchange.responseBody(limit: limit).text == content.body)
        #expect(exchange.responseValues("Content-Type") == [content.mediaType])
        guard case .producer(_, let length) = exchange.state.pointee.replacement else { Issue.record("no producer"); return }
        #expect(length == UInt64(content.count))
    }

    @Test("random characters, as many as asked for and not twice the same")
    func random() throws {
        let bodies = try (0..<2).map { _ in
            let exchange = try BodyExchange()
            exchange.services.seed = UInt64.random(in: .min ... .max)
            exchange.request(try makeFilters(("randomContent", [1000])))
            return exchange.responseBody(limit: 33).bytes
        }
        #expect(bodies.allSatisfy { $0.count == 1000 && $0.allSatisfy { ASCII.isUnreserved($0) } })
        #expect(bodies[0] != bodies[1])
    }

    @Test("a tarpit trickles without an end")
    func tarpit() throws {
        let exchange = try BodyExchange()
        exchange.request(try makeFilters(("tarpit", ["10s"])))
        guard case .producer(let producer, nil) = exchange.state.pointee.replacement else { Issue.record("no producer"); return }
        let body = exchange.produce(producer, piecesMax: 20)
        #expect(body.pieces.allSatisfy { $0.count == 1 })
        #expect(body.pauses.count == 21 && body.pauses.allSatisfy { $0 == 10_000_000_000 })
    }

    @Test("absorbs a body before it answers", arguments: ["absorb", "absorbSilent"])
    func absorb(name: String) throws {
        let exchange = try BodyExchange("POST", framing: .chunked)
        guard case .serve = exchange.request(try makeFilters((name, ["anything", 1]))) else { Issue.record("not served"); return }
        let isAfterBody = exchange.state.pointee.servesAfterRequestBody
        #expect(isAfterBody)
        #expect(exchange.context.response.status == 200)
        guard name == "absorb" else { return }
        #expect(exchange.requestBody([bytes("hello"), bytes("world")]).bytes.isEmpty)
        #expect(exchange.services.lines == ["absorb: 10 bytes in 0 ms, complete"])
    }

    @Test("refuses arguments", arguments: [
        ("repeatContent", ["a"]), ("repeatContent", ["", 3]), ("repeatContent", ["a", -1]), ("repeatContent", ["a", "3"]),
        ("repeatContentHex", ["0", 3]), ("repeatContentHex", ["", 3]), ("repeatContentHex", ["xy", 3]),
        ("randomContent", []), ("randomContent", [-1]), ("randomContent", ["1"]), ("tarpit", ["0s"]), ("tarpit", [1]), ("tarpit", []),
    ] as [(String, [Argument])])
    func refused(name: String, arguments: [Argument]) {
        #expect(throws: FilterArgumentError.self) { try makeInstance(name, arguments) }
    }
}
