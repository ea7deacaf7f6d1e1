public import Bytes
public import Downstream
import Filters
public import HTTP
public import Net
public import Routing
import Telemetry

/// The debug listener (`-debug-listener`): tells as JSON what routing and filters make of a request, and asks no upstream.
///
/// It runs on a loop of its owner's choice with the published table of the workers, and keeps no connection to anything.
/// Must outlive its loop's last turn.
public final class DebugServer {
    let options: ProxyOptions
    let slot: RoutingTableSlot
    let services: FilterServices
    /// Of each body: what is longer is shown cut.
    let bodyBytesMax: Int
    private let server: UnsafeMutablePointer<Server>
    private var listener: UnsafeMutablePointer<Listener>?

    public init(
        loop: UnsafeMutablePointer<EventLoop>, options: ProxyOptions, server serverOptions: ServerOptions, slot: RoutingTableSlot, telemetry: WorkerTelemetry,
        bodyBytesMax: Int
    ) {
        self.options = options
        self.slot = slot
        self.bodyBytesMax = bodyBytesMax
        services = WorkerServices(loop: loop, telemetry: telemetry, seed: .random(in: .min ... .max))
        server = .allocate(capacity: 1)
        server.initialize(to: Server(loop: loop, options: serverOptions, handler: self))
    }

    /// Accepts connections of a listening socket.
    ///
    /// - Returns: the address it is bound to.
    public func listen(on socket: consuming FileDescriptor) throws(SystemError) -> SocketAddress {
        let listener = UnsafeMutablePointer<Listener>.allocate(capacity: 1)
        listener.initialize(to: Listener(socket, server: server, share: AcceptShare(workerCount: 1), worker: 0))
        try listener.start()
        self.listener = listener
        return listener.pointee.address
    }
}

extension DebugServer: ServerHandler {
    public func requestReceived(_ head: UnsafeMutablePointer<RequestHead>, on stream: ServerStream, refusal: HTTPError?) {
        let trial = DebugTrial(self, stream)
        swap(&trial.state.pointee.request, &head.pointee)
        // Given back by `answer` and `requestFailed`, one of which comes.
        stream.attach(Unmanaged.passRetained(trial).toOpaque())
        if let refusal { return answer(trial, refusal: .refused(refusal)) }
        if trial.state.pointee.request.expectsContinue, !trial.state.pointee.request.framing.isEmpty {
            var interim = ResponseHead()
            interim.status = 100
            stream.respondInterim(interim)
        }
        if trial.state.pointee.request.framing.isEmpty { answer(trial) }
    }

    public func requestBody(_ exchange: UnsafeMutableRawPointer, _ piece: BodyPiece, isLast: Bool, trailers: TrailerLines) {
        let trial = DebugTrial.of(exchange)
        let room = max(0, bodyBytesMax - trial.body.count)
        trial.body += piece.bytes.prefix(room)
        if isLast { answer(trial) }
    }

    public func requestStalled(_ exchange: UnsafeMutableRawPointer) {}

    public func clientWritable(_ exchange: UnsafeMutableRawPointer) {}

    public func requestFailed(_ exchange: UnsafeMutableRawPointer, _ failure: ServerFailure) {
        let trial = DebugTrial.of(exchange)
        if case .malformed(let error) = failure { return answer(trial, refusal: .malformedBody(error)) }
        trial.stream.abort()
        Unmanaged.passUnretained(trial).release()
    }

    private func answer(_ trial: DebugTrial, refusal: ProxyError? = nil) {
        let document = trial.document(refusal: refusal)
        var head = ResponseHead()
        head.headers.append(.contentType, BorrowedBytes("application/json"))
        let isHead = trial.state.pointee.request.method == .head
        document.withUnsafeBytes { bytes in
            _ = trial.stream.respond(
                head, framing: .length(UInt64(bytes.count)), isHead ? .empty : BodyPiece(constant: bytes), isLast: true)
        }
        Unmanaged.passUnretained(trial).release()
    }
}
