public import Bytes

/// Finds a body and its end in the bytes of a connection, whatever its framing.
public struct BodyDecoder: ~Copyable {
    private enum State {
        case complete
        case length(left: UInt64)
        case chunked
        case untilClose
    }

    private var state = State.complete
    private var chunks = ChunkedDecoder()

    public init() {}

    public mutating func begin(_ framing: BodyFraming) {
        switch framing {
        case .none, .length(0): state = .complete
        case .length(let count): state = .length(left: count)
        case .chunked:
            state = .chunked
            chunks = ChunkedDecoder()
        case .untilClose: state = .untilClose
        }
    }

    public var isComplete: Bool {
        switch state {
        case .complete: true
        case .chunked: chunks.isComplete
        default: false
        }
    }

    /// Whether the end of the connection is this body's proper end.
    public var endsWithConnection: Bool {
        if case .untilClose = state { return true }
        return false
    }

    /// The trailer section's lines with their CRLF, empty if there are none; valid until the next `begin`.
    public var trailers: BorrowedBytes {
        if case .chunked = state { return chunks.trailers.readable }
        return BorrowedBytes(start: nil, count: 0)
    }

    /// Decodes as far as the bytes go, in place.
    ///
    /// - Returns: how many bytes were used up and where the body's bytes lie among them.
    @inline(__always)
    public mutating func decode(_ bytes: UnsafeMutableRawBufferPointer) throws(HTTPError) -> (consumed: Int, data: Range<Int>) {
        switch state {
        case .complete: return (0, 0..<0)
        case .length(let left):
            let count = Int(min(left, UInt64(bytes.count)))
            state = left == UInt64(count) ? .complete : .length(left: left - UInt64(count))
            return (count, 0..<count)
        case .untilClose: return (bytes.count, 0..<bytes.count)
        case .chunked: return try chunks.decode(bytes)
        }
    }

    /// Bytes still missing of a body with a declared length, nil for other framings.
    public var lengthLeft: UInt64? {
        if case .length(let left) = state { return left }
        return nil
    }

    /// Takes note of body bytes that went by without being decoded (`splice`).
    public mutating func skip(_ count: UInt64) {
        guard case .length(let left) = state else { return }
        precondition(count <= left)
        state = left == count ? .complete : .length(left: left - count)
    }
}
