public import Bytes
public import Downstream
public import HTTP
public import Net

/// The support listener: health, metrics and routes over plain HTTP, served by the proxy's own server on the control loop.
///
/// It answers as long as the loop runs, hence also while the process shuts down. Must outlive its loop's last turn.
public final class AdminServer {
    private let loop: UnsafeMutablePointer<EventLoop>
    private let endpoints: AdminEndpoints
    private let server: UnsafeMutablePointer<Server>
    private var listeners: [UnsafeMutablePointer<Listener>] = []

    /// - Parameter source: outlives the server.
    public init(loop: UnsafeMutablePointer<EventLoop>, options: AdminOptions = AdminOptions(), source: any AdminSource) {
        self.loop = loop
        endpoints = AdminEndpoints(options: options, source: source)
        server = .allocate(capacity: 1)
        server.initialize(to: Server(loop: loop, options: ServerOptions(), handler: self))
    }

    /// Accepts connections of a listening socket.
    ///
    /// - Returns: the address it is bound to.
    @discardableResult
    public func listen(on socket: consuming FileDescriptor) throws(SystemError) -> SocketAddress {
        let listener = UnsafeMutablePointer<Listener>.allocate(capacity: 1)
        listener.initialize(to: Listener(socket, server: server, share: AcceptShare(workerCount: 1), worker: 0))
        try listener.start()
        listeners.append(listener)
        return listener.pointee.address
    }

    private func respond(_ response: AdminResponse, isHead: Bool, on stream: ServerStream) {
        switch response.body {
        case .bytes(let bytes): bytes.withUnsafeBytes { send(response, $0, isHead: isHead, on: stream) }
        case .buffer(let shared): send(response, shared.buffer.readable, isHead: isHead, on: stream)
        case .routes(var listing):
            var piece: [UInt8] = []
            listing.append(to: &piece, limit: AdminLimits.pieceBytes)
            if listing.isComplete { return piece.withUnsafeBytes { send(response, $0, isHead: isHead, on: stream) } }
            let head = ResponseHead(response)
            // The length of a long listing is not known, so the answer to HEAD names none.
            if isHead { return _ = stream.respond(head, framing: .none, .empty, isLast: true) }
            let transfer = RouteTransfer(listing, stream: stream, loop: loop)
            transfer.start(head, piece)
        }
    }

    private func send(_ response: AdminResponse, _ bytes: BorrowedBytes, isHead: Bool, on stream: ServerStream) {
        let head = ResponseHead(response)
        _ = stream.respond(head, framing: .length(UInt64(bytes.count)), isHead ? .empty : BodyPiece(constant: bytes), isLast: true)
    }
}

extension AdminServer: ServerHandler {
    public func requestReceived(_ head: UnsafeMutablePointer<RequestHead>, on stream: ServerStream, refusal: HTTPError?) {
        if let refusal { return respond(AdminResponse(refusal.reason, status: refusal.status), isHead: false, on: stream) }
        guard head.pointee.method == .get || head.pointee.method == .head else {
            var response = AdminResponse(AdminEndpoints.methodNotAllowed, status: 405)
            response.fields.append(("Allow", "GET, HEAD"))
            return respond(response, isHead: false, on: stream)
        }
        let request = AdminRequest(head.pointee)
        respond(endpoints.answer(request), isHead: request.isHead, on: stream)
    }

    // Only listings are still under way when these come; a request's body is of no use to them.

    public func requestBody(_ exchange: UnsafeMutableRawPointer, _ piece: BodyPiece, isLast: Bool, trailers: TrailerLines) {}

    public func requestStalled(_ exchange: UnsafeMutableRawPointer) {}

    public func requestFailed(_ exchange: UnsafeMutableRawPointer, _ failure: ServerFailure) {
        RouteTransfer.of(exchange).abandon()
    }

    public func clientWritable(_ exchange: UnsafeMutableRawPointer) {
        RouteTransfer.of(exchange).resume()
    }
}

extension ResponseHead {
    init(_ response: AdminResponse) {
        self.init()
        status = response.status
        response.contentType.withBytes { headers.append(.contentType, $0) }
        for field in response.fields {
            field.name.withBytes { name in field.value.withBytes { headers.append(nameBytes: name, $0) } }
        }
    }
}
