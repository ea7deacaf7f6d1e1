import Bytes
import HTTP
import Testing

@Suite("Response heads, RFC 9112 §4 and §6.3")
struct ResponseParserTests {
    private func parsed(_ text: String, to method: Method = .get) -> ParsedResponse? {
        guard case .complete(let head, text.utf8.count) = parseResponse(text, to: method) else { return nil }
        return head
    }

    @Test("status lines", arguments: [
        ("HTTP/1.1 200 OK", 200, "OK", .http11), ("HTTP/1.0 404 Not  Found ", 404, "Not  Found ", .http10), ("HTTP/1.1 200 ", 200, "OK", .http11), ("HTTP/1.1 200", 200, "OK", .http11),
        ("HTTP/1.1 999 \u{e9}t\u{e9}", 999, "\u{e9}t\u{e9}", .http11), ("HTTP/1.1 418\t", nil, "", .http11), ("HTTP/1.1 299", 299, "", .http11), ("HTTP/1.1 500 a\tb", 500, "a\tb", .http11),
    ] as [(String, UInt16?, String, HTTPVersion)])
    func statusLines(line: String, status: UInt16?, reason: String, version: HTTPVersion) {
        let head = parsed("\(line)\r\nContent-Length: 0\r\n\r\n")
        #expect(head?.status == status)
        if status != nil { #expect(head?.reason == reason && head?.version == version) }
    }

    @Test("how the body ends", arguments: [
        (.get, 200, "Content-Length: 5", .length(5), nil, true), (.get, 200, "Content-Length: 0", .length(0), nil, true), (.get, 200, "Transfer-Encoding: chunked", .chunked, nil, true),
        (.get, 200, "", .untilClose, nil, false), (.get, 404, "", .untilClose, nil, false), (.head, 200, "Content-Length: 5", .none, 5, true), (.head, 200, "Transfer-Encoding: chunked", .none, nil, true),
        (.head, 200, "", .none, nil, true), (.get, 204, "", .none, nil, true), (.get, 204, "Content-Length: 5", .none, nil, true), (.get, 304, "Content-Length: 5", .none, 5, true), (.get, 304, "", .none, nil, true),
        (.get, 304, "Transfer-Encoding: chunked", .none, nil, true), (.get, 100, "", .none, nil, true), (.get, 103, "Content-Length: 5", .none, nil, true), (.get, 101, "", .none, nil, true),
        (.get, 200, "Content-Length: 5\r\nConnection: close", .length(5), nil, false),
    ] as [(Method, Int, String, BodyFraming, UInt64?, Bool)])
    func framing(method: Method, status: Int, fields: String, framing: BodyFraming, declared: UInt64?, persists: Bool) {
        let head = parsed("HTTP/1.1 \(status) X\r\n\(fields.isEmpty ? "" : fields + "\r\n")\r\n", to: method)
        #expect(head?.framing == framing && head?.declaredLength == declared && head?.isPersistent == persists)
    }

    @Test("what cannot become a status line is refused at once", arguments: [
        ("", true), ("H", true), ("HTTP/1.", true), ("HTTP/1.1 200", true), ("HTTP/1.1 20", true), ("h", false), ("HTTP/2", false), ("HTTP/11", false),
        ("NOT HTTP\r\n\r\n", false), ("\r\n", false), ("HTTP/1.1\r\n", false), ("HTTP/1.1 2\r\n", false), ("\0", false),
    ] as [(String, Bool)])
    func begun(text: String, mayGoOn: Bool) {
        #expect(parseResponse(Array(text.utf8)) == (mayGoOn ? .needMore : .failed(.malformedStatusLine)))
    }

    @Test("HTTP/1.0 servers close unless they say that they do not")
    func oldServers() {
        #expect(parsed("HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\n")?.isPersistent == false)
        #expect(parsed("HTTP/1.0 200 OK\r\nContent-Length: 5\r\nConnection: keep-alive\r\n\r\n")?.isPersistent == true)
    }

    struct Case: Sendable, CustomTestStringConvertible {
        let text: String, error: HTTPError
        var testDescription: String { text.debugDescription }
        init(_ text: String, _ error: HTTPError) { (self.text, self.error) = (text, error) }
        static func line(_ line: String, _ error: HTTPError = .malformedStatusLine) -> Case { Case("\(line)\r\nContent-Length: 0\r\n\r\n", error) }
        static func fields(_ fields: String, _ error: HTTPError, status: Int = 200) -> Case { Case("HTTP/1.1 \(status) OK\r\n\(fields)\r\n\r\n", error) }
    }

    @Test("refuses what it could misread", arguments: [
        .line("HTTP/2.0 200 OK"), .line("HTTP/1.2 200 OK"), .line("HTTP/0.9 200 OK"), .line("http/1.1 200 OK"), .line("HTTP/1.1  200 OK"), .line("HTTP/1.1 20 OK"), .line("HTTP/1.1 2000 OK"),
        .line("HTTP/1.1 099 OK"), .line("HTTP/1.1 -20 OK"), .line("HTTP/1.1 2x0 OK"), .line("HTTP/1.1\t200 OK"), .line("HTTP/1.1 200\tOK"), .line("200 OK HTTP/1.1"), .line("SSH-2.0-OpenSSH_9.2"),
        .line("HTTP/1.1 200 O\u{0}K"), .line("HTTP/1.1 200 O\u{7f}K"), .line("HTTP/1.1 200 OK\rX", .malformedStatusLine), .line("HTTP/1.1 200 OK\nX: y", .bareLineFeed), .line("\r\nHTTP/1.1 200 OK"),
        .fields("Content-Length: 5\r\nContent-Length: 5", .ambiguousFraming), .fields("Content-Length: 5\r\nTransfer-Encoding: chunked", .ambiguousFraming),
        .fields("Content-Length: 5, 5", .malformedContentLength), .fields("Content-Length: -1", .malformedContentLength), .fields("Content-Length: x", .malformedContentLength),
        .fields("Transfer-Encoding: gzip", .ambiguousFraming), .fields("Transfer-Encoding: chunked, gzip", .ambiguousFraming), .fields("Transfer-Encoding: gzip, chunked", .unsupportedTransferCoding),
        .fields("Transfer-Encoding: chunked", .ambiguousFraming, status: 204), .fields("Transfer-Encoding: chunked", .ambiguousFraming, status: 103),
        .fields("X : y", .malformedFieldName), .fields("X: y\r\n z", .obsoleteFold), .fields("X: \u{0}", .malformedFieldValue), .fields("X: y\rZ: z", .bareCarriageReturn), .fields("X: y\nZ: z", .bareLineFeed),
        Case("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", .framingInHTTP10), Case("HTTP/1.1 200 OK\r\nX: \(String(repeating: "x", count: 256 * 1024))\r\n\r\n", .responseHeadTooLarge),
    ] as [Case])
    func refused(one: Case) { #expect(parseResponse(one.text) == .failed(one.error)) }
}
