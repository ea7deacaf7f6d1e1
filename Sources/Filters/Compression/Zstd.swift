internal import Bytes
internal import CCompression

/// Compresses by zstd, RFC 8878.
final class ZstdEncoder: StreamCodec {
    private let context: OpaquePointer

    /// - Parameter level: 1...22.
    init(level: Int32) {
        guard let context = ZSTD_createCCtx() else { fatalError("out of memory") }
        self.context = context
        ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, level)
        ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, StreamCodecLimits.windowBits)
    }

    deinit { ZSTD_freeCCtx(context) }

    /// Prepares for another body; level and window stay.
    func reset() { ZSTD_CCtx_reset(context, ZSTD_reset_session_only) }

    func step(_ input: BorrowedBytes, _ goal: StreamGoal, into room: UnsafeMutableRawBufferPointer) -> StreamStep {
        var source = ZSTD_inBuffer(src: input.baseAddress, size: input.count, pos: 0)
        var target = ZSTD_outBuffer(dst: room.baseAddress, size: room.count, pos: 0)
        let left = ZSTD_compressStream2(context, &target, &source, goal == .finish ? ZSTD_e_end : ZSTD_e_flush)
        precondition(ZSTD_isError(left) == 0, "zstd refuses its own stream")
        return StreamStep(taken: source.pos, written: target.pos, outcome: left == 0 && source.pos == input.count ? .reached : .needsRoom)
    }
}

/// Decompresses zstd; a body may consist of several frames.
final class ZstdDecoder: StreamCodec {
    private let context: OpaquePointer
    /// Between frames: a body may end here.
    private var isAtFrameEnd = true

    init() {
        guard let context = ZSTD_createDCtx() else { fatalError("out of memory") }
        self.context = context
        ZSTD_DCtx_setParameter(context, ZSTD_d_windowLogMax, StreamCodecLimits.zstdWindowBitsMax)
    }

    deinit { ZSTD_freeDCtx(context) }

    func step(_ input: BorrowedBytes, _ goal: StreamGoal, into room: UnsafeMutableRawBufferPointer) -> StreamStep {
        var source = ZSTD_inBuffer(src: input.baseAddress, size: input.count, pos: 0)
        var target = ZSTD_outBuffer(dst: room.baseAddress, size: room.count, pos: 0)
        repeat {
            if isAtFrameEnd && source.pos == source.size { break }
            let hint = ZSTD_decompressStream(context, &target, &source)
            guard ZSTD_isError(hint) == 0 else { return StreamStep(taken: source.pos, written: target.pos, outcome: .broken) }
            isAtFrameEnd = hint == 0
        } while source.pos < source.size && target.pos < target.size
        if !isAtFrameEnd, target.pos == target.size { return StreamStep(taken: source.pos, written: target.pos, outcome: .needsRoom) }
        guard source.pos == source.size else { return StreamStep(taken: source.pos, written: target.pos, outcome: .needsRoom) }
        let isCut = goal == .finish && !isAtFrameEnd
        return StreamStep(taken: source.pos, written: target.pos, outcome: isCut ? .broken : .reached)
    }
}
