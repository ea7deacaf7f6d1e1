import TestSupport
import Testing

/// What a client may get wrong, RFC 9113 section by section, and what it is told.
@Suite("HTTP/2: frames against the rules")
struct HTTP2ConformanceTests {
    enum Told: Sendable {
        /// GOAWAY with one of these codes, then the end of the connection.
        case goAway([UInt32])
        /// RST_STREAM of stream 1 with one of these codes; the connection goes on.
        case reset([UInt32])
        /// A response, and the connection goes on.
        case status(Int)
        /// PING is answered: what came before was fine.
        case nothing
    }

    struct Case: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let frames: [HTTP2Frame]
        let told: Told

        init(_ name: String, _ told: Told, _ frames: HTTP2Frame...) {
            testDescription = name
            self.told = told
            self.frames = frames
        }
    }

    private static let protocolError: UInt32 = 1, flowControl: UInt32 = 3, streamClosed: UInt32 = 5, frameSize: UInt32 = 6, compression: UInt32 = 9

    private static func raw(_ type: UInt8, flags: UInt8 = 0, stream: UInt32 = 0, _ payload: [UInt8] = []) -> HTTP2Frame {
        HTTP2Frame(type: type, flags: flags, stream: stream, payload)
    }

    private static func zeros(_ count: Int) -> [UInt8] { [UInt8](repeating: 0, count: count) }

    static let framing: [Case] = [
        Case("4.1: an unknown type is ignored", .nothing, raw(0x16, flags: 0xFF, stream: 0, zeros(8)), raw(0x16, stream: 9, zeros(8))),
        Case("4.1: unknown flags and the reserved bit are ignored", .nothing, raw(6, flags: 0x16, zeros(8)), raw(6, stream: 0x8000_0000, zeros(8))),
        Case("4.2: a frame above 16384", .goAway([frameSize]), raw(0, stream: 1, zeros(16385))),
        Case("4.2: HEADERS above 16384", .goAway([frameSize]), raw(1, flags: 5, stream: 1, zeros(16385))),
        Case("4.3: a block that cannot be decoded", .goAway([compression]), raw(1, flags: 5, stream: 1, [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF])),
        Case("4.3: an index beyond the table", .goAway([compression]), raw(1, flags: 5, stream: 1, [0x80 | 70])),
        Case("4.3: a block interrupted by PRIORITY", .goAway([protocolError]), raw(1, flags: 1, stream: 1, HTTP2Frame.block(HTTP2Frame.get())), raw(2, stream: 1, zeros(5))),
        Case("4.3: a block interrupted by another stream's", .goAway([protocolError]), raw(1, flags: 1, stream: 1, HTTP2Frame.block(HTTP2Frame.get())), .headers(3, HTTP2Frame.get())),
        Case("6.10: a block interrupted by an unknown frame", .goAway([protocolError]), raw(1, flags: 1, stream: 1, HTTP2Frame.block(HTTP2Frame.get())), raw(0x16, zeros(1))),
        Case("5.1: DATA on an idle stream", .goAway([protocolError, streamClosed]), .data(1, [1], end: true)),
        Case("5.1: RST_STREAM on an idle stream", .goAway([protocolError]), .reset(1, 8)),
        Case("5.1: WINDOW_UPDATE on an idle stream", .goAway([protocolError]), .windowUpdate(1, 100)),
        Case("5.1: CONTINUATION on an idle stream", .goAway([protocolError]), raw(9, flags: 4, stream: 1, HTTP2Frame.block(HTTP2Frame.get()))),
        Case("5.1.1: an even stream", .goAway([protocolError]), .headers(2, HTTP2Frame.get())),
        Case("5.1.1: a lower stream than the last", .goAway([protocolError, streamClosed]), .headers(5, HTTP2Frame.get()), .headers(3, HTTP2Frame.get())),
        Case("5.3.1: HEADERS that depend on themselves", .reset([protocolError]), raw(1, flags: 0x25, stream: 1, HTTP2Frame.number(1) + [0] + HTTP2Frame.block(HTTP2Frame.get()))),
        Case("5.3.1: PRIORITY that depends on itself", .goAway([protocolError]), raw(2, stream: 1, HTTP2Frame.number(1) + [0])),
        Case("5.5: an unknown setting", .nothing, .settings([(0xFF, 1)])),
        Case("6.1: DATA on stream 0", .goAway([protocolError]), .data(0, [1])),
        Case("6.1: padding longer than DATA", .goAway([protocolError]), .headers(1, HTTP2Frame.post(), end: false), raw(0, flags: 9, stream: 1, [6, 0, 0])),
        Case("6.2: HEADERS on stream 0", .goAway([protocolError]), raw(1, flags: 5, stream: 0, HTTP2Frame.block(HTTP2Frame.get()))),
        Case("6.2: padding longer than HEADERS", .goAway([protocolError]), raw(1, flags: 0xD, stream: 1, [200] + HTTP2Frame.block(HTTP2Frame.get()))),
        Case("6.2: padded HEADERS", .status(200), raw(1, flags: 0xD, stream: 1, [3] + HTTP2Frame.block(HTTP2Frame.get()) + zeros(3))),
        Case("6.2: HEADERS with priority", .status(200), raw(1, flags: 0x25, stream: 1, HTTP2Frame.number(0x8000_0000) + [255] + HTTP2Frame.block(HTTP2Frame.get()))),
        Case("6.3: PRIORITY on stream 0", .goAway([protocolError]), raw(2, stream: 0, zeros(5))),
        Case("6.3: PRIORITY of 4 bytes", .goAway([frameSize]), raw(2, stream: 1, zeros(4))),
        Case("6.3: PRIORITY on an idle stream", .nothing, raw(2, stream: 7, zeros(5))),
        Case("6.4: RST_STREAM on stream 0", .goAway([protocolError]), .reset(0, 8)),
        Case("6.4: RST_STREAM of 3 bytes", .goAway([frameSize]), .headers(1, HTTP2Frame.post(), end: false), raw(3, stream: 1, zeros(3))),
        Case("6.5: an acknowledgement with a payload", .goAway([frameSize]), raw(4, flags: 1, zeros(6))),
        Case("6.5: SETTINGS on a stream", .goAway([protocolError]), raw(4, stream: 1, zeros(6))),
        Case("6.5: SETTINGS of 5 bytes", .goAway([frameSize]), raw(4, zeros(5))),
        Case("6.5.2: ENABLE_PUSH of 2", .goAway([protocolError]), .settings([(2, 2)])),
        Case("6.5.2: a window beyond 2^31-1", .goAway([flowControl]), .settings([(4, 0x8000_0000)])),
        Case("6.5.2: a frame size below 16384", .goAway([protocolError]), .settings([(5, 16383)])),
        Case("6.5.2: a frame size beyond 2^24-1", .goAway([protocolError]), .settings([(5, 1 << 24)])),
        Case("RFC 8441 3: ENABLE_CONNECT_PROTOCOL of 2", .goAway([protocolError]), .settings([(8, 2)])),
        Case("6.6: PUSH_PROMISE of a client", .goAway([protocolError]), raw(5, flags: 4, stream: 1, HTTP2Frame.number(2) + HTTP2Frame.block(HTTP2Frame.get()))),
        Case("6.7: PING on a stream", .goAway([protocolError]), raw(6, stream: 1, zeros(8))),
        Case("6.7: PING of 6 bytes", .goAway([frameSize]), raw(6, zeros(6))),
        Case("6.7: an answer nobody asked for", .nothing, .ping("12345678", acknowledges: true)),
        Case("6.8: GOAWAY on a stream", .goAway([protocolError]), raw(7, stream: 1, zeros(8))),
        Case("6.8: GOAWAY of a client: what it asks is still served", .status(200), raw(7, zeros(8)), .headers(1, HTTP2Frame.get())),
        Case("6.9: WINDOW_UPDATE of 3 bytes", .goAway([frameSize]), raw(8, zeros(3))),
        Case("6.9: the connection's window opened by 0", .goAway([protocolError]), .windowUpdate(0, 0)),
        Case("6.9: a stream's window opened by 0", .reset([protocolError]), .headers(1, HTTP2Frame.post(), end: false), .windowUpdate(1, 0)),
        Case("6.9.1: the connection's window beyond 2^31-1", .goAway([flowControl]), .windowUpdate(0, 0x7FFF_FFFF), .windowUpdate(0, 0x7FFF_FFFF)),
        Case("6.9.1: a stream's window beyond 2^31-1", .reset([flowControl]), .headers(1, HTTP2Frame.post(), end: false), .windowUpdate(1, 0x7FFF_FFFF)),
        Case("6.9.2: a stream's window moved beyond 2^31-1", .goAway([flowControl]), .settings([(4, 1)]), .headers(1, HTTP2Frame.post(), end: false), .windowUpdate(1, 0x7FFF_FFFE), .settings([(4, 2)])),
        Case("6.10: CONTINUATION without HEADERS", .goAway([protocolError]), .headers(1, HTTP2Frame.get()), raw(9, flags: 4, stream: 1, [])),
        Case("6.10: CONTINUATION on stream 0", .goAway([protocolError]), raw(1, flags: 1, stream: 1, HTTP2Frame.block(HTTP2Frame.get())), raw(9, flags: 4, stream: 0, [])),
        Case("6.10: a head in three frames", .status(200), raw(1, flags: 1, stream: 1, Array(HTTP2Frame.block(HTTP2Frame.get()).prefix(7))), raw(9, stream: 1, []), raw(9, flags: 4, stream: 1, Array(HTTP2Frame.block(HTTP2Frame.get()).dropFirst(7)))),
    ]

    private static func malformed(_ name: String, _ fields: [(String, String)], end: Bool = true) -> Case {
        Case(name, .reset([protocolError]), .headers(1, fields, end: end))
    }

    private static let plain: [(String, String)] = [(":method", "GET"), (":scheme", "http"), (":authority", "a.test"), (":path", "/")]

    private static func without(_ name: String) -> [(String, String)] { plain.filter { $0.0 != name } }

    private static func with(_ name: String, _ value: String) -> [(String, String)] { without(name) + [(name, value)] }

    static let messages: [Case] = [
        malformed("8.2: an upper-case name", plain + [("X-Upper", "1")]),
        malformed("8.2: a name that is no token", plain + [("x y", "1")]),
        malformed("8.2: an empty name", plain + [("", "1")]),
        malformed("8.2: a line end in a value", plain + [("x", "a\r\nb: c")]),
        malformed("8.2: a NUL in a value", plain + [("x", "a\0b")]),
        malformed("8.2: white space before a value", plain + [("x", " a")]),
        malformed("8.2: white space behind a value", plain + [("x", "a\t")]),
        malformed("8.2.2: connection", plain + [("connection", "keep-alive")]),
        malformed("8.2.2: keep-alive", plain + [("keep-alive", "1")]),
        malformed("8.2.2: proxy-connection", plain + [("proxy-connection", "keep-alive")]),
        malformed("8.2.2: transfer-encoding", plain + [("transfer-encoding", "chunked")]),
        malformed("8.2.2: upgrade", plain + [("upgrade", "h2c")]),
        malformed("8.2.2: te other than trailers", plain + [("te", "gzip")]),
        malformed("8.3: an unknown pseudo-header field", plain + [(":test", "1")]),
        malformed("8.3: a response's pseudo-header field", plain + [(":status", "200")]),
        malformed("8.3: a pseudo-header field behind a field", without(":path") + [("x", "1"), (":path", "/")]),
        malformed("8.3.1: no method", without(":method")), malformed("8.3.1: no scheme", without(":scheme")), malformed("8.3.1: no path", without(":path")),
        malformed("8.3.1: an empty path", with(":path", "")), malformed("8.3.1: a path without a slash", with(":path", "x")),
        malformed("8.3.1: an absolute path", with(":path", "http://b.test/")), malformed("8.3.1: a space in the path", with(":path", "/a HTTP/1.1")),
        malformed("8.3.1: a line end in the path", with(":path", "/a\r\nx: y")), malformed("8.3.1: a method that is no token", with(":method", "GE T")),
        malformed("8.3.1: two methods", plain + [(":method", "GET")]), malformed("8.3.1: two paths", plain + [(":path", "/")]),
        malformed("8.3.1: two schemes", [(":scheme", "http")] + plain), malformed("8.3.1: two authorities", [(":authority", "b.test")] + plain),
        malformed("8.3.1: host is not :authority", plain + [("host", "b.test")]),
        malformed("8.5: CONNECT with a path", with(":method", "CONNECT")),
        malformed("RFC 8441 4: :protocol without CONNECT", plain + [(":protocol", "websocket")]),
        malformed("8.1.1: a length and no body", plain + [("content-length", "3")]),
        malformed("8.1.1: two lengths", plain + [("content-length", "3"), ("content-length", "3")], end: false),
        malformed("8.1.1: a length that is no number", plain + [("content-length", "0x3")], end: false),
        Case("8.1.1: more body than said", .reset([protocolError]), .headers(1, plain + [("content-length", "3")], end: false), .data(1, [1, 2, 3, 4], end: true)),
        Case("8.1.1: less body than said", .reset([protocolError]), .headers(1, plain + [("content-length", "3")], end: false), .data(1, [1, 2], end: true)),
        Case("8.1.1: less body than said, and trailers", .reset([protocolError]), .headers(1, plain + [("content-length", "3")], end: false), .data(1, [1, 2]), .headers(1, [("x-t", "1")], end: true)),
        Case("8.1: a second head", .reset([protocolError]), .headers(1, HTTP2Frame.post(), end: false), .headers(1, HTTP2Frame.post(), end: false)),
        Case("8.1: pseudo-header fields among trailers", .reset([protocolError]), .headers(1, HTTP2Frame.post(), end: false), .headers(1, [(":method", "GET")])),
        Case("8.1: a length among trailers", .reset([protocolError]), .headers(1, HTTP2Frame.post(), end: false), .headers(1, [("content-length", "0")])),
        Case("8.3.1: host instead of :authority", .status(200), .headers(1, without(":authority") + [("host", "a.test")])),
        Case("8.3.1: host beside the same :authority", .status(200), .headers(1, plain + [("host", "A.test")])),
        Case("8.3.1: neither host nor :authority", .status(400), .headers(1, without(":authority"))),
        Case("8.3.1: user information in :authority", .status(400), .headers(1, with(":authority", "u:p@a.test"))),
        Case("a malformed escape", .status(400), .headers(1, with(":path", "/%zz"))),
        Case("te: trailers", .status(200), .headers(1, plain + [("te", "trailers")])),
        Case("te: Trailers", .status(200), .headers(1, plain + [("te", "Trailers")])),
        Case("an extended CONNECT of something else", .status(501), .headers(1, [(":method", "CONNECT"), (":protocol", "connect-udp"), (":scheme", "http"), (":authority", "a.test"), (":path", "/")], end: false)),
    ]

    private static let shared = try? Setup()

    private func check(_ test: Case) throws {
        let setup = try #require(Self.shared)
        let client = try HTTP2Client(port: setup.proxy.port)
        try client.send(test.frames)
        switch test.told {
        case .goAway(let codes):
            let frame = try client.read(until: 7)
            #expect(codes.contains(frame.number(at: 4)), "GOAWAY with \(frame.number(at: 4))")
            _ = try? client.wire.readToEnd()
        case .reset(let codes):
            let frame = try client.read(until: 3)
            #expect(frame.stream == 1 && codes.contains(frame.number(at: 0)), "RST_STREAM with \(frame.number(at: 0))")
            #expect(try client.exchangeOn(101).status == 200)
        case .status(let status):
            #expect(try client.readResponse(1).status == status)
            #expect(try client.exchangeOn(101).status == 200)
        case .nothing:
            try client.send(.ping("are you?"))
            while true {
                let frame = try client.read(until: 6)
                if frame.flags == 1, frame.payload == Array("are you?".utf8) { break }
            }
            #expect(try client.exchangeOn(101).status == 200)
        }
        #expect(try setup.isServing())
    }

    @Test("frames", arguments: framing) func frames(test: Case) throws { try check(test) }

    @Test("messages", arguments: messages) func requests(test: Case) throws { try check(test) }

    @Test("3.4: what is no preface", arguments: ["PRI * HTTP/2.0\r\n\r\nSM\r\n\r!", "PRI * HTTP/2.0\r\nX: y\r\n\r\n"]) func preface(text: String) throws {
        let setup = try #require(Self.shared)
        let client = try RawClient(port: setup.proxy.port, speaksHTTP1: true)
        try client.send(text)
        #expect(try client.readResponse().status >= 400)
        #expect(try setup.isServing())
    }

    @Test("3.4: the preface, a byte at a time, then a request") func slowPreface() throws {
        let setup = try #require(Self.shared)
        let client = try HTTP2Client(port: setup.proxy.port, settings: nil)
        client.wire.sendSlowly(HTTP2Client.preface + HTTP2Frame.settings().bytes + HTTP2Frame.headers(1, HTTP2Frame.post("/slow"), end: false).bytes + HTTP2Frame.data(1, Array("body".utf8), end: true).bytes, pieces: 1)
        #expect(try client.readResponse(1).bodyText == "POST /slow body")
    }

    @Test("3.4: the first frame is not SETTINGS") func firstFrame() throws {
        let setup = try #require(Self.shared)
        let client = try HTTP2Client(port: setup.proxy.port, settings: nil)
        try client.wire.send(HTTP2Client.preface + HTTP2Frame.headers(1, HTTP2Frame.get()).bytes)
        #expect(try client.read(until: 7).number(at: 4) == 1)
    }

    @Test("5.1: frames on a stream that has ended") func closedStream() throws {
        let setup = try #require(Self.shared)
        for (frame, codes) in [(HTTP2Frame.data(1, [1]), [5] as [UInt32]), (.headers(1, HTTP2Frame.get()), [5, 1])] {
            let client = try HTTP2Client(port: setup.proxy.port)
            #expect(try client.exchange(HTTP2Frame.get()).status == 200)
            try client.send(frame)
            let told = try client.readTelling()
            #expect(told.type == 3 && codes.contains(told.number(at: 0)) || told.type == 7 && codes.contains(told.number(at: 4)), "\(told)")
        }
    }
}

extension HTTP2Client {
    /// A GET on a stream of this number.
    func exchangeOn(_ stream: UInt32) throws -> HTTP2Response {
        try send(.headers(stream, HTTP2Frame.get("/after")))
        return try readResponse(stream)
    }
}
