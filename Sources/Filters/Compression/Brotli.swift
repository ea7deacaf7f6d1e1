internal import Bytes
internal import CCompression

/// Compresses by brotli, RFC 7932. The library cannot reuse a stream, so each body has its own.
final class BrotliEncoder: StreamCodec {
    private let state: OpaquePointer

    /// - Parameter quality: 0...11.
    init(quality: Int32) {
        guard let state = BrotliEncoderCreateInstance(nil, nil, nil) else { fatalError("out of memory") }
        self.state = state
        BrotliEncoderSetParameter(state, BROTLI_PARAM_QUALITY, UInt32(quality))
        BrotliEncoderSetParameter(state, BROTLI_PARAM_LGWIN, UInt32(StreamCodecLimits.windowBits))
    }

    deinit { BrotliEncoderDestroyInstance(state) }

    func step(_ input: BorrowedBytes, _ goal: StreamGoal, into room: UnsafeMutableRawBufferPointer) -> StreamStep {
        var inputLeft = input.count
        var roomLeft = room.count
        var next = input.baseAddress?.assumingMemoryBound(to: UInt8.self)
        var out = room.baseAddress?.assumingMemoryBound(to: UInt8.self)
        let operation = goal == .finish ? BROTLI_OPERATION_FINISH : BROTLI_OPERATION_FLUSH
        let isAccepted = BrotliEncoderCompressStream(state, operation, &inputLeft, &next, &roomLeft, &out, nil)
        precondition(isAccepted != 0, "brotli refuses its own stream")
        let isReached = inputLeft == 0 && BrotliEncoderHasMoreOutput(state) == 0 && (goal == .flush || BrotliEncoderIsFinished(state) != 0)
        return StreamStep(taken: input.count - inputLeft, written: room.count - roomLeft, outcome: isReached ? .reached : .needsRoom)
    }
}

/// Decompresses brotli. Windows above 16 MiB ("large window") are refused by the library unless asked for.
final class BrotliDecoder: StreamCodec {
    private let state: OpaquePointer
    private var hasBegun = false

    init() {
        guard let state = BrotliDecoderCreateInstance(nil, nil, nil) else { fatalError("out of memory") }
        self.state = state
    }

    deinit { BrotliDecoderDestroyInstance(state) }

    func step(_ input: BorrowedBytes, _ goal: StreamGoal, into room: UnsafeMutableRawBufferPointer) -> StreamStep {
        if !hasBegun && input.isEmpty { return StreamStep(taken: 0, written: 0, outcome: .reached) }
        hasBegun = true
        // Behind the end the library takes nothing more; bytes that follow belong to no stream.
        if BrotliDecoderIsFinished(state) != 0 { return StreamStep(taken: 0, written: 0, outcome: input.isEmpty ? .reached : .broken) }
        var inputLeft = input.count
        var roomLeft = room.count
        var next = input.baseAddress?.assumingMemoryBound(to: UInt8.self)
        var out = room.baseAddress?.assumingMemoryBound(to: UInt8.self)
        let result = BrotliDecoderDecompressStream(state, &inputLeft, &next, &roomLeft, &out, nil)
        return StreamStep(taken: input.count - inputLeft, written: room.count - roomLeft, outcome: outcome(result, inputLeft, goal))
    }

    private func outcome(_ result: BrotliDecoderResult, _ inputLeft: Int, _ goal: StreamGoal) -> StreamStep.Outcome {
        switch result {
        case BROTLI_DECODER_RESULT_SUCCESS: inputLeft == 0 ? .reached : .broken
        case BROTLI_DECODER_RESULT_NEEDS_MORE_OUTPUT: .needsRoom
        case BROTLI_DECODER_RESULT_NEEDS_MORE_INPUT: goal == .finish ? .broken : .reached
        default: .broken
        }
    }
}
