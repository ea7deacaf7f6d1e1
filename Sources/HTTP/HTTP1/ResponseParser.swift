public import Bytes

/// Response heads of HTTP/1, RFC 9112 §4.
public enum ResponseParser {
    /// Parses a head at the start of `bytes`; on success the head owns a copy of it.
    ///
    /// - Parameters:
    ///   - method: of the request that is answered.
    ///   - tailroom: bytes behind these that may be read, whatever they are.
    public static func parse(_ bytes: BorrowedBytes, into head: inout ResponseHead, method: Method, tailroom: Int = 0) -> ParseResult {
        guard let base = bytes.baseAddress, bytes.count >= 13 else { return begun(bytes) }
        head.reset()
        let end = min(bytes.count, Limits.responseHeadBytesMax)
        switch UInt64(littleEndian: base.loadUnaligned(as: UInt64.self)) {
        case 0x312E_312F_5054_5448: head.version = .http11
        case 0x302E_312F_5054_5448: head.version = .http10
        default: return .failed(.malformedStatusLine)
        }
        guard let status = statusCode(bytes) else { return .failed(.malformedStatusLine) }
        // The reason and the space before it may be missing: many servers leave them out.
        guard bytes[12] == 0x20 || bytes[12] == 0x0D else { return .failed(.malformedStatusLine) }
        let reasonStart = bytes[12] == 0x20 ? 13 : 12
        let reasonEnd = FieldParser.endOfValue(base, reasonStart, end)
        guard reasonEnd + 1 < end else { return exhausted(bytes) }
        guard bytes[reasonEnd] == 0x0D, bytes[reasonEnd + 1] == 0x0A else {
            return .failed(bytes[reasonEnd] == 0x0A ? .bareLineFeed : .malformedStatusLine)
        }
        let result = FieldParser.parse(base, reasonEnd + 2, end, tailroom: tailroom, into: &head.headers)
        guard case .complete(let headEnd) = result else { return result == .needMore ? exhausted(bytes) : result }
        head.status = status
        head.receivedStatus = status
        head.reasonRange = ByteRange(reasonStart, reasonEnd)
        head.headers.adopt(BorrowedBytes(start: base, count: headEnd), fieldsEnd: headEnd - 2)
        do {
            try head.resolveMessage(method: method)
        } catch {
            return .failed(error)
        }
        return .complete(headEnd)
    }

    /// Fewer bytes than a status line has: more are awaited only if these can be its beginning.
    @inline(never)
    private static func begun(_ bytes: BorrowedBytes) -> ParseResult {
        let start = BorrowedBytes("HTTP/1.")
        let count = min(bytes.count, start.count)
        return bytes.slice(0, count).equals(start.slice(0, count)) && !bytes.contains(0x0A) ? .needMore : .failed(.malformedStatusLine)
    }

    private static func exhausted(_ bytes: BorrowedBytes) -> ParseResult {
        bytes.count >= Limits.responseHeadBytesMax ? .failed(.responseHeadTooLarge) : .needMore
    }

    private static func statusCode(_ bytes: BorrowedBytes) -> UInt16? {
        guard bytes[8] == 0x20, ASCII.isDigit(bytes[9]), ASCII.isDigit(bytes[10]), ASCII.isDigit(bytes[11]), bytes[9] != 0x30
        else { return nil }
        return UInt16(bytes[9] &- 0x30) * 100 + UInt16(bytes[10] &- 0x30) * 10 + UInt16(bytes[11] &- 0x30)
    }
}
