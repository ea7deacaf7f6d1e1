import Bytes
import Downstream
import HTTP
import Net

/// A server that tells its clients what they sent, on one thread.
final class DemoOrigin {
    private let loop: UnsafeMutablePointer<EventLoop>
    /// One for each address, since answers name theirs.
    private var servers: [NamedServer] = []

    init() throws(StartError) {
        loop = .allocate(capacity: 1)
        do throws(SystemError) {
            loop.initialize(to: try EventLoop())
        } catch {
            throw StartError("\(error)")
        }
    }

    /// - Returns: the address it is bound to.
    func listen(_ address: SocketAddress) throws(StartError) -> SocketAddress {
        do throws(SystemError) {
            let server = try NamedServer(Sockets.listen(address), loop: loop)
            servers.append(server)
            return server.address
        } catch {
            throw StartError("--address \(address): \(error); choose another with --address")
        }
    }

    func run() { loop.run() }
}

/// One listener with its name.
private final class NamedServer: ServerHandler {
    fileprivate let loop: UnsafeMutablePointer<EventLoop>
    private let server: UnsafeMutablePointer<Server>
    private let listener: UnsafeMutablePointer<Listener>
    var address: SocketAddress { listener.pointee.address }

    init(_ socket: consuming FileDescriptor, loop: UnsafeMutablePointer<EventLoop>) throws(SystemError) {
        self.loop = loop
        server = .allocate(capacity: 1)
        listener = .allocate(capacity: 1)
        listener.initialize(to: Listener(socket, server: server, share: AcceptShare(workerCount: 1), worker: 0))
        server.initialize(to: Server(loop: loop, options: ServerOptions(), handler: self))
        try listener.start()
    }

    func requestReceived(_ head: UnsafeMutablePointer<RequestHead>, on stream: ServerStream, refusal: HTTPError?) {
        let exchange = OriginExchange(head.pointee, stream, self)
        if let refusal {
            exchange.status = refusal.status
            return exchange.answer(refusal.reason + "\n")
        }
        if head.pointee.expectsContinue {
            var interim = ResponseHead()
            interim.status = 100
            stream.respondInterim(interim)
        }
        stream.attach(Unmanaged.passRetained(exchange).toOpaque())
        if stream.isRequestComplete { exchange.requestEnded() }
    }

    func requestBody(_ exchange: UnsafeMutableRawPointer, _ piece: BodyPiece, isLast: Bool, trailers: TrailerLines) {
        let exchange = OriginExchange.of(exchange)
        exchange.bodyBytes += piece.count
        if isLast { exchange.requestEnded() }
    }

    func requestStalled(_ exchange: UnsafeMutableRawPointer) {}

    func requestFailed(_ exchange: UnsafeMutableRawPointer, _ failure: ServerFailure) {
        OriginExchange.of(exchange).failed(failure)
    }

    func clientWritable(_ exchange: UnsafeMutableRawPointer) {}
}

/// One request until it is answered; keeps itself alive from its head to its end.
private final class OriginExchange {
    private let server: NamedServer
    private let stream: ServerStream
    private let timer: UnsafeMutablePointer<TimerNode>
    private let isHead: Bool
    private let path: String
    private let query: String
    /// The request as it came, but for its body.
    private let text: String
    var bodyBytes = 0
    var status: UInt16 = 200

    init(_ head: borrowing RequestHead, _ stream: ServerStream, _ server: NamedServer) {
        self.server = server
        self.stream = stream
        timer = .allocate(capacity: 1)
        timer.initialize(to: TimerNode())
        isHead = head.method == .head
        path = head.decodedPath.text
        query = head.query.text
        var text = "\(head.methodBytes.text) \(head.target.text)\n"
        for index in head.headers.indices { text += "\(head.headers.name(at: index).text): \(head.headers.value(at: index).text)\n" }
        self.text = text
    }

    deinit { timer.deallocate() }

    static func of(_ exchange: UnsafeMutableRawPointer) -> OriginExchange {
        Unmanaged<OriginExchange>.fromOpaque(exchange).takeUnretainedValue()
    }

    func requestEnded() {
        if path.hasPrefix("/status/"), let code = UInt16(path.dropFirst("/status/".count)), 200...599 ~= code { status = code }
        guard path == "/slow", let wait = milliseconds else { return end() }
        timer.pointee.owner = Unmanaged.passUnretained(self).toOpaque()
        timer.pointee.expired = { OriginExchange.of($0).end() }
        server.loop.pointee.timers.set(timer, at: server.loop.pointee.now + wait * 1_000_000)
    }

    /// At most an hour.
    private var milliseconds: UInt64? {
        query.split(separator: "&").first { $0.hasPrefix("ms=") }.flatMap { UInt64($0.dropFirst(3)) }.map { min($0, 3_600_000) }
    }

    private func end() {
        answer("origin \(server.address)\n\n\(text)\(bodyBytes > 0 ? "\n\(bodyBytes) bytes of body\n" : "")")
        release()
    }

    func answer(_ text: String) {
        var head = ResponseHead()
        head.status = status
        head.headers.append(.contentType, BorrowedBytes("text/plain; charset=utf-8"))
        server.address.description.withBytes { head.headers.append(nameBytes: BorrowedBytes("X-Origin"), $0) }
        if Status.forbidsBody(status) { return _ = stream.respond(head, framing: .none, .empty, isLast: true) }
        text.withBytes { bytes in
            _ = stream.respond(head, framing: .length(UInt64(bytes.count)), isHead ? .empty : BodyPiece(constant: bytes), isLast: true)
        }
    }

    func failed(_ failure: ServerFailure) {
        if case .malformed = failure {
            status = 400
            answer("malformed body\n")
        }
        release()
    }

    private func release() {
        server.loop.pointee.timers.remove(timer)
        Unmanaged.passUnretained(self).release()
    }
}
