public import Bytes
public import HTTP
public import Net

/// The client's side of one exchange, whatever frames it.
public struct ServerStream {
    let connection: UnsafeMutablePointer<HTTP1ServerConnection>

    /// What the connection's callbacks name the exchange by.
    public func attach(_ exchange: UnsafeMutableRawPointer) { connection.pointee.exchange = exchange }

    public var peer: SocketAddress { connection.pointee.peer }

    /// Whether the whole request has arrived.
    public var isRequestComplete: Bool { connection.pointee.isRequestComplete }

    /// Stops body deliveries until `resumeRequest`, as backpressure.
    public func pauseRequest() { connection.pointee.isPaused = true }

    public func resumeRequest() { connection.resumeRequest() }

    /// Sends a response's head together with the first piece of its body.
    ///
    /// - Parameters:
    ///   - framing: how the body that follows is framed; `.none` with `isLast` for none.
    ///   - isLast: the body ends with this piece, and the stream with it: the exchange is detached.
    public func respond(
        _ head: borrowing ResponseHead, framing: BodyFraming, _ piece: BodyPiece, isLast: Bool, trailers: TrailerLines = .none
    ) -> WriteOutcome {
        connection.respond(head, framing: framing, piece, isLast: isLast, trailers: trailers)
    }

    /// Sends more of the response's body.
    public func write(_ piece: BodyPiece, isLast: Bool, trailers: TrailerLines = .none) -> WriteOutcome {
        connection.write(piece, isLast: isLast, trailers: trailers)
    }

    /// Sends a 1xx response ahead of the final one.
    public func respondInterim(_ head: borrowing ResponseHead) { connection.respondInterim(head) }

    /// Answers 101 and from then on passes bytes both ways as they come: the request's further bytes are delivered as
    /// body, its end as the last piece.
    public func upgrade(_ head: borrowing ResponseHead) -> WriteOutcome { connection.upgrade(head) }

    /// Cuts the connection, so that the client cannot take what it has for a whole response. The exchange is detached.
    public func abort() { connection.abortResponse() }

    /// Sets how long this response may stay without progress, counted from now; nanoseconds.
    public func setWriteTimeout(_ timeout: UInt64) { connection.pointee.writeTimeoutOverride = timeout }
    public func setReadTimeout(_ timeout: UInt64) { connection.setReadTimeout(timeout) }
}
