import Bytes
import HTTP
import Testing

private func request(_ fields: String, line: String = "POST /p HTTP/1.1") -> String { "\(line)\r\nHost: a.test\r\n\(fields)\r\n\r\n" }

@Suite("Request heads, RFC 9112 §3")
struct RequestParserTests {
    private func parsed(_ text: String, _ options: HeadOptions = HeadOptions()) throws -> ParsedRequest {
        guard case .complete(let head, let count) = parseRequest(text, options) else {
            throw Unexpected(description: "\(parseRequest(text, options)): \(text.debugDescription)")
        }
        #expect(count == text.utf8.count)
        return head
    }

    struct Unexpected: Error, CustomStringConvertible { let description: String }

    @Test("takes a head apart and leaves what follows it")
    func whole() throws {
        let text = "GET /a/b?c=d HTTP/1.1\r\nHost: A.test:8080\r\nX-One: 1\r\nx-one:\t two words \t\r\nEmpty:\r\n\r\n"
        guard case .complete(let head, let count) = parseRequest(text + "GET /next") else { return #expect(Bool(false)) }
        #expect(count == text.utf8.count)
        var expected = ParsedRequest(method: "GET", target: "/a/b?c=d", path: "/a/b", decodedPath: "/a/b", matchPath: "/a/b", query: "c=d", host: "A.test:8080")
        expected.fields = ["Host: A.test:8080", "X-One: 1", "x-one: two words", "Empty: "]
        #expect(head == expected)
    }

    @Test("methods are tokens and keep their case", arguments: ["GET", "get", "PROPFIND", "X-Y", "!#$%&'*+-.^_`|~09Az", "CONNECTED", "HEADER"])
    func methods(method: String) throws {
        #expect(try parsed(request("", line: "\(method) / HTTP/1.1").replacing("\r\n\r\n\r\n", with: "\r\n\r\n")).method == method)
    }

    @Test("the four forms of targets", arguments: [
        ("GET", "/", "/", nil, "a.test", ""), ("GET", "/?", "/", "", "a.test", ""), ("GET", "/a?b?c", "/a", "b?c", "a.test", ""),
        ("GET", "//a", "//a", nil, "a.test", ""), ("GET", "http://b.test", "/", nil, "b.test", "http"), ("GET", "HTTP://b.test/x?y", "/x", "y", "b.test", "HTTP"),
        ("GET", "https://b.test:1?y", "/", "y", "b.test:1", "https"), ("GET", "http://[::1]:80/x", "/x", nil, "[::1]:80", "http"),
        ("CONNECT", "b.test:443", "/", nil, "b.test:443", ""), ("CONNECT", "[::1]:443", "/", nil, "[::1]:443", ""), ("OPTIONS", "*", "/", nil, "a.test", ""),
        ("OPTIONS", "/x", "/x", nil, "a.test", ""),
    ] as [(String, String, String, String?, String, String)])
    func targets(method: String, target: String, path: String, query: String?, host: String, scheme: String) throws {
        let head = try parsed("\(method) \(target) HTTP/1.1\r\nHost: a.test\r\n\r\n")
        #expect(head.target == target && head.path == path && head.query == query && head.host == host && head.scheme == scheme)
        #expect(head.isAsterisk == (target == "*"))
    }

    @Test("what a head says of its body", arguments: [
        ("", BodyFraming.none), ("Content-Length: 0", .length(0)), ("Content-Length: 5", .length(5)), ("content-length:   0005  ", .length(5)),
        ("Content-Length: 9223372036854775807", .length(UInt64(Int64.max))), ("Transfer-Encoding: chunked", .chunked),
        ("transfer-encoding: ChUnKeD", .chunked), ("Transfer-Encoding: , chunked ,", .chunked),
    ] as [(String, BodyFraming)])
    func framing(fields: String, framing: BodyFraming) throws {
        #expect(try parsed(fields.isEmpty ? get : request(fields)).framing == framing)
    }

    private let get = "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n"

    @Test("whether another request may follow", arguments: [
        ("HTTP/1.1", "", true), ("HTTP/1.1", "Connection: close", false), ("HTTP/1.1", "Connection: x, CLOSE", false), ("HTTP/1.1", "Connection: closed", true),
        ("HTTP/1.1", "Connection: keep-alive", true), ("HTTP/1.1", "Connection: keep-alive, close", false), ("HTTP/1.1", "Connection: a\r\nConnection: close", false),
        ("HTTP/1.0", "", false), ("HTTP/1.0", "Connection: keep-alive", true), ("HTTP/1.0", "Connection: Keep-Alive, x", true),
        ("HTTP/1.0", "Connection: keep-alive, close", false), ("HTTP/1.0", "Keep-Alive: timeout=5", false),
    ])
    func persistence(version: String, fields: String, persists: Bool) throws {
        #expect(try parsed("GET / \(version)\r\nHost: a.test\r\n\(fields.isEmpty ? "" : fields + "\r\n")\r\n").isPersistent == persists)
    }

    @Test("what a client expects and asks for", arguments: [
        ("HTTP/1.1", "Expect: 100-continue", true, false), ("HTTP/1.1", "expect: 100-Continue", true, false), ("HTTP/1.0", "Expect: 100-continue", false, false),
        ("HTTP/1.1", "Expect: something", false, false), ("HTTP/1.1", "Connection: Upgrade\r\nUpgrade: websocket", false, true),
        ("HTTP/1.1", "Connection: keep-alive, upgrade\r\nUpgrade: websocket", false, true), ("HTTP/1.1", "Upgrade: websocket", false, false),
        ("HTTP/1.1", "Connection: upgrade", false, false), ("HTTP/1.0", "Connection: Upgrade\r\nUpgrade: websocket", false, false),
        ("HTTP/1.1", "Connection: upgraded\r\nUpgrade: websocket", false, false), ("HTTP/1.1", "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c", false, false),
        ("HTTP/1.1", "Connection: Upgrade\r\nUpgrade: websocket, H2C", false, false), ("HTTP/1.1", "Connection: Upgrade\r\nUpgrade: websocket\r\nUpgrade: h2c", false, false),
    ])
    func expectations(version: String, fields: String, expectsContinue: Bool, isUpgrade: Bool) throws {
        let head = try parsed(request(fields, line: "POST /p \(version)"))
        #expect(head.expectsContinue == expectsContinue && head.isUpgrade == isUpgrade)
    }

    @Test("a Host is optional in HTTP/1.0 only, and may be empty")
    func hosts() throws {
        #expect(try parsed("GET / HTTP/1.0\r\n\r\n").host == "")
        #expect(try parsed("GET / HTTP/1.1\r\nHost:\r\n\r\n").host == "")
        #expect(parseRequest("GET / HTTP/1.1\r\n\r\n") == .failed(.missingHost))
    }

    @Test("hosts that are hosts", arguments: ["a", "a.test", "a.test:80", "a.test:", "a_b-c.test", "127.0.0.1:1", "[::1]", "[2001:db8::1]:65535", "xn--bcher-kva.test", "a.test.", "a,b;c=d"])
    func goodHosts(host: String) throws {
        #expect(try parsed("GET / HTTP/1.1\r\nHost: \(host)\r\n\r\n").host == host)
    }

    @Test("a few empty lines before the request are skipped, RFC 9112 §2.2", arguments: 0...4)
    func emptyLines(count: Int) throws {
        #expect(try parsed(String(repeating: "\r\n", count: count) + get).method == "GET")
    }

    @Test("values keep bytes that are no ASCII")
    func opaqueText() throws {
        let bytes = Array("GET / HTTP/1.1\r\nHost: a\r\nX: ".utf8) + [0x80, 0xff, 0x09, 0xe9] + Array("\r\n\r\n".utf8)
        var head = RequestHead()
        _ = bytes.withUnsafeBytes { RequestParser.parse($0, into: &head, options: HeadOptions()) }
        #expect(Array(head.headers.first(FieldName("X"))!) == [0x80, 0xff, 0x09, 0xe9])
    }
}

@Suite("Request heads that are refused")
struct RequestRefusalTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let text: String, error: HTTPError
        var testDescription: String { text.debugDescription }
        init(_ text: String, _ error: HTTPError) { (self.text, self.error) = (text, error) }
        static func fields(_ fields: String, _ error: HTTPError) -> Case { Case(request(fields), error) }
        static func line(_ line: String, _ error: HTTPError) -> Case { Case("\(line)\r\nHost: a.test\r\n\r\n", error) }
        static func host(_ fields: String, _ error: HTTPError) -> Case { Case("GET / HTTP/1.1\r\n\(fields)\r\n\r\n", error) }
    }

    static let cases: [Case] = [
        .line("", .malformedMethod), .line(" GET / HTTP/1.1", .malformedRequestLine), .line("GET  / HTTP/1.1", .malformedRequestLine),
        .line("GET /  HTTP/1.1", .malformedVersion), .line("GET\t/ HTTP/1.1", .malformedMethod), .line("GET /\tHTTP/1.1", .malformedRequestLine),
        .line("GET / HTTP/1.1 ", .malformedVersion), .line("GET /", .malformedRequestLine), .line("G(T / HTTP/1.1", .malformedMethod),
        .line("GET / http/1.1", .malformedVersion), .line("GET / HTTP/1.2", .malformedVersion), .line("GET / HTTP/1.10", .malformedVersion),
        .line("GET / HTTP/2.0", .unsupportedVersion), .line("GET / HTTP/0.9", .unsupportedVersion), .line("GET / HTTP/11.1", .malformedVersion),
        .line("GET a HTTP/1.1", .malformedTarget), .line("POST * HTTP/1.1", .malformedTarget), .line("CONNECT / HTTP/1.1", .malformedTarget),
        .line("CONNECT a HTTP/1.1", .malformedTarget), .line("CONNECT http://a:80/ HTTP/1.1", .malformedTarget), .line("GET ftp://a/ HTTP/1.1", .malformedTarget),
        .line("GET http://u@a/ HTTP/1.1", .malformedTarget), .line("GET http://a:99999/ HTTP/1.1", .malformedTarget), .line("GET http:// HTTP/1.1", .malformedTarget),
        .line("GET /#a HTTP/1.1", .fragmentInTarget), .line("GET /?#a HTTP/1.1", .fragmentInTarget), .line("GET /% HTTP/1.1", .malformedEscape),
        .line("GET /%0 HTTP/1.1", .malformedEscape), .line("GET /%0g HTTP/1.1", .malformedEscape), .line("GET /%00 HTTP/1.1", .nulInPath),
        .line("GET /..%2f HTTP/1.1", .ambiguousPath), .line("GET /%2f%2e%2e HTTP/1.1", .ambiguousPath), .line("GET /\u{1} HTTP/1.1", .malformedRequestLine),
        .host("X: y", .missingHost), .host("Host: a\r\nHost: a", .duplicateHost), .host("Host: a\r\nhOST: b", .duplicateHost), .host("Host: a b", .malformedHost),
        .host("Host: a/", .malformedHost), .host("Host: a@b", .malformedHost), .host("Host: a:b", .malformedHost), .host("Host: a:65536", .malformedHost),
        .host("Host: [::1", .malformedHost), .host("Host: [::g]", .malformedHost), .host("Host: %61", .malformedHost),
        .fields("X : y", .malformedFieldName), .fields(": y", .malformedFieldName), .fields("X", .malformedFieldName), .fields("X\u{0}: y", .malformedFieldName),
        .fields("X: y\r\n z", .obsoleteFold), .fields("X: y\r\n\tz", .obsoleteFold), .fields("X: y\rz", .bareCarriageReturn), .fields("X: y\nZ: z", .bareLineFeed),
        .fields("X: y\u{0}", .malformedFieldValue), .fields("X: \u{1f}", .malformedFieldValue), .fields("X: \u{7f}", .malformedFieldValue),
        .fields("X: 1234567\u{0}", .malformedFieldValue), .fields("X: 12345678\u{1}9", .malformedFieldValue), .fields("X: \t1234567\u{b}", .malformedFieldValue),
        .fields("Content-Length: 5\r\nContent-Length: 5", .ambiguousFraming), .fields("Content-Length: 5\r\nTransfer-Encoding: chunked", .ambiguousFraming),
        .fields("Content-Length: 5, 5", .malformedContentLength), .fields("Content-Length: +5", .malformedContentLength), .fields("Content-Length:", .malformedContentLength),
        .fields("Content-Length: 9223372036854775808", .malformedContentLength), .fields("Content-Length: 99999999999999999999", .malformedContentLength),
        .fields("Content-Length: 00000000000000000005", .malformedContentLength), .fields("Content-Length: ٥", .malformedContentLength),
        .fields("Transfer-Encoding: identity", .ambiguousFraming), .fields("Transfer-Encoding: chunked, gzip", .ambiguousFraming),
        .fields("Transfer-Encoding: chunked, chunked", .ambiguousFraming), .fields("Transfer-Encoding:", .ambiguousFraming), .fields("Transfer-Encoding: xchunked", .ambiguousFraming),
        .fields("Transfer-Encoding: chunked\r\nTransfer-Encoding:", .ambiguousFraming), .fields("Transfer-Encoding: gzip, chunked", .unsupportedTransferCoding),
        Case("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", .framingInHTTP10), Case("GET / HTTP/1.1\n\n", .bareLineFeed),
        Case("GET / HTTP/1.1\nHost: a.test\n\n", .bareLineFeed), Case("GET / HTTP/1.1\r\nHost: a\r\n\n", .bareLineFeed), Case("GET / HTTP/1.1\r\nHost: a\r\n\r\r\n", .bareCarriageReturn),
        Case("GET / HTTP/1.1\r\n Host: a\r\n\r\n", .obsoleteFold), Case(String(repeating: "\r\n", count: 5) + "GET", .tooManyEmptyLines), Case("\n\nGET / HTTP/1.1\r\n", .malformedRequestLine),
        Case("\r\rGET / HTTP/1.1\r\n", .malformedRequestLine), Case(request(String(repeating: "a", count: 8_193) + ": b"), .fieldNameTooLong),
        Case(request(Array(repeating: "a: b", count: 1_000).joined(separator: "\r\n")), .tooManyFields), Case("\u{16}\u{3}\u{1}", .malformedRequestLine),
    ]

    @Test("each for its reason", arguments: cases)
    func refused(one: Case) {
        #expect(parseRequest(one.text) == .failed(one.error))
    }

    @Test("whatever follows does not change that", arguments: cases)
    func refusedWithMore(one: Case) {
        guard case .failed = parseRequest(one.text + "GET / HTTP/1.1\r\nHost: a\r\n\r\n") else { return #expect(Bool(false)) }
    }

    /// However the bytes come, a refused head is never taken for a complete one, and is refused once all have come.
    @Test("split anywhere", arguments: cases)
    func split(one: Case) {
        let bytes = Array(one.text.utf8)
        for end in stride(from: 0, to: bytes.count, by: max(1, bytes.count / 300)) {
            if case .complete = parseRequest(Array(bytes[..<end])) { Issue.record("complete after \(end) bytes") }
        }
    }

    @Test("a head over the limit is refused as soon as it passes it, one at the limit is not")
    func sizes() {
        let head = Array("GET / HTTP/1.1\r\nHost: a.test\r\nX: \(String(repeating: "x", count: 500))\r\n\r\n".utf8)
        var options = HeadOptions()
        options.bytesMax = head.count
        guard case .complete = parseRequest(head, options) else { return #expect(Bool(false)) }
        guard case .complete = parseRequest(head + [0x47], options) else { return #expect(Bool(false)) }
        options.bytesMax -= 1
        #expect(parseRequest(head, options) == .failed(.headTooLarge))
        #expect(parseRequest(head.dropLast(), options) == .failed(.headTooLarge))
        #expect(parseRequest(head.dropLast(2), options) == .needMore)
    }
}
