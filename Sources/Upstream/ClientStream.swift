public import Bytes
public import HTTP
public import Net

/// The upstream's side of one exchange, whatever frames it.
public struct ClientStream {
    enum Framing {
        case http1(UnsafeMutablePointer<HTTP1ClientConnection>)
        case http2(HTTP2StreamPointer)
    }

    private let framing: Framing

    init(connection: UnsafeMutablePointer<HTTP1ClientConnection>) { framing = .http1(connection) }

    init(_ stream: HTTP2StreamPointer) { framing = .http2(stream) }

    /// Whether an upstream may say that it has not begun with the request, whatever was sent of it.
    public var isHTTP2: Bool { if case .http2 = framing { true } else { false } }

    /// Whether the connection served another exchange before.
    public var isReused: Bool {
        switch framing {
        case .http1(let connection): connection.pointee.isReused
        case .http2(let stream): stream.pointee.isReused
        }
    }

    /// Whether any byte of a response has come.
    public var hasResponseBytes: Bool {
        switch framing {
        case .http1(let connection): connection.pointee.hasResponseBytes
        case .http2(let stream): stream.pointee.isResponding
        }
    }

    /// Sends a request's head together with the first piece of its body.
    public func request(
        _ head: borrowing RequestHead, host: BorrowedBytes, framing: HeadSerializer.Framing, _ piece: BodyPiece, isLast: Bool,
        trailers: TrailerLines = .none
    ) -> WriteOutcome {
        switch self.framing {
        case .http1(let connection): connection.request(head, host: host, framing: framing, piece, isLast: isLast, trailers: trailers)
        case .http2(let stream): stream.upstream.request(stream, head, host: host, framing: framing, piece, isLast: isLast, trailers: trailers)
        }
    }

    /// Sends more of the request's body.
    public func write(_ piece: BodyPiece, isLast: Bool, trailers: TrailerLines = .none) -> WriteOutcome {
        switch framing {
        case .http1(let connection): connection.write(piece, isLast: isLast, trailers: trailers)
        case .http2(let stream): stream.upstream.write(stream, piece, isLast: isLast, trailers: trailers)
        }
    }

    /// Whether `write(_: Pipe)` may be called: HTTP/1 over a plain socket.
    public var takesPipes: Bool {
        if case .http1(let connection) = framing { connection.pointee.transport.isPlain } else { false }
    }

    /// Sends more of a request's body of declared length, not its end. Behind a failure the pipe's bytes are lost.
    public func write(_ pipe: Pipe) -> WriteOutcome {
        guard case .http1(let connection) = framing else { return .failed(.brokenPipe) }
        return connection.write(pipe)
    }

    /// Lets the response's body come in pipes where the framing allows it: nobody looks at it.
    public func pipeResponse() {
        if case .http1(let connection) = framing, connection.pointee.transport.isPlain { connection.pointee.pipesBody = true }
    }

    /// Stops body deliveries until `resumeResponse`, as backpressure.
    public func pauseResponse() {
        switch framing {
        case .http1(let connection): connection.pause()
        case .http2(let stream): stream.pointee.isPaused = true
        }
    }

    public func resumeResponse() {
        switch framing {
        case .http1(let connection): connection.resumeResponse()
        case .http2(let stream): stream.upstream.resume(stream)
        }
    }

    /// Passes bytes as they come from here on, after a 101; streams do so already.
    public func startTunnel() {
        if case .http1(let connection) = framing { connection.startTunnel() }
    }

    /// Gives the stream up before its response is complete; HTTP/1 closes the connection.
    public func cancel() {
        switch framing {
        case .http1(let connection): connection.cancel()
        case .http2(let stream): stream.upstream.cancel(stream)
        }
    }
}

extension UnsafeMutablePointer where Pointee == HTTP2Stream {
    fileprivate var upstream: HTTP2ClientConnectionPointer { pointee.connection.assumingMemoryBound(to: HTTP2ClientConnection.self) }
}
