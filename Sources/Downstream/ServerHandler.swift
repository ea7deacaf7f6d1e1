public import Bytes
public import HTTP
public import Net

/// Who conducts the exchanges of a server's connections. All calls come on the worker's loop, and each may end the
/// exchange before it returns.
public protocol ServerHandler: AnyObject {
    /// Where the next request's head may be read to, so that it need not be moved; nil if it does not matter.
    var requestPlace: UnsafeMutablePointer<RequestHead>? { get }

    /// A request's head has come. The handler takes its contents, by swapping unless it is in its place already, attaches its
    /// exchange to the stream, and pauses the request if it cannot take body yet.
    ///
    /// - Parameter refusal: why the request must be answered with an error and the connection closed.
    func requestReceived(_ head: UnsafeMutablePointer<RequestHead>, on stream: ServerStream, refusal: HTTPError?)

    /// More of the request's body, never while the request is paused. The handler takes all of it.
    ///
    /// - Parameter trailers: the trailer section's lines, with the last piece only.
    func requestBody(_ exchange: UnsafeMutableRawPointer, _ piece: BodyPiece, isLast: Bool, trailers: TrailerLines)

    /// A part of the body, not its end, for a stream that was told `pipeRequest`. The handler gives the pipe on.
    func requestBody(_ exchange: UnsafeMutableRawPointer, _ pipe: Pipe)

    /// No body bytes are at hand right now: what waits to be sent together with them should go.
    func requestStalled(_ exchange: UnsafeMutableRawPointer)

    /// The request cannot be completed: malformed body, client gone, or too slow.
    func requestFailed(_ exchange: UnsafeMutableRawPointer, _ failure: ServerFailure)

    /// The client has taken everything that was written: the response may go on.
    func clientWritable(_ exchange: UnsafeMutableRawPointer)

    /// A client that began a TLS handshake could not complete it.
    func handshakeFailed(_ peer: SocketAddress, reason: String)

    /// A peer that should have sent a PROXY header did not, or sent a bad one.
    func prefaceFailed(_ peer: SocketAddress, reason: String)
}

extension ServerHandler {
    public var requestPlace: UnsafeMutablePointer<RequestHead>? { nil }
    public func requestBody(_ exchange: UnsafeMutableRawPointer, _ pipe: Pipe) { preconditionFailure("nobody asked for pipes") }
    public func handshakeFailed(_ peer: SocketAddress, reason: String) {}
    public func prefaceFailed(_ peer: SocketAddress, reason: String) {}
}

/// Calls a handler without counting references: each count would be an atomic operation per call.
struct ServerHandlerReference {
    private final class Box {
        let handler: any ServerHandler
        init(_ handler: any ServerHandler) { self.handler = handler }
    }

    private let box: Unmanaged<Box>

    /// Keeps `handler` for ever: servers live as long as their threads.
    init(_ handler: any ServerHandler) { box = .passRetained(Box(handler)) }

    @inline(__always)
    var requestPlace: UnsafeMutablePointer<RequestHead>? { box._withUnsafeGuaranteedRef { $0.handler.requestPlace } }

    @inline(__always)
    func requestReceived(_ head: UnsafeMutablePointer<RequestHead>, on stream: ServerStream, refusal: HTTPError?) {
        box._withUnsafeGuaranteedRef { $0.handler.requestReceived(head, on: stream, refusal: refusal) }
    }

    @inline(__always)
    func requestBody(_ exchange: UnsafeMutableRawPointer, _ piece: BodyPiece, isLast: Bool, trailers: TrailerLines) {
        box._withUnsafeGuaranteedRef { $0.handler.requestBody(exchange, piece, isLast: isLast, trailers: trailers) }
    }

    func requestBody(_ exchange: UnsafeMutableRawPointer, _ pipe: Pipe) { box._withUnsafeGuaranteedRef { $0.handler.requestBody(exchange, pipe) } }

    @inline(__always)
    func requestStalled(_ exchange: UnsafeMutableRawPointer) { box._withUnsafeGuaranteedRef { $0.handler.requestStalled(exchange) } }

    @inline(__always)
    func requestFailed(_ exchange: UnsafeMutableRawPointer, _ failure: ServerFailure) {
        box._withUnsafeGuaranteedRef { $0.handler.requestFailed(exchange, failure) }
    }

    func prefaceFailed(_ peer: SocketAddress, reason: String) { box._withUnsafeGuaranteedRef { $0.handler.prefaceFailed(peer, reason: reason) } }

    func handshakeFailed(_ peer: SocketAddress, reason: String) { box._withUnsafeGuaranteedRef { $0.handler.handshakeFailed(peer, reason: reason) } }

    @inline(__always)
    func clientWritable(_ exchange: UnsafeMutableRawPointer) { box._withUnsafeGuaranteedRef { $0.handler.clientWritable(exchange) } }
}

/// Why a client's side of an exchange broke.
public enum ServerFailure: Equatable, Sendable {
    /// The request's body is malformed.
    case malformed(HTTPError)
    /// The connection was closed or reset.
    case gone
    /// The body did not come in time.
    case readTimeout
    /// The response was not taken in time.
    case writeTimeout
}
