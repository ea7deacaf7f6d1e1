public import Bytes

/// A trailer section's field lines with their CRLF, valid during the call that passes them.
public struct TrailerLines {
    public let bytes: BorrowedBytes

    public init(_ bytes: BorrowedBytes) { self.bytes = bytes }

    public static var none: TrailerLines { TrailerLines(BorrowedBytes(start: nil, count: 0)) }
}
