internal import Bytes
internal import CCompression

/// How zlib wraps a stream.
enum DeflateFormat: Hashable, Sendable {
    /// RFC 1952.
    case gzip
    /// RFC 1951 without any wrapping: what `deflate` means to most senders, though RFC 9110 §8.4.1.2 asks for zlib's.
    case raw

    fileprivate var windowBits: Int32 { self == .gzip ? 15 + 16 : -15 }
}

/// Compresses by zlib. The stream's memory stands still, since zlib keeps its address.
final class DeflateEncoder: StreamCodec {
    private let stream: UnsafeMutablePointer<z_stream>

    /// - Parameter level: 0...9; -1 for zlib's choice; -2 for Huffman codes alone.
    init(_ format: DeflateFormat, level: Int32) {
        stream = .allocate(capacity: 1)
        stream.initialize(to: z_stream())
        let strategy = level == -2 ? Z_HUFFMAN_ONLY : Z_DEFAULT_STRATEGY
        let status = deflateInit2_(
            stream, level == -2 ? 1 : level, Z_DEFLATED, format.windowBits, 8, strategy, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
        precondition(status == Z_OK, "zlib refuses level \(level): \(status)")
    }

    deinit {
        deflateEnd(stream)
        stream.deallocate()
    }

    /// Prepares for another body.
    func reset() { deflateReset(stream) }

    func step(_ input: BorrowedBytes, _ goal: StreamGoal, into room: UnsafeMutableRawBufferPointer) -> StreamStep {
        stream.pointee.attach(input, room)
        let status = deflate(stream, goal == .finish ? Z_FINISH : Z_SYNC_FLUSH)
        // Without progress zlib reports Z_BUF_ERROR, which is no error: a flush that just fitted is asked for again.
        let isReached = goal == .finish ? status == Z_STREAM_END : stream.pointee.avail_out > 0 && stream.pointee.avail_in == 0
        return stream.pointee.progress(input, room, isReached || status == Z_BUF_ERROR && goal == .flush ? .reached : .needsRoom)
    }
}

/// Decompresses by zlib.
final class InflateDecoder: StreamCodec {
    private let stream: UnsafeMutablePointer<z_stream>
    private let format: DeflateFormat
    private var phase = Phase.notBegun

    private enum Phase {
        case notBegun
        /// The first byte of a `deflate` body, of which the second tells the wrapping.
        case firstByte(UInt8)
        case inStream
        /// Behind a whole gzip member or stream.
        case ended
    }

    init(_ format: DeflateFormat) {
        self.format = format
        stream = .allocate(capacity: 1)
        stream.initialize(to: z_stream())
        let status = inflateInit2_(stream, format.windowBits, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
        precondition(status == Z_OK, "zlib: \(status)")
    }

    deinit {
        inflateEnd(stream)
        stream.deallocate()
    }

    func step(_ input: BorrowedBytes, _ goal: StreamGoal, into room: UnsafeMutableRawBufferPointer) -> StreamStep {
        var taken = 0
        var written = 0
        while true {
            guard begin(input, &taken) else { break }
            let rest = input.slice(taken, input.count)
            let space = UnsafeMutableRawBufferPointer(rebasing: room[written...])
            guard !space.isEmpty else { return StreamStep(taken: taken, written: written, outcome: .needsRoom) }
            stream.pointee.attach(rest, space)
            let status = inflate(stream, Z_NO_FLUSH)
            let progress = stream.pointee.progress(rest, space, .needsRoom)
            taken += progress.taken
            written += progress.written
            switch status {
            case Z_STREAM_END: phase = .ended
            case Z_OK, Z_BUF_ERROR:
                if stream.pointee.avail_out == 0 { return StreamStep(taken: taken, written: written, outcome: .needsRoom) }
                if taken == input.count { return StreamStep(taken: taken, written: written, outcome: end(goal)) }
            default: return StreamStep(taken: taken, written: written, outcome: .broken)
            }
        }
        return StreamStep(taken: taken, written: written, outcome: taken == input.count ? end(goal) : .broken)
    }

    /// Gets ready for the bytes at `taken`; false if there are none, or none may follow.
    private func begin(_ input: BorrowedBytes, _ taken: inout Int) -> Bool {
        if case .inStream = phase { return true }
        guard taken < input.count else { return false }
        switch phase {
        case .ended:
            // Only gzip bodies may consist of several members, RFC 1952 §2.2.
            guard format == .gzip else { return false }
            inflateReset(stream)
            phase = .inStream
        case .notBegun where format == .raw:
            phase = .firstByte(input[taken])
            taken += 1
            return begin(input, &taken)
        case .firstByte(let first):
            begin(first, input[taken])
        default: phase = .inStream
        }
        return true
    }

    /// Some senders of `deflate` do as RFC 9110 says and wrap the stream: RFC 1950 §2.2 makes the header recognisable.
    private func begin(_ first: UInt8, _ second: UInt8) {
        let isWrapped = first & 0x0F == 8 && first >> 4 <= 7 && (Int(first) << 8 | Int(second)) % 31 == 0
        inflateReset2(stream, isWrapped ? 15 : -15)
        var byte = first
        var nothing: UInt8 = 0
        withUnsafeBytes(of: &byte) { input in
            withUnsafeMutableBytes(of: &nothing) { room in
                stream.pointee.attach(input, room)
                // One byte completes no block, so nothing is written and nothing can be wrong yet.
                inflate(stream, Z_NO_FLUSH)
            }
        }
        phase = .inStream
    }

    /// Bodies without a byte are taken for empty ones, as many servers send them.
    private func end(_ goal: StreamGoal) -> StreamStep.Outcome {
        guard goal == .finish else { return .reached }
        switch phase {
        case .notBegun, .ended: return .reached
        case .firstByte, .inStream: return .broken
        }
    }
}

extension z_stream {
    /// Lends the stream its next bytes; zlib never writes through `next_in`.
    fileprivate mutating func attach(_ input: BorrowedBytes, _ room: UnsafeMutableRawBufferPointer) {
        next_in = UnsafeMutablePointer(mutating: input.baseAddress?.assumingMemoryBound(to: UInt8.self))
        avail_in = UInt32(clamping: input.count)
        next_out = room.baseAddress?.assumingMemoryBound(to: UInt8.self)
        avail_out = UInt32(clamping: room.count)
    }

    fileprivate func progress(_ input: BorrowedBytes, _ room: UnsafeMutableRawBufferPointer, _ outcome: StreamStep.Outcome) -> StreamStep {
        StreamStep(
            taken: Int(UInt32(clamping: input.count) - avail_in), written: Int(UInt32(clamping: room.count) - avail_out), outcome: outcome)
    }
}
