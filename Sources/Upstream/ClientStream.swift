public import Bytes
public import HTTP
public import Net

/// The upstream's side of one exchange, whatever frames it.
public struct ClientStream {
    let connection: UnsafeMutablePointer<HTTP1ClientConnection>

    /// Whether the connection served another exchange before.
    public var isReused: Bool { connection.pointee.isReused }

    /// Whether any byte of a response has come.
    public var hasResponseBytes: Bool { connection.pointee.hasResponseBytes }

    /// The address connected to; nil while connecting.
    public var address: SocketAddress? { connection.pointee.address }

    /// Sends a request's head together with the first piece of its body.
    public func request(
        _ head: borrowing RequestHead, host: BorrowedBytes, framing: HeadSerializer.Framing, _ piece: BodyPiece, isLast: Bool,
        trailers: TrailerLines = .none
    ) -> WriteOutcome {
        connection.request(head, host: host, framing: framing, piece, isLast: isLast, trailers: trailers)
    }

    /// Sends more of the request's body.
    public func write(_ piece: BodyPiece, isLast: Bool, trailers: TrailerLines = .none) -> WriteOutcome {
        connection.write(piece, isLast: isLast, trailers: trailers)
    }

    /// Stops body deliveries until `resumeResponse`, as backpressure.
    public func pauseResponse() { connection.pointee.isPaused = true }

    public func resumeResponse() { connection.resumeResponse() }

    /// Passes bytes as they come from here on, after a 101.
    public func startTunnel() { connection.startTunnel() }

    /// Gives the stream up before its response is complete; the connection is closed.
    public func cancel() { connection.cancel() }
}
