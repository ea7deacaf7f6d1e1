import Bytes
import HTTP
import TestSupport
import Testing

/// A session without a socket, which notes what happens as text.
final class SessionRecorder {
    private var session: HTTP2Session
    private let workspace = UnsafeMutablePointer<HTTP2Workspace>.allocate(capacity: 1)
    private var head = RequestHead()
    private var kept: [UInt8] = []
    private var notes: [String] = []
    private var bodies: [UInt32: Int] = [:]
    private(set) var output: [UInt8] = []

    init() {
        workspace.initialize(to: HTTP2Workspace())
        session = HTTP2Session(.server, options: HTTP2Options(), workspace: workspace)
    }

    /// Body bytes are added up, since how they are cut does not matter.
    var events: [String] { notes + bodies.sorted { $0.key < $1.key }.map { "body \($0.key): \($0.value)" } }

    func feed(_ bytes: [UInt8]) {
        kept += bytes
        session.now += 1
        kept.withUnsafeBytes { all in
            var used = 0
            while take(session.next(all, &used), all) {}
            kept = Array(all[used...])
        }
        output += session.output.readable
        session.sent(session.output.count)
        session.freeClosed()
    }

    /// - Returns: whether there may be more.
    private func take(_ event: HTTP2Event, _ bytes: UnsafeRawBufferPointer) -> Bool {
        switch event {
        case .starving: return false
        case .head(let block): takeHead(block)
        case .data(let stream, let range, let isLast):
            bodies[stream.pointee.id, default: 0] += range.count
            session.credit(stream, range.count)
            if isLast { notes.append("end \(stream.pointee.id)") }
        case .reset(let stream, let code, let isMalformed): notes.append("reset \(stream.pointee.id) \(code) \(isMalformed)")
        case .goingAway(let last, let code): notes.append("goaway \(last) \(code)")
        case .pong: notes.append("pong")
        case .failed(let failure): notes.append("failed \(failure.code)")
        }
        return true
    }

    private func takeHead(_ block: HTTP2HeaderBlock) {
        switch session.readRequest(block, owner: UnsafeMutableRawPointer(workspace), into: &head, options: HeadOptions()) {
        case .head(let stream, let refusal): notes.append("head \(stream.pointee.id) \(describe(head)) \(head.version) \(refusal.map { "\($0)" } ?? "fine") \(stream.pointee.isRemoteClosed)")
        case .trailers(let stream, let lines): notes.append("trailers \(stream.pointee.id) \(lines.bytes.text.debugDescription)")
        case .reset(let stream, let code): notes.append("reset \(stream.pointee.id) \(code)")
        case .ignored: notes.append("ignored")
        case .failed(let failure): notes.append("failed \(failure.code)")
        }
    }

    deinit { withExtendedLifetime(workspace) {} }
}

@Suite("HTTP/2 sessions")
struct HTTP2SessionTests {
    static let scripts: [[HTTP2Frame]] = [
        [.headers(1, HTTP2Frame.get("/a?b", more: [("cookie", "a=1"), ("x", "y"), ("cookie", "b=2")]))],
        [.headers(1, HTTP2Frame.post("/p", more: [("content-length", "5")]), end: false), .data(1, Array("he".utf8)), .ping("12345678"), .data(1, Array("llo".utf8), end: true)],
        [.headers(1, HTTP2Frame.post(), end: false), .data(1, [1, 2, 3]), .headers(1, [("x-trailer", "t")])],
        [HTTP2Frame(type: 1, flags: 1, stream: 1, Array(HTTP2Frame.block(HTTP2Frame.get()).prefix(11))), HTTP2Frame(type: 9, flags: 4, stream: 1, Array(HTTP2Frame.block(HTTP2Frame.get()).dropFirst(11)))],
        [.headers(1, HTTP2Frame.post(), end: false), HTTP2Frame(type: 0, flags: 8, stream: 1, [4, 1, 2, 3, 0, 0, 0, 0]), HTTP2Frame(type: 0, flags: 9, stream: 1, [2, 0, 0]), .settings([(4, 70000)])],
        [HTTP2Frame(type: 1, flags: 0x2D, stream: 1, [2, 0, 0, 0, 0, 7] + HTTP2Frame.block(HTTP2Frame.get()) + [0, 0]), .headers(3, HTTP2Frame.get("/two")), .reset(3, 8), .reset(1, 8)],
        [.headers(1, [(":method", "GET")]), .headers(3, HTTP2Frame.get())],
        [.headers(1, HTTP2Frame.post("/", more: [("content-length", "2")]), end: false), .data(1, [1, 2, 3]), .data(1, [4], end: true), .headers(3, HTTP2Frame.get())],
        [.headers(1, HTTP2Frame.get()), HTTP2Frame(type: 7, [0, 0, 0, 0, 0, 0, 0, 0]), .windowUpdate(0, 0)],
        [.data(1, [1])],
    ]

    @Test("however the bytes are cut, the same happens", arguments: scripts)
    func split(script: [HTTP2Frame]) {
        let bytes = HTTP2Client.preface + HTTP2Frame.settings([(3, 10)]).bytes + script.flatMap(\.bytes)
        let whole = SessionRecorder()
        whole.feed(bytes)
        #expect(!whole.events.isEmpty)
        let single = SessionRecorder()
        for byte in bytes { single.feed([byte]) }
        #expect(single.events == whole.events && single.output == whole.output)
        for cut in 0..<bytes.count {
            let halves = SessionRecorder()
            halves.feed(Array(bytes[..<cut]))
            halves.feed(Array(bytes[cut...]))
            #expect(halves.events == whole.events && halves.output == whole.output, "cut at \(cut)")
        }
    }

    @Test("what a request means") func request() {
        let recorder = SessionRecorder()
        recorder.feed(HTTP2Client.preface + HTTP2Frame.settings().bytes + Self.scripts[0][0].bytes)
        #expect(recorder.events == ["head 1 GET /a at a.test, none, [\"host: a.test\", \"cookie: a=1; b=2\", \"x: y\"] http2 fine true"])
    }

    @Test("an upstream that answers uploads early, and then ends them, is not taken for one that floods") func earlyAnswers() throws {
        let upstream = try EarlyAnswers()
        for number in 0..<3000 { try #require(upstream.exchange(), "the connection is over behind \(number) uploads") }
    }

    @Test("kept inputs of the fuzz target", arguments: CorpusTests.inputs("http2"))
    func corpus(path: String) {
        let bytes = bytes(of: path)
        let whole = SessionRecorder()
        whole.feed(HTTP2Client.preface + HTTP2Frame.settings().bytes + bytes.dropFirst())
        let single = SessionRecorder()
        for byte in HTTP2Client.preface + HTTP2Frame.settings().bytes + bytes.dropFirst() { single.feed([byte]) }
        #expect(single.events.count == whole.events.count && !whole.events.isEmpty)
        // An extended CONNECT gets a key of its own each time.
        if !whole.events.contains(where: { $0.contains("Sec-WebSocket-Key") }) { #expect(single.events == whole.events) }
    }

    @Test("random bytes end it or wait, and no more", arguments: SeededRandom.seeds(200))
    func random(seed: UInt64) {
        var random = SeededRandom(seed)
        let recorder = SessionRecorder()
        recorder.feed(HTTP2Client.preface + HTTP2Frame.settings().bytes)
        for _ in 0..<200 {
            var frame = HTTP2Frame.headers(UInt32.random(in: 0...9, using: &random), HTTP2Frame.get(), end: Bool.random(using: &random)).bytes
            switch Int.random(in: 0..<4, using: &random) {
            case 0: frame[Int.random(in: 0..<frame.count, using: &random)] = UInt8.random(in: .min ... .max, using: &random)
            case 1: frame = HTTP2Frame(type: UInt8.random(in: 0...11, using: &random), flags: UInt8.random(in: .min ... .max, using: &random), stream: UInt32.random(in: 0...9, using: &random), (0..<Int.random(in: 0..<20, using: &random)).map { _ in UInt8.random(in: 0...9, using: &random) }).bytes
            default: break
            }
            recorder.feed(frame)
        }
        #expect(recorder.output.count < 2_000_000)
    }
}

/// A client's session, and an upstream that answers each upload before it is complete and then ends it, RFC 9113 §8.1.
private final class EarlyAnswers {
    private var session: HTTP2Session
    private let space = UnsafeMutablePointer<HTTP2Workspace>.allocate(capacity: 1)
    private var request = RequestHead()
    private var response = ResponseHead()

    init() throws {
        space.initialize(to: HTTP2Workspace())
        session = HTTP2Session(.client, options: HTTP2Options(), workspace: space)
        try request.make(method: "POST", target: "/", host: "a.test")
        _ = takes(.settings())
    }

    /// - Returns: whether the connection stands.
    func exchange() -> Bool {
        let stream = session.reserve(owner: UnsafeMutableRawPointer(space))
        session.request(stream, request, host: BorrowedBytes("a.test"), scheme: "http", framing: .length(1), isLast: false)
        let id = stream.pointee.id
        guard takes(.headers(id, [(":status", "413")])) else { return false }
        session.reset(stream, .cancel)
        session.sent(session.output.count)
        session.freeClosed()
        return takes(.reset(id, 0))
    }

    private func takes(_ frame: HTTP2Frame) -> Bool {
        frame.bytes.withUnsafeBytes { (bytes: UnsafeRawBufferPointer) -> Bool in
            var used = 0
            while true {
                switch session.next(bytes, &used) {
                case .starving: return true
                case .head(let block): if case .failed = session.readResponse(block, into: &response) { return false }
                case .failed: return false
                case .data, .reset, .goingAway, .pong: break
                }
            }
        }
    }

    deinit { withExtendedLifetime(space) {} }
}

/// A client's and a server's session, joined; header fields whose values change with each request fill the tables of both.
private final class SessionPair {
    private var client: HTTP2Session
    private var server: HTTP2Session
    private let clientSpace = UnsafeMutablePointer<HTTP2Workspace>.allocate(capacity: 1)
    private let serverSpace = UnsafeMutablePointer<HTTP2Workspace>.allocate(capacity: 1)
    private var request = RequestHead()
    private var response = ResponseHead()
    private(set) var seen: [String] = []

    init() throws {
        clientSpace.initialize(to: HTTP2Workspace())
        serverSpace.initialize(to: HTTP2Workspace())
        client = HTTP2Session(.client, options: HTTP2Options(), workspace: clientSpace)
        server = HTTP2Session(.server, options: HTTP2Options(), workspace: serverSpace)
        try request.make(method: "GET", target: "/", host: "a.test")
    }

    var blockCount: Int { clientSpace.pointee.headerBlockCount + serverSpace.pointee.headerBlockCount }

    func exchange(_ number: Int) throws {
        try request.make(method: "GET", target: "/\(number)", host: "a.test")
        "value \(number) of \(String(repeating: "x", count: 1 + number % 90))".withBytes { request.headers.append(nameBytes: BorrowedBytes("x-number"), $0) }
        let stream = client.reserve(owner: UnsafeMutableRawPointer(clientSpace))
        client.request(stream, request, host: BorrowedBytes("a.test"), scheme: "http", framing: .none, isLast: true)
        carry(client.output.readable, toServer: true, number)
        client.sent(client.output.count)
        carry(server.output.readable, toServer: false, number)
        server.sent(server.output.count)
        client.freeClosed()
        server.freeClosed()
    }

    private func carry(_ bytes: BorrowedBytes, toServer: Bool, _ number: Int) {
        var used = 0
        while true {
            switch toServer ? server.next(bytes, &used) : client.next(bytes, &used) {
            case .starving: return
            case .head(let block) where toServer: answer(block, number)
            case .head(let block): if case .head = client.readResponse(block, into: &response) { seen.append("\(response.status)") }
            default: seen.append("something else")
            }
        }
    }

    private func answer(_ block: HTTP2HeaderBlock, _ number: Int) {
        guard case .head(let stream, nil) = server.readRequest(block, owner: UnsafeMutableRawPointer(serverSpace), into: &request, options: HeadOptions()) else { return seen.append("refused") }
        response.reset(status: 200)
        "answer \(number)".withBytes { response.headers.append(nameBytes: BorrowedBytes("x-answer"), $0) }
        server.respond(stream, response, framing: .none, date: BorrowedBytes("now"), isLast: true)
    }

    deinit { withExtendedLifetime((clientSpace, serverSpace)) {} }
}

@Suite("Memory of header compression")
struct HeaderMemoryTests {
    @Test("once the tables are full, requests that change them allocate next to nothing") func steadyState() throws {
        let pair = try SessionPair()
        for number in 0..<500 { try pair.exchange(number) }
        let before = pair.blockCount
        #expect(before > 0)
        for number in 500..<3000 { try pair.exchange(number) }
        // Once more entries of one size are there than ever before.
        #expect(pair.blockCount <= before + 5 && pair.seen.count == 3000 && Set(pair.seen) == ["200"])
    }
}
