public import Bytes

/// Bytes of a body on their way through, with writable room around them for the head and the framing, so that all
/// goes out by one system call. Valid until the call it is passed to returns.
public struct BodyPiece {
    public var start: UnsafeMutableRawPointer?
    public var count: Int
    /// Bytes before and behind the piece that may be overwritten.
    public var headroom: Int
    public var tailroom: Int

    public init(start: UnsafeMutableRawPointer?, count: Int, headroom: Int, tailroom: Int) {
        self.start = start
        self.count = count
        self.headroom = headroom
        self.tailroom = tailroom
    }

    /// Bytes that must not be written around, nor to.
    public init(constant bytes: BorrowedBytes) {
        self.init(start: UnsafeMutableRawPointer(mutating: bytes.baseAddress), count: bytes.count, headroom: 0, tailroom: 0)
    }

    public static var empty: BodyPiece { BodyPiece(start: nil, count: 0, headroom: 0, tailroom: 0) }

    public var bytes: BorrowedBytes { BorrowedBytes(start: start, count: count) }

    /// Puts `prefix` directly in front, if there is room for it.
    @inline(__always)
    public mutating func prepend(_ prefix: BorrowedBytes) -> Bool {
        guard prefix.count <= headroom, let start, let source = prefix.baseAddress else { return prefix.isEmpty }
        let target = start - prefix.count
        target.copyMemory(from: source, byteCount: prefix.count)
        self.start = target
        count += prefix.count
        headroom -= prefix.count
        return true
    }

    @inline(__always)
    public mutating func append(_ suffix: BorrowedBytes) -> Bool {
        guard suffix.count <= tailroom, let start, let source = suffix.baseAddress else { return suffix.isEmpty }
        (start + count).copyMemory(from: source, byteCount: suffix.count)
        count += suffix.count
        tailroom -= suffix.count
        return true
    }
}

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
