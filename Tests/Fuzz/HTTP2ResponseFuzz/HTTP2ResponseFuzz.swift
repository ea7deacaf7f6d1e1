import Bytes
import HTTP

/// libFuzzer's question: do these bytes of an upstream break an HTTP/2 session? They follow its SETTINGS and answer a
/// GET, a POST whose body waits for windows, a HEAD and a tunnel; the first byte says in what pieces they come.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzHTTP2Response(_ data: UnsafePointer<UInt8>?, _ size: Int) -> CInt {
    let bytes = BorrowedBytes(start: data, count: size)
    guard let first = bytes.first else { return 0 }
    let target = Target()
    // Extended CONNECT is allowed, and windows of streams are small.
    let settings: [UInt8] = [0, 0, 12, 4, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0, 1, 0, 4, 0, 0, 0, 9]
    settings.withUnsafeBytes { target.feed($0) }
    target.ask()
    let piece = Int(first) + 1
    var start = 1
    while start < size {
        let end = min(size, start + piece)
        target.feed(bytes.slice(start, end))
        start = end
    }
    return 0
}

private final class Target {
    private let workspace = UnsafeMutablePointer<HTTP2Workspace>.allocate(capacity: 1)
    private let session = UnsafeMutablePointer<HTTP2Session>.allocate(capacity: 1)
    private var head = ResponseHead()
    private var kept = ByteBuffer()
    private var isOver = false

    init() {
        workspace.initialize(to: HTTP2Workspace())
        var options = HTTP2Options()
        options.headerListMax = Limits.responseHeadBytesMax
        session.initialize(to: HTTP2Session(.client, options: options, workspace: workspace))
    }

    deinit {
        session.deinitialize(count: 1)
        session.deallocate()
        workspace.deinitialize(count: 1)
        workspace.deallocate()
    }

    /// Streams 1, 3, 5 and 7.
    func ask() {
        precondition(session.pointee.isEstablished && session.pointee.peer.allowsExtendedConnect, "every upstream is refused")
        let host = BorrowedBytes("up.test")
        for (method, framing) in [("GET", BodyFraming.none), ("POST", .length(20)), ("HEAD", .none)] {
            var request = RequestHead()
            try! request.make(method: method, target: "/a?b", host: "a.test", framing: framing)
            let stream = session.pointee.reserve(owner: UnsafeMutableRawPointer(session))
            session.pointee.request(stream, request, host: host, scheme: "http", framing: framing, isLast: framing.isEmpty)
            if !framing.isEmpty { session.pointee.send(stream, BorrowedBytes("0123456789abcdefghij"), isLast: true, trailers: BorrowedBytes("x: y\r\n")) }
        }
        var request = RequestHead()
        try! request.make(method: "GET", target: "/ws", host: "a.test")
        let stream = session.pointee.reserve(owner: UnsafeMutableRawPointer(session))
        stream.pointee.isTunnelAsked = true
        session.pointee.requestTunnel(stream, request, host: host, scheme: "http")
        session.pointee.send(stream, BorrowedBytes("to the tunnel's end"), isLast: false, trailers: BorrowedBytes(""))
    }

    func feed(_ bytes: BorrowedBytes) {
        kept.append(bytes)
        session.pointee.now += 1_000_000
        var used = 0
        while step(kept.readable, &used) {}
        kept.consume(used)
        precondition(isOver || kept.count <= 9 + Limits.framePayloadMax, "more than a frame is kept")
        session.pointee.pump()
        session.pointee.sent(session.pointee.output.count)
        session.pointee.freeClosed()
        precondition(session.pointee.streamCount <= 4, "streams that nobody asked for")
    }

    private func step(_ bytes: BorrowedBytes, _ used: inout Int) -> Bool {
        switch session.pointee.next(bytes, &used) {
        case .starving: return false
        case .head(let block):
            if case .head = session.pointee.readResponse(block, into: &head) { pass() }
        case .data(let stream, let range, _): session.pointee.credit(stream, range.count)
        case .failed: isOver = true
        case .reset, .goingAway, .pong: break
        }
        return true
    }

    /// What is passed on to an HTTP/1 client must be what was read.
    private func pass() {
        guard head.status >= 200 else { return }
        var output = ByteBuffer()
        HeadSerializer.write(head, framing: .init(body: head.framing), date: BorrowedBytes("now"), to: &output)
        var again = ResponseHead()
        precondition(ResponseParser.parse(output.readable, into: &again, method: .get) == .complete(output.count), "sends what it would refuse")
        precondition(again.status == head.status, "sends another status")
    }
}
