import Bytes
import HTTP

/// libFuzzer's question: do these bytes of a client break an HTTP/2 session? They follow the preface and SETTINGS; the
/// first byte says in what pieces they come.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzHTTP2(_ data: UnsafePointer<UInt8>?, _ size: Int) -> CInt {
    let bytes = BorrowedBytes(start: data, count: size)
    guard let first = bytes.first else { return 0 }
    let target = Target()
    target.feed(BorrowedBytes(HTTP2Session.preface))
    let settings: [UInt8] = [0, 0, 0, 4, 0, 0, 0, 0, 0]
    settings.withUnsafeBytes { target.feed($0) }
    precondition(target.isEstablished, "every client is refused")
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
    private var head = RequestHead()
    private var response = ResponseHead()
    private var kept = ByteBuffer()
    private var isOver = false
    var isEstablished: Bool { session.pointee.isEstablished }

    init() {
        workspace.initialize(to: HTTP2Workspace())
        session.initialize(to: HTTP2Session(.server, options: HTTP2Options(), workspace: workspace))
    }

    deinit {
        session.deinitialize(count: 1)
        session.deallocate()
        workspace.deinitialize(count: 1)
        workspace.deallocate()
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
        precondition(session.pointee.streamCount <= Limits.streamsPerConnectionMax, "too many streams")
    }

    private func step(_ bytes: BorrowedBytes, _ used: inout Int) -> Bool {
        switch session.pointee.next(bytes, &used) {
        case .starving: return false
        case .head(let block):
            if case .head(let stream, let refusal) = session.pointee.readRequest(block, owner: UnsafeMutableRawPointer(session), into: &head, options: HeadOptions()) {
                answer(stream, refusal)
            }
        case .data(let stream, let range, _): session.pointee.credit(stream, range.count)
        case .failed: isOver = true
        case .reset, .goingAway, .pong: break
        }
        return true
    }

    /// What is passed on to HTTP/1 must be what was read, and the answer goes as windows allow.
    private func answer(_ stream: HTTP2StreamPointer, _ refusal: HTTPError?) {
        if refusal == nil, head.method != .connect {
            var output = ByteBuffer()
            HeadSerializer.write(head, host: BorrowedBytes("up.test"), framing: .init(body: head.framing, upgrades: head.isUpgrade), to: &output)
            var again = RequestHead()
            var options = HeadOptions()
            options.bytesMax = Limits.headBytesCeiling
            precondition(RequestParser.parse(output.readable, into: &again, options: options) == .complete(output.count), "sends what it would refuse")
            precondition(again.methodBytes.equals(head.methodBytes) && again.path.equals(head.path) && again.query.equals(head.query), "sends another request")
        }
        response.reset(status: refusal?.status ?? 200)
        session.pointee.respond(stream, response, framing: .chunked, date: BorrowedBytes("now"), isLast: false)
        session.pointee.send(stream, BorrowedBytes("0123456789"), isLast: true, trailers: BorrowedBytes("x: y\r\n"))
    }
}
