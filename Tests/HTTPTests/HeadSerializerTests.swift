import Bytes
import HTTP
import Testing

@Suite("Heads as they are sent")
struct HeadSerializerTests {
    private func forwarded(_ text: String, framing: HeadSerializer.Framing = .init(body: .none), edit: (inout RequestHead) -> Void = { _ in }) -> String {
        var head = RequestHead()
        guard case .complete = text.withBytes({ RequestParser.parse($0, into: &head, options: HeadOptions()) }) else { return "refused" }
        head.removeNominatedFields()
        edit(&head)
        var output = ByteBuffer()
        "up.test".withBytes { HeadSerializer.write(head, host: $0, framing: framing, to: &output) }
        return output.readable.text
    }

    private func request(_ fields: String, line: String = "GET /p?q HTTP/1.1") -> String { "\(line)\r\nHost: a.test\r\n\(fields)\r\n" }

    private func expected(_ fields: String, line: String = "GET /p?q HTTP/1.1") -> String { "\(line)\r\nHost: up.test\r\n\(fields)\r\n" }

    @Test("fields nobody edits pass as they came", arguments: [
        "", "X: y\r\n", "a:b\r\nA :c".replacing(" :", with: ":") + "\r\n", "X:\ty  \r\nEmpty:\r\n", "Accept: */*\r\nUser-Agent: x\r\nCookie: a=b\r\nCookie: c=d\r\n", "Authorization: Bearer x\r\nX-Forwarded-For: 1.2.3.4\r\n",
        "Trailer: X\r\n",
    ])
    func untouched(fields: String) { #expect(forwarded(request(fields)) == expected(fields)) }

    @Test("fields of the connection are left out, wherever they stand", arguments: [
        "Connection: close\r\n", "Keep-Alive: timeout=5\r\n", "Proxy-Connection: keep-alive\r\n", "Upgrade: h2c\r\n", "Te: gzip\r\n", "Proxy-Authorization: Basic x\r\n", "Http2-Settings: x\r\n",
        "Connection: X-Secret\r\nX-Secret: y\r\n", "X-Secret: y\r\nConnection: keep-alive, x-secret\r\n", "Connection: N1\r\nn1: 1\r\nConnection: n2\r\nN2: 2\r\n",
    ])
    func hopByHop(fields: String) {
        #expect(forwarded(request(fields)) == expected(""))
        #expect(forwarded(request("A: 1\r\n\(fields)B: 2\r\n")) == expected("A: 1\r\nB: 2\r\n"))
        #expect(forwarded(request("A: 1\r\n\(fields)")) == expected("A: 1\r\n"))
    }

    @Test("a client cannot have the proxy remove what matters by naming it in Connection", arguments: [
        "Authorization: x", "Cookie: a=b", "X-Forwarded-For: 1.2.3.4", "X-Forwarded-Proto: https", "Forwarded: for=x", "Content-Type: text/plain",
    ])
    func protected(field: String) {
        let name = field.prefix { $0 != ":" }
        #expect(forwarded(request("\(field)\r\nConnection: \(name)\r\n")) == expected("\(field)\r\n"))
    }

    @Test("the framing is the proxy's own", arguments: [
        (HeadSerializer.Framing(body: .none), ""), (.init(body: .length(5)), "Content-Length: 5\r\n"), (.init(body: .length(0)), "Content-Length: 0\r\n"),
        (.init(body: .chunked), "Transfer-Encoding: chunked\r\n"), (.init(body: .none, closes: true), "Connection: close\r\n"), (.init(body: .chunked, closes: true), "Transfer-Encoding: chunked\r\nConnection: close\r\n"),
        (.init(body: .length(UInt64(Int64.max))), "Content-Length: 9223372036854775807\r\n"),
    ])
    func framing(framing: HeadSerializer.Framing, lines: String) {
        for body in ["Content-Length: 3\r\n", "Transfer-Encoding: chunked\r\n"] {
            #expect(forwarded(request("A: 1\r\n\(body)B: 2\r\n"), framing: framing) == expected("A: 1\r\nB: 2\r\n\(lines)"))
        }
    }

    @Test("a length that stays passes where it stood, once and in one form", arguments: [
        ("Content-Length: 3\r\n", "A: 1\r\nContent-Length: 3\r\nB: 2\r\n"), ("content-length:3\r\n", "A: 1\r\ncontent-length:3\r\nB: 2\r\n"),
        ("Content-Length: 003\r\n", "A: 1\r\nB: 2\r\nContent-Length: 3\r\n"), ("Content-Length: 3\r\nConnection: content-length\r\n", nil),
    ])
    func length(fields: String, lines: String?) {
        let sent = forwarded(request("A: 1\r\n\(fields)B: 2\r\n"), framing: .init(body: .length(3)))
        if let lines { #expect(sent == expected(lines)) }
        #expect(sent.lowercased().split(separator: "content-length").count == 2)
        // Another length than the received one, and a field that somebody set.
        let other = forwarded(request("A: 1\r\n\(fields)B: 2\r\n"), framing: .init(body: .length(7)))
        #expect(other == expected("A: 1\r\nB: 2\r\nContent-Length: 7\r\n"))
        let edited = forwarded(request("A: 1\r\n\(fields)B: 2\r\n"), framing: .init(body: .length(3))) { head in
            "99".withBytes { head.headers.set(.contentLength, $0) }
        }
        #expect(edited == expected("A: 1\r\nB: 2\r\nContent-Length: 3\r\n"))
    }

    @Test("an upgrade keeps its two fields, trailers their permission", arguments: [
        ("Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n", true, "Connection: Upgrade\r\nUpgrade: websocket\r\n"), ("Connection: Upgrade\r\nUpgrade: websocket\r\n", false, ""),
        ("TE: trailers\r\n", false, "TE: trailers\r\nConnection: te\r\n"), ("TE: gzip, trailers;q=0.5\r\n", false, ""), ("TE: trailers, gzip\r\nConnection: te\r\n", false, "TE: trailers\r\nConnection: te\r\n"),
    ])
    func upgrades(fields: String, upgrades: Bool, lines: String) {
        #expect(forwarded(request(fields), framing: .init(body: .none, upgrades: upgrades)) == expected(lines))
    }

    @Test("start lines carry the normalised target", arguments: [
        ("GET / HTTP/1.0", "GET / HTTP/1.1"), ("PURGE //a/%7e?%zz HTTP/1.1", "PURGE //a/~?%zz HTTP/1.1"), ("GET http://b.test/x HTTP/1.1", "GET /x HTTP/1.1"), ("GET http://b.test HTTP/1.1", "GET / HTTP/1.1"),
        ("OPTIONS * HTTP/1.1", "OPTIONS * HTTP/1.1"), ("GET /a/../b? HTTP/1.1", "GET /b? HTTP/1.1"), ("get /é HTTP/1.1", "get /%C3%A9 HTTP/1.1"),
    ])
    func startLines(received: String, sent: String) { #expect(forwarded(request("", line: received)) == expected("", line: sent)) }

    @Test("responses get a Date where the upstream gave none, RFC 9110 §6.6.1", arguments: [
        ("HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 200 OK\r\nDate: D\r\n\r\n"), ("HTTP/1.1 200 OK\r\nServer: x\r\nDate: y\r\n\r\n", "HTTP/1.1 200 OK\r\nServer: x\r\nDate: y\r\n\r\n"),
        ("HTTP/1.1 200\r\nDate: y\r\n\r\n", "HTTP/1.1 200 OK\r\nDate: y\r\n\r\n"), ("HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n", "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"),
        ("HTTP/1.0 299 Mine\r\nConnection: close, x\r\nX: y\r\nKeep-Alive: z\r\n\r\n", "HTTP/1.1 299 Mine\r\nDate: D\r\n\r\n"), ("HTTP/1.1 799 \r\n\r\n", "HTTP/1.1 799 \r\nDate: D\r\n\r\n"),
    ])
    func responses(received: String, sent: String) {
        var head = ResponseHead()
        guard case .complete = received.withBytes({ ResponseParser.parse($0, into: &head, method: .get) }) else { return #expect(Bool(false)) }
        head.removeNominatedFields()
        var output = ByteBuffer()
        HeadSerializer.write(head, framing: .init(body: .none), date: BorrowedBytes("D"), to: &output)
        #expect(output.readable.text == sent)
    }

    @Test("a status changed by a filter has its own phrase")
    func changedStatus() {
        var head = ResponseHead()
        _ = "HTTP/1.1 200 Fine\r\n\r\n".withBytes { ResponseParser.parse($0, into: &head, method: .get) }
        #expect(head.reason.text == "Fine")
        head.status = 404
        #expect(head.reason.text == "Not Found")
    }

    @Test("known fields are recognised in any case, and nothing else is", arguments: 1...UInt8(40))
    func knownFields(number: UInt8) throws {
        let field = try #require(KnownField(rawValue: number))
        let name = field.name.description
        for spelling in [name, name.lowercased(), name.uppercased()] { #expect(FieldName(spelling).known == field) }
        for other in [name + "x", String(name.dropLast()), "\(name.dropLast())\u{1}", "_" + name.dropFirst(), name.replacing("-", with: "_") + "y"] { #expect(FieldName(other).known == .other, "\(other)") }
    }
}
