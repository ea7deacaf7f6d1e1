public import Bytes
public import Crypto
public import HTTP
public import Net
import TLS

/// The client's side of one exchange, whatever frames it.
public struct ServerStream {
    enum Framing {
        case http1(UnsafeMutablePointer<HTTP1ServerConnection>)
        case http2(HTTP2StreamPointer)
    }

    private let framing: Framing

    init(connection: UnsafeMutablePointer<HTTP1ServerConnection>) { framing = .http1(connection) }

    init(_ stream: HTTP2StreamPointer) { framing = .http2(stream) }

    /// What the connection's callbacks name the exchange by.
    public func attach(_ exchange: UnsafeMutableRawPointer) {
        switch framing {
        case .http1(let connection): connection.pointee.exchange = exchange
        case .http2(let stream): stream.pointee.exchange = exchange
        }
    }

    public var peer: SocketAddress {
        switch framing {
        case .http1(let connection): connection.pointee.peer
        case .http2(let stream): stream.owner.pointee.peer
        }
    }

    /// Where the client connected to, as the socket says; a system call.
    public var localAddress: SocketAddress? {
        switch framing {
        case .http1(let connection): Sockets.localAddress(connection.pointee.transport.descriptor)
        case .http2(let stream): Sockets.localAddress(stream.owner.pointee.transport.descriptor)
        }
    }

    /// Whether the client came by TLS.
    public var isEncrypted: Bool {
        switch framing {
        case .http1(let connection): !connection.pointee.transport.isPlain
        case .http2(let stream): !stream.owner.pointee.transport.isPlain
        }
    }

    /// What the client showed for its connection; nil without TLS or certificates.
    public var clientCertificates: PeerCertificates? {
        switch framing {
        case .http1(let connection): TLSConnection.certificatesShown(on: connection.pointee.transport)
        case .http2(let stream): TLSConnection.certificatesShown(on: stream.owner.pointee.transport)
        }
    }

    /// Whether the whole request has arrived.
    public var isRequestComplete: Bool {
        switch framing {
        case .http1(let connection): connection.pointee.isRequestComplete
        case .http2(let stream): stream.pointee.isInputComplete
        }
    }

    /// Whether `write(_: Pipe)` may be called: HTTP/1 over a plain socket.
    public var takesPipes: Bool {
        if case .http1(let connection) = framing { connection.pointee.transport.isPlain } else { false }
    }

    /// Lets the request's body come in pipes where the framing allows it: nobody looks at it.
    public func pipeRequest() {
        if case .http1(let connection) = framing, connection.pointee.transport.isPlain { connection.pointee.pipesBody = true }
    }

    /// Takes `pipeRequest` back: who gets the body now may not be a socket in the clear.
    public func copyRequest() {
        if case .http1(let connection) = framing { connection.pointee.pipesBody = false }
    }

    /// Stops body deliveries until `resumeRequest`, as backpressure.
    public func pauseRequest() {
        switch framing {
        case .http1(let connection): connection.pointee.isPaused = true
        case .http2(let stream): stream.pointee.isPaused = true
        }
    }

    public func resumeRequest() {
        switch framing {
        case .http1(let connection): connection.resumeRequest()
        case .http2(let stream): stream.owner.resume(stream)
        }
    }

    /// Sends a response's head together with the first piece of its body.
    ///
    /// - Parameters:
    ///   - framing: how the body that follows is framed; `.none` with `isLast` for none.
    ///   - isLast: the body ends with this piece, and the stream with it: the exchange is detached.
    public func respond(
        _ head: borrowing ResponseHead, framing body: BodyFraming, _ piece: BodyPiece, isLast: Bool, trailers: TrailerLines = .none
    ) -> WriteOutcome {
        switch framing {
        case .http1(let connection): connection.respond(head, framing: body, piece, isLast: isLast, trailers: trailers)
        case .http2(let stream): stream.owner.respond(stream, head, framing: body, piece, isLast: isLast, trailers: trailers)
        }
    }

    /// Sends more of the response's body.
    public func write(_ piece: BodyPiece, isLast: Bool, trailers: TrailerLines = .none) -> WriteOutcome {
        switch framing {
        case .http1(let connection): connection.write(piece, isLast: isLast, trailers: trailers)
        case .http2(let stream): stream.owner.send(stream, piece, isLast: isLast, trailers: trailers)
        }
    }

    /// Sends more of a response's body of declared length, not its end. Behind a failure the pipe's bytes are lost.
    public func write(_ pipe: Pipe) -> WriteOutcome {
        guard case .http1(let connection) = framing else { return .failed(.brokenPipe) }
        return connection.write(pipe)
    }

    /// Sends a 1xx response ahead of the final one.
    public func respondInterim(_ head: borrowing ResponseHead) {
        switch framing {
        case .http1(let connection): connection.respondInterim(head)
        case .http2(let stream): stream.owner.respondInterim(stream, head)
        }
    }

    /// Answers 101 and from then on passes bytes both ways as they come: the request's further bytes are delivered as
    /// body, its end as the last piece.
    public func upgrade(_ head: borrowing ResponseHead) -> WriteOutcome {
        switch framing {
        case .http1(let connection): connection.upgrade(head)
        case .http2(let stream): stream.owner.upgrade(stream, head)
        }
    }

    /// Cuts the connection or the stream, so that the client cannot take what it has for a whole response. The exchange
    /// is detached.
    public func abort() {
        switch framing {
        case .http1(let connection): connection.abortResponse()
        case .http2(let stream): stream.owner.abort(stream)
        }
    }

    /// Sets how long this response may stay without progress, counted from now; nanoseconds.
    public func setWriteTimeout(_ timeout: UInt64) {
        switch framing {
        case .http1(let connection): connection.pointee.writeTimeoutOverride = timeout
        case .http2(let stream): stream.pointee.writeTimeout = timeout
        }
    }

    public func setReadTimeout(_ timeout: UInt64) {
        switch framing {
        case .http1(let connection): connection.setReadTimeout(timeout)
        case .http2(let stream): stream.owner.setReadTimeout(stream, timeout)
        }
    }
}

extension UnsafeMutablePointer where Pointee == HTTP2Stream {
    fileprivate var owner: HTTP2ServerConnectionPointer { pointee.connection.assumingMemoryBound(to: HTTP2ServerConnection.self) }
}
