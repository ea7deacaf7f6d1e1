public import Bytes

/// What became of bytes given to an `Outbox`.
public enum WriteOutcome {
    /// All are with the kernel.
    case flushed
    /// Some wait here for the peer to read: the source should pause until the outbox is flushed.
    case blocked
    case failed(SystemError)
}

/// The write side of a connection: sends what the kernel takes, at once or with the other messages of the turn, and keeps
/// the rest.
public struct Outbox: ~Copyable {
    private var pending = ByteBuffer()
    /// Before what is pending.
    private var pipe: Pipe?
    /// Where the message is that this turn's batch will send.
    private var gathered: GatheredPlace?

    public init() {}

    /// What a batch will send counts as sent.
    public var isEmpty: Bool { pending.isEmpty && pipe == nil }
    public var count: Int { pending.count + (pipe?.count ?? 0) }

    /// - Parameter sender: if not nil, a small message may wait for the end of the turn's events.
    @inline(__always)
    public mutating func send(_ bytes: BorrowedBytes, over transport: Transport, by sender: BatchedSender? = nil) -> WriteOutcome {
        if gathered != nil, case .failed(let error) = sendGathered(over: transport) { return .failed(error) }
        if !isEmpty { return keep(bytes) }
        if let sender, bytes.count <= Limits.gatheredMessageBytes, let place = GatheredPlace(bytes, by: sender) {
            gathered = place
            return .flushed
        }
        switch transport.send(bytes) {
        case .bytes(bytes.count): return .flushed
        case .bytes(let count): return keep(bytes.slice(count, bytes.count))
        case .wouldBlock: return keep(bytes)
        case .failed(let error): return .failed(error)
        case .end: return .failed(.brokenPipe)
        }
    }

    /// Sends a head, a piece of body and the framing behind it; by one call if the piece has room around it or
    /// touches nothing.
    @inline(__always)
    public mutating func send(
        _ head: BorrowedBytes, _ piece: BodyPiece, _ behind: BorrowedBytes, over transport: Transport, by sender: BatchedSender? = nil
    ) -> WriteOutcome {
        var piece = piece
        if piece.count == 0, behind.isEmpty {
            if head.isEmpty { return isEmpty ? .flushed : .blocked }
            return send(head, over: transport, by: sender)
        }
        if piece.headroom >= head.count, piece.tailroom >= behind.count, piece.append(behind), piece.prepend(head) {
            return send(piece.bytes, over: transport, by: sender)
        }
        if gathered != nil, case .failed(let error) = sendGathered(over: transport) { return .failed(error) }
        return join(head, piece.bytes, behind, over: transport)
    }

    /// Sends what waits in the turn's batch now: when it is its turn there, and before the write side is shut or closed.
    public mutating func sendGathered(over transport: Transport) -> WriteOutcome {
        guard let bytes = gathered?.take() else { return isEmpty ? .flushed : .blocked }
        gathered = nil
        return transport.isClosed ? .failed(.brokenPipe) : send(bytes, over: transport)
    }

    /// Small pieces are copied together; a large one between goes out by a gathering call.
    private mutating func join(_ first: BorrowedBytes, _ second: BorrowedBytes, _ third: BorrowedBytes, over transport: Transport) -> WriteOutcome {
        if isEmpty, third.isEmpty || second.count > 16 * 1024 {
            switch transport.send(first, second) {
            case .bytes(let count):
                if count == first.count + second.count { return third.isEmpty ? .flushed : send(third, over: transport) }
                if count < first.count { _ = keep(first.slice(count, first.count)) }
                _ = keep(second.slice(max(0, count - first.count), second.count))
                return keep(third)
            case .failed(let error): return .failed(error)
            case .wouldBlock, .end: break
            }
        }
        _ = keep(first)
        _ = keep(second)
        _ = keep(third)
        return flush(over: transport)
    }

    /// Sends what a pipe holds, over a plain transport, and gives the pipe back when that is done.
    public mutating func send(_ piped: Pipe, over transport: Transport) -> WriteOutcome {
        if gathered != nil, case .failed(let error) = sendGathered(over: transport) { return .failed(error) }
        if isEmpty {
            pipe = piped
        } else {
            guard piped.read(into: &pending) else { return .failed(.brokenPipe) }
            piped.giveBack()
        }
        return flush(over: transport)
    }

    private mutating func drainPipe(over transport: Transport) -> WriteOutcome {
        while let piped = pipe {
            switch piped.drain(into: transport) {
            case .bytes where piped.count == 0:
                pipe = nil
                piped.giveBack()
            case .bytes: continue
            case .wouldBlock: return .blocked
            case .failed(let error): return .failed(error)
            case .end: return .failed(.brokenPipe)
            }
        }
        return .flushed
    }

    /// Goes on with what is kept, when the descriptor has become writable.
    public mutating func flush(over transport: Transport) -> WriteOutcome {
        if pipe != nil {
            let outcome = drainPipe(over: transport)
            guard case .flushed = outcome else { return outcome }
        }
        while !pending.isEmpty {
            switch transport.send(pending.readable) {
            case .bytes(let count): pending.consume(count)
            case .wouldBlock: return .blocked
            case .failed(let error): return .failed(error)
            case .end: return .failed(.brokenPipe)
            }
        }
        pending.release()
        return .flushed
    }

    private mutating func keep(_ bytes: BorrowedBytes) -> WriteOutcome {
        pending.append(bytes)
        return .blocked
    }
}
