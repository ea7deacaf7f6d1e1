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
