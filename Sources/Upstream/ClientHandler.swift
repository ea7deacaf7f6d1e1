public import Bytes
public import HTTP
public import Net

/// Who takes what upstreams answer. All calls come on the worker's loop, and each may end the exchange before it returns.
public protocol ClientHandler: AnyObject {
    /// The connection is established: the request may be sent, on this stream in place of the one that `open` gave.
    func upstreamConnected(_ exchange: UnsafeMutableRawPointer, _ stream: ClientStream)

    /// The exchange still waits to be connected, now with this stream in place of the one that `open` gave.
    func upstreamMoved(_ exchange: UnsafeMutableRawPointer, _ stream: ClientStream)

    /// Where the head of an exchange's response may be read to, so that it need not be moved; nil if it does not matter.
    func responsePlace(_ exchange: UnsafeMutableRawPointer) -> UnsafeMutablePointer<ResponseHead>?

    /// The response's final or an interim (1xx) head has come; the handler takes its contents, by swapping unless it is in its
    /// place already.
    func responseReceived(_ exchange: UnsafeMutableRawPointer, _ head: UnsafeMutablePointer<ResponseHead>)

    /// More of the body, never while the response is paused. The handler takes all of it. With the last piece the
    /// stream is the connection's again.
    func responseBody(_ exchange: UnsafeMutableRawPointer, _ piece: BodyPiece, isLast: Bool, trailers: TrailerLines)

    /// A part of the body, not its end, for a stream that was told `pipeResponse`. The handler gives the pipe on.
    func responseBody(_ exchange: UnsafeMutableRawPointer, _ pipe: Pipe)

    /// No body bytes are at hand right now: what waits to be sent together with them should go.
    func responseStalled(_ exchange: UnsafeMutableRawPointer)

    /// The upstream has taken everything that was written: the request may go on.
    func upstreamWritable(_ exchange: UnsafeMutableRawPointer)

    /// There will be no (more) response on this stream, which is gone.
    func upstreamFailed(_ exchange: UnsafeMutableRawPointer, _ failure: ClientFailure)
}

extension ClientHandler {
    public func responsePlace(_ exchange: UnsafeMutableRawPointer) -> UnsafeMutablePointer<ResponseHead>? { nil }
    public func responseBody(_ exchange: UnsafeMutableRawPointer, _ pipe: Pipe) { preconditionFailure("nobody asked for pipes") }
}

/// Calls a handler without counting references: each count would be an atomic operation per call.
struct ClientHandlerReference {
    private final class Box {
        let handler: any ClientHandler
        init(_ handler: any ClientHandler) { self.handler = handler }
    }

    private let box: Unmanaged<Box>

    /// Keeps `handler` for ever: clients live as long as their threads.
    init(_ handler: any ClientHandler) { box = .passRetained(Box(handler)) }

    @inline(__always)
    func upstreamConnected(_ exchange: UnsafeMutableRawPointer, _ stream: ClientStream) {
        box._withUnsafeGuaranteedRef { $0.handler.upstreamConnected(exchange, stream) }
    }

    func upstreamMoved(_ exchange: UnsafeMutableRawPointer, _ stream: ClientStream) {
        box._withUnsafeGuaranteedRef { $0.handler.upstreamMoved(exchange, stream) }
    }

    @inline(__always)
    func responsePlace(_ exchange: UnsafeMutableRawPointer) -> UnsafeMutablePointer<ResponseHead>? {
        box._withUnsafeGuaranteedRef { $0.handler.responsePlace(exchange) }
    }

    @inline(__always)
    func responseReceived(_ exchange: UnsafeMutableRawPointer, _ head: UnsafeMutablePointer<ResponseHead>) {
        box._withUnsafeGuaranteedRef { $0.handler.responseReceived(exchange, head) }
    }

    @inline(__always)
    func responseBody(_ exchange: UnsafeMutableRawPointer, _ piece: BodyPiece, isLast: Bool, trailers: TrailerLines) {
        box._withUnsafeGuaranteedRef { $0.handler.responseBody(exchange, piece, isLast: isLast, trailers: trailers) }
    }

    func responseBody(_ exchange: UnsafeMutableRawPointer, _ pipe: Pipe) { box._withUnsafeGuaranteedRef { $0.handler.responseBody(exchange, pipe) } }

    @inline(__always)
    func responseStalled(_ exchange: UnsafeMutableRawPointer) { box._withUnsafeGuaranteedRef { $0.handler.responseStalled(exchange) } }

    @inline(__always)
    func upstreamWritable(_ exchange: UnsafeMutableRawPointer) { box._withUnsafeGuaranteedRef { $0.handler.upstreamWritable(exchange) } }

    @inline(__always)
    func upstreamFailed(_ exchange: UnsafeMutableRawPointer, _ failure: ClientFailure) {
        box._withUnsafeGuaranteedRef { $0.handler.upstreamFailed(exchange, failure) }
    }
}

/// Why an upstream's side of an exchange broke.
public enum ClientFailure: Equatable, Sendable {
    /// No connection could be made.
    case unresolved(ResolveError)
    case connect(SystemError)
    case connectTimeout
    /// A forward proxy makes no tunnel to the origin; its status.
    case proxyRefused(UInt16)
    /// Connected, but no encrypted connection came of it.
    case tls(String)
    case tlsTimeout
    /// The origin was taken for one that speaks HTTP/2 and has chosen HTTP/1.1: nothing was sent.
    case downgraded
    /// The origin speaks HTTP/2 only and takes no extended CONNECT, RFC 8441 §3: nothing was sent.
    case noTunnels
    /// The connection broke with this error.
    case broken(SystemError)
    /// The upstream closed the connection before the end of the response.
    case closed
    case malformed(HTTPError)
    /// More interim responses than anybody needs.
    case interimWithoutEnd
    /// The upstream broke a rule of HTTP/2, this one.
    case protocolError(String)
    /// The upstream has not begun with the request: it may go again, whatever it is (RFC 9113 §8.7).
    case refused
    /// The upstream takes no more on this connection and has not begun with the request: it may go again, whatever it is
    /// (RFC 9113 §6.8). Whether the connection has served others.
    case leftOut(hasServed: Bool)
    /// The upstream has reset the stream.
    case reset(HTTP2ErrorCode)
    /// No head in time, or the request was not taken in time.
    case timeout

    /// What a person reads in the log.
    public var reason: String {
        switch self {
        case .unresolved(.notFound(let name)): "name resolution: \(name) has no address"
        case .unresolved(.failed(let reason)): "name resolution: \(reason)"
        case .unresolved(.timedOut): "name resolution: no answer in time"
        case .connect(let error): "connect: \(error)"
        case .connectTimeout: "connect: no answer in time"
        case .proxyRefused(let status): "the proxy makes no tunnel: status \(status)"
        case .tls(let reason): "TLS handshake: \(reason)"
        case .tlsTimeout: "TLS handshake: not done in time"
        case .noTunnels: "the upstream takes no WebSockets over HTTP/2 (SETTINGS_ENABLE_CONNECT_PROTOCOL, RFC 8441)"
        case .downgraded: "the upstream speaks no HTTP/2 any more"
        case .broken(let error): "connection broken: \(error)"
        case .closed: "connection closed before the end of the response"
        case .malformed(let error): "malformed response: \(error.reason)"
        case .interimWithoutEnd: "more than \(Limits.interimResponsesMax) interim responses"
        case .protocolError(let rule): "HTTP/2: \(rule)"
        case .refused, .leftOut: "the upstream takes no more streams on this connection"
        case .reset(let code): "the upstream reset the stream: \(code)"
        case .timeout: "no response in time"
        }
    }
}
