public import Bytes

/// Whole texts in gzip format, for what the proxy itself writes.
public enum Gzip {
    /// The bytes as one member, RFC 1952, at zlib's own choice of level.
    public static func compressed(_ bytes: BorrowedBytes) -> ByteBuffer {
        let encoder = DeflateEncoder(.gzip, level: -1)
        var output = ByteBuffer()
        var taken = 0
        while true {
            var step = StreamStep(taken: 0, written: 0, outcome: .needsRoom)
            _ = output.append(upTo: StreamCodecLimits.stepBytesMax) { room in
                step = encoder.step(bytes.slice(taken, bytes.count), .finish, into: room)
                return step.written
            }
            taken += step.taken
            if step.outcome == .reached { return output }
        }
    }
}
