internal import Bytes
internal import Synchronization

/// How bodies are compressed: a coding and its level.
struct EncoderKind: Hashable, Sendable {
    /// -2...11 as written in routes; each coding makes of it what it has.
    static let levels = -2...11

    /// Brotli's two best qualities look at a block so long that a worker's other exchanges would wait for it; higher
    /// levels mean this one.
    static let brotliQualityMax = 9

    let coding: ContentCoding
    let level: Int

    func encoder() -> any StreamCodec {
        switch coding {
        case .gzip, .deflate: PooledEncoder(self)
        case .zstd: PooledEncoder(self)
        case .br: BrotliEncoder(quality: Int32(level == -1 ? 4 : min(max(0, level), EncoderKind.brotliQualityMax)))
        }
    }

    fileprivate func makeReusable() -> any ReusableEncoder {
        switch coding {
        case .gzip: DeflateEncoder(.gzip, level: Int32(min(9, level)))
        case .deflate: DeflateEncoder(.raw, level: Int32(min(9, level)))
        // The library's own default for -1; what gzip calls 0 and -2, hardly any effort, is 1 here.
        case .zstd, .br: ZstdEncoder(level: Int32(level == -1 ? 3 : max(1, level)))
        }
    }
}

/// An encoder whose memory serves one body after the other.
private protocol ReusableEncoder: StreamCodec {
    func reset()
}

extension DeflateEncoder: ReusableEncoder {}
extension ZstdEncoder: ReusableEncoder {}

/// An encoder of the pool, given back when its body ends.
///
/// zlib's 268 KiB come from the kernel and go back to it each time otherwise: as much work as compressing a page.
private final class PooledEncoder: StreamCodec {
    private let kind: EncoderKind
    private let encoder: any ReusableEncoder

    init(_ kind: EncoderKind) {
        self.kind = kind
        encoder = EncoderPool.take(kind) ?? kind.makeReusable()
    }

    deinit {
        encoder.reset()
        EncoderPool.put(encoder, kind)
    }

    func step(_ input: BorrowedBytes, _ goal: StreamGoal, into room: UnsafeMutableRawBufferPointer) -> StreamStep {
        encoder.step(input, goal, into: room)
    }
}

/// Idle encoders of all workers; the lock is held for a look-up.
private enum EncoderPool {
    /// Used by one body at a time, wherever that runs.
    private struct Idle: @unchecked Sendable {
        let encoder: any ReusableEncoder
    }

    private static let idle = Mutex<[EncoderKind: [Idle]]>([:])

    static func take(_ kind: EncoderKind) -> (any ReusableEncoder)? {
        idle.withLock { $0[kind]?.popLast() }?.encoder
    }

    static func put(_ encoder: any ReusableEncoder, _ kind: EncoderKind) {
        let entry = Idle(encoder: encoder)
        idle.withLock { idle in
            guard idle[kind, default: []].count < StreamCodecLimits.idleStreamsMax else { return }
            idle[kind, default: []].append(entry)
        }
    }
}
