public import Bytes

/// What a server accepts of a request head.
public struct HeadOptions: Sendable {
    /// Request line and fields together; `-max-header-bytes`.
    public var bytesMax = Limits.headBytesDefault
    /// `-rfc-patch-path`.
    public var reservedStayEncoded = false

    public init() {}
}

/// Request heads of HTTP/1, RFC 9112 §3. Strict: what two implementations could read in two ways is refused.
public enum RequestParser {
    /// Parses a head at the start of `bytes`; on success the head owns a copy of it.
    ///
    /// - Parameter tailroom: bytes behind these that may be read, whatever they are.
    /// - Complexity: one pass; a head that comes in many pieces should be retried only when `HeadEnd` found its end.
    public static func parse(_ bytes: BorrowedBytes, into head: inout RequestHead, options: borrowing HeadOptions, tailroom: Int = 0) -> ParseResult {
        guard let base = bytes.baseAddress else { return .needMore }
        let end = min(bytes.count, options.bytesMax)
        head.reset()
        var start = 0
        while start + 1 < end, base.load(fromByteOffset: start, as: UInt8.self) == 0x0D,
            base.load(fromByteOffset: start + 1, as: UInt8.self) == 0x0A {
            start += 2
            if start > 2 * Limits.leadingEmptyLinesMax { return .failed(.tooManyEmptyLines) }
        }
        // The other half of an empty line may still come.
        if start + 1 == end, base.load(fromByteOffset: start, as: UInt8.self) == 0x0D { return .needMore }
        let result = parse(base + start, end - start, tailroom: tailroom, into: &head, options.reservedStayEncoded)
        switch result {
        case .needMore: return bytes.count >= options.bytesMax ? .failed(.headTooLarge) : .needMore
        case .complete(let count): return .complete(start + count)
        case .failed: return result
        }
    }

    private static func parse(
        _ base: UnsafeRawPointer, _ end: Int, tailroom: Int, into head: inout RequestHead, _ reservedStayEncoded: Bool
    ) -> ParseResult {
        var index = 0
        while index < end, ASCII.isToken(base.load(fromByteOffset: index, as: UInt8.self)) { index += 1 }
        guard index < end else { return .needMore }
        guard index > 0, base.load(fromByteOffset: index, as: UInt8.self) == 0x20 else {
            return .failed(index == 0 ? .malformedRequestLine : .malformedMethod)
        }
        let methodEnd = index
        index += 1
        let targetStart = index
        index = FieldParser.endOfWord(base, index, end)
        guard index < end else { return .needMore }
        guard index > targetStart, base.load(fromByteOffset: index, as: UInt8.self) == 0x20 else { return .failed(.malformedRequestLine) }
        let targetEnd = index
        index += 1

        guard end - index >= 10 else {
            return base.load(fromByteOffset: end - 1, as: UInt8.self) == 0x0A ? .failed(.malformedVersion) : .needMore
        }
        guard let version = parseVersion(base + index) else {
            return .failed(BorrowedBytes(start: base + index, count: 5).equals("HTTP/") && base.load(fromByteOffset: index + 6, as: UInt8.self) == UInt8(ascii: ".")
                && ASCII.isDigit(base.load(fromByteOffset: index + 5, as: UInt8.self)) && base.load(fromByteOffset: index + 5, as: UInt8.self) != UInt8(ascii: "1")
                ? .unsupportedVersion : .malformedVersion)
        }
        guard base.load(fromByteOffset: index + 8, as: UInt8.self) == 0x0D, base.load(fromByteOffset: index + 9, as: UInt8.self) == 0x0A
        else { return .failed(base.load(fromByteOffset: index + 8, as: UInt8.self) == 0x0A ? .bareLineFeed : .malformedVersion) }
        index += 10

        let result = FieldParser.parse(base, index, end, tailroom: tailroom, into: &head.headers)
        guard case .complete(let headEnd) = result else { return result }
        head.version = version
        head.setMethod(ByteRange(0, methodEnd), Method(BorrowedBytes(start: base, count: methodEnd)))
        head.targetRange = ByteRange(targetStart, targetEnd)
        head.headers.adopt(BorrowedBytes(start: base, count: headEnd), fieldsEnd: headEnd - 2)
        do {
            try head.resolveMessage(reservedStayEncoded: reservedStayEncoded)
        } catch {
            return .failed(error)
        }
        return .complete(headEnd)
    }

    @inline(__always)
    private static func parseVersion(_ base: UnsafeRawPointer) -> HTTPVersion? {
        switch UInt64(littleEndian: base.loadUnaligned(as: UInt64.self)) {
        case 0x312E_312F_5054_5448: .http11  // "HTTP/1.1"
        case 0x302E_312F_5054_5448: .http10
        default: nil
        }
    }
}

/// Finds the empty line that ends a head, over bytes that come in pieces, without reading any twice.
public struct HeadEnd {
    private var scanned = 0

    public init() {}

    /// Whether the head at the start of `bytes`, which only grow between calls, has its end in them.
    public mutating func isReached(in bytes: BorrowedBytes) -> Bool {
        var index = max(scanned, 3)
        while index < bytes.count {
            if bytes[index] == 0x0A, bytes[index - 2] == 0x0A || bytes[index - 1] == 0x0A {
                // Empty lines before the head look like its end: the search goes on behind them.
                scanned = index + 1
                return true
            }
            index += 1
        }
        scanned = bytes.count
        return false
    }
}
