internal import Bytes

/// One stream of one coding, in either direction; owned by one body at a time and used on one thread at a time.
///
/// Each implementation is the only face of its C library: it owns the library's state from init to deinit and hands
/// out nothing of it.
protocol StreamCodec: AnyObject {
    /// Takes bytes from the front of `input` and writes what they become into `room`.
    ///
    /// - Parameters:
    ///   - room: at least `StreamCodecLimits.roomBytesMin` bytes.
    ///   - goal: once given it stays the same, with the rest of the same input, until the answer is `.reached`.
    func step(_ input: BorrowedBytes, _ goal: StreamGoal, into room: UnsafeMutableRawBufferPointer) -> StreamStep
}

/// What one call shall bring about. Decoders give what they can in any case and heed only `.finish`.
enum StreamGoal { case flush, finish }

struct StreamStep {
    enum Outcome {
        /// All input is taken, and all that can be made of it is written; a finished stream is complete.
        case reached
        /// The room is full; there may be more.
        case needsRoom
        /// The input is no stream of this coding, or the finished stream is cut.
        case broken
    }

    var taken: Int
    var written: Int
    var outcome: Outcome
}

enum StreamCodecLimits {
    /// zlib repeats its flush marker if it does not fit: the room must exceed six bytes.
    static let roomBytesMin = 64
    /// What one step may write, so that a highly compressed input costs the loop a bounded time.
    static let stepBytesMax = 64 * 1024
    /// Window of brotli and zstd when compressing, as a power of two: 256 KiB keep an exchange below 1 MiB.
    static let windowBits: Int32 = 18
    /// Window a zstd stream may ask for, as a power of two: RFC 9659 allows no more than 8 MiB.
    static let zstdWindowBitsMax: Int32 = 23
    /// Codings that `decompress` undoes on one body: each costs memory, and no honest origin stacks many.
    static let stackedCodingsMax = 4
    /// Idle compressors of one coding and level that are kept; one of zlib's has 268 KiB.
    static let idleStreamsMax = 8
}

/// A body through a codec.
final class CodedBody: BodyTransform {
    private let codec: any StreamCodec
    /// A 5xx for a response, as the upstream is to blame.
    private let statusWhenBroken: UInt16
    /// Input left to the step that has not reached its goal; nil between steps.
    private var unreached: (goal: StreamGoal, inputLeft: Int)?

    init(_ codec: any StreamCodec, statusWhenBroken: UInt16 = 502) {
        self.codec = codec
        self.statusWhenBroken = statusWhenBroken
    }

    /// Each piece of input is flushed, so that events of a stream are not held back.
    func transform(_ input: BorrowedBytes, isLast: Bool, limit: Int, into output: inout ByteBuffer) -> BodyTransformation {
        var taken = 0
        while output.count < limit {
            // Codecs want a flush finished before they get more, whatever arrived meanwhile.
            let (goal, inputLeft) = unreached ?? (isLast ? .finish : .flush, input.count - taken)
            let step = step(input.slice(taken, min(taken + inputLeft, input.count)), goal, limit, &output)
            taken += step.taken
            switch step.outcome {
            case .broken: return .failed(status: statusWhenBroken)
            case .needsRoom: unreached = (goal, inputLeft - step.taken)
            case .reached:
                unreached = nil
                if taken == input.count, goal == .finish || !isLast { return .consumed(taken, isFlushed: true) }
            }
        }
        return .consumed(taken, isFlushed: false)
    }

    private func step(_ input: BorrowedBytes, _ goal: StreamGoal, _ limit: Int, _ output: inout ByteBuffer) -> StreamStep {
        let room = max(StreamCodecLimits.roomBytesMin, min(limit - output.count, StreamCodecLimits.stepBytesMax))
        var result = StreamStep(taken: 0, written: 0, outcome: .needsRoom)
        _ = output.append(upTo: room) { bytes in
            result = codec.step(input, goal, into: UnsafeMutableRawBufferPointer(rebasing: bytes[..<room]))
            return result.written
        }
        return result
    }
}
