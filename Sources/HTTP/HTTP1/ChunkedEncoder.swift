public import Bytes

/// The chunked coding's bytes around a piece of a body, RFC 9112 §7.1.
public enum ChunkedEncoder {
    /// Calls `body` with what goes before and behind `count` bytes of body.
    ///
    /// - Parameters:
    ///   - isLast: the body ends with this piece; an empty piece that is not last has no framing at all.
    ///   - trailers: field lines with their CRLF.
    public static func withFraming<Result>(
        _ count: Int, isLast: Bool, trailers: BorrowedBytes, _ body: (_ before: BorrowedBytes, _ behind: BorrowedBytes) -> Result
    ) -> Result {
        if count == 0, !isLast { return body(BorrowedBytes(start: nil, count: 0), BorrowedBytes(start: nil, count: 0)) }
        var before: InlineArray<18, UInt8> = .init(repeating: 0)
        let beforeCount = count > 0 ? writeSizeLine(count, to: &before) : 0
        return withUnsafeBytes(of: &before) { line in
            let prefix = line.slice(0, beforeCount)
            if !isLast { return body(prefix, BorrowedBytes("\r\n")) }
            if trailers.isEmpty { return body(prefix, BorrowedBytes(count > 0 ? "\r\n0\r\n\r\n" : "0\r\n\r\n")) }
            var end = ByteBuffer()
            end.append(count > 0 ? "\r\n0\r\n" : "0\r\n")
            end.append(trailers)
            end.append("\r\n")
            return body(prefix, end.readable)
        }
    }

    private static func writeSizeLine(_ count: Int, to line: inout InlineArray<18, UInt8>) -> Int {
        let digits = max(1, (Int.bitWidth - count.leadingZeroBitCount + 3) / 4)
        for index in 0..<digits {
            line[index] = ASCII.hexDigit(UInt8(truncatingIfNeeded: count >> (4 * (digits - 1 - index)) & 15))
        }
        line[digits] = 0x0D
        line[digits + 1] = 0x0A
        return digits + 2
    }
}
