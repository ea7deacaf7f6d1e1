import Bytes
import CScan

/// What parsing the bytes at hand came to.
public enum ParseResult: Equatable, Sendable {
    /// The head goes on behind these bytes.
    case needMore
    /// The head took so many bytes.
    case complete(Int)
    case failed(HTTPError)
}

/// The field section that request and response heads share, RFC 9112 §5: strict, in place, one pass.
enum FieldParser {
    /// Parses field lines from `start` up to and with the empty line.
    ///
    /// - Parameter tailroom: bytes behind `end` that may be read, whatever they are.
    /// - Returns: `.complete` with the offset behind the empty line; the offset of the empty line is two less.
    static func parse(_ base: UnsafeRawPointer, _ start: Int, _ end: Int, tailroom: Int, into headers: inout Headers) -> ParseResult {
        var index = start
        while true {
            if index &+ 16 < end &+ tailroom {
                if index &+ 2 <= end, word(base, index) == crlf { return .complete(index &+ 2) }
                let next = plainLine(base, index, end, into: &headers)
                if next > 0 {
                    index = next
                    continue
                }
            }
            switch line(base, index, end, into: &headers) {
            case .complete(let next) where next > index &+ 2: index = next
            case let result: return result
            }
        }
    }

    private static var crlf: UInt16 { 0x0A0D }

    @inline(__always)
    private static func word(_ base: UnsafeRawPointer, _ index: Int) -> UInt16 {
        UInt16(littleEndian: base.loadUnaligned(fromByteOffset: index, as: UInt16.self))
    }

    /// Parses a line as nearly all are, of which sixteen bytes can be read: a name of 4...15 letters, digits and hyphens, a space, a value without blanks around.
    ///
    /// - Returns: the offset behind the line; 0 if `line` has to look at it, which knows all that is allowed and what is not.
    @inline(__always)
    private static func plainLine(_ base: UnsafeRawPointer, _ start: Int, _ end: Int, into headers: inout Headers) -> Int {
        let name = base + start
        let nameCount = cscan_colon(name).trailingZeroBitCount
        guard nameCount >= 4, nameCount < 16, cscan_control(name) & ((1 &<< UInt32(truncatingIfNeeded: nameCount)) &- 1) == 0 else { return 0 }
        let known = KnownField(wideName: name, count: nameCount)
        if known == .other, cscan_no_word(name).trailingZeroBitCount != nameCount { return 0 }
        let valueStart = start &+ nameCount &+ 2
        guard base.load(fromByteOffset: valueStart &- 1, as: UInt8.self) == 0x20, valueStart < end else { return 0 }
        let valueEnd = endOfValue(base, valueStart, end)
        guard valueEnd &+ 1 < end, word(base, valueEnd) == crlf, valueEnd > valueStart,
            base.load(fromByteOffset: valueStart, as: UInt8.self) > 0x20, base.load(fromByteOffset: valueEnd &- 1, as: UInt8.self) > 0x20,
            headers.fieldCount < Limits.fieldCountMax
        else { return 0 }
        headers.appendField(name: start, count: nameCount, known, value: valueStart, end: valueEnd)
        return valueEnd &+ 2
    }

    /// Parses any line.
    ///
    /// - Returns: `.complete` with the offset behind it, which for the empty line is two more than `start`.
    @inline(never)
    private static func line(_ base: UnsafeRawPointer, _ start: Int, _ end: Int, into headers: inout Headers) -> ParseResult {
        var index = start
        guard index < end else { return .needMore }
        let first = base.load(fromByteOffset: index, as: UInt8.self)
        if first == 0x0D {
            guard index + 1 < end else { return .needMore }
            guard base.load(fromByteOffset: index + 1, as: UInt8.self) == 0x0A else { return .failed(.bareCarriageReturn) }
            return .complete(index + 2)
        }
        if first == 0x0A { return .failed(.bareLineFeed) }
        if ASCII.isBlank(first) { return .failed(.obsoleteFold) }

        let nameStart = index
        index = endOfToken(base, index, end)
        guard index < end else { return index - nameStart > Limits.fieldNameBytesMax ? .failed(.fieldNameTooLong) : .needMore }
        let nameCount = index &- nameStart
        guard nameCount > 0, base.load(fromByteOffset: index, as: UInt8.self) == UInt8(ascii: ":") else { return .failed(.malformedFieldName) }
        guard nameCount <= Limits.fieldNameBytesMax else { return .failed(.fieldNameTooLong) }
        index &+= 1

        while index < end, ASCII.isBlank(base.load(fromByteOffset: index, as: UInt8.self)) { index &+= 1 }
        let valueStart = index
        index = endOfValue(base, index, end)
        guard index < end else { return .needMore }
        var valueEnd = index
        switch base.load(fromByteOffset: index, as: UInt8.self) {
        case 0x0D:
            guard index + 1 < end else { return .needMore }
            guard base.load(fromByteOffset: index + 1, as: UInt8.self) == 0x0A else { return .failed(.bareCarriageReturn) }
        case 0x0A: return .failed(.bareLineFeed)
        default: return .failed(.malformedFieldValue)
        }
        while valueEnd > valueStart, ASCII.isBlank(base.load(fromByteOffset: valueEnd - 1, as: UInt8.self)) { valueEnd &-= 1 }

        guard headers.fieldCount < Limits.fieldCountMax else { return .failed(.tooManyFields) }
        let known = KnownField(name: BorrowedBytes(start: base + nameStart, count: nameCount))
        headers.appendField(name: nameStart, count: nameCount, known, value: valueStart, end: valueEnd)
        return .complete(index &+ 2)
    }

    /// Offset of the first byte that is no token byte; names of letters, digits and hyphens, as nearly all are, pass by words.
    @inline(__always)
    static func endOfToken(_ base: UnsafeRawPointer, _ start: Int, _ end: Int) -> Int {
        var index = start
        while true {
            index = first(cscan_no_word, base, index, end) { !(ASCII.isLetter($0) || ASCII.isDigit($0) || $0 == UInt8(ascii: "-")) }
            guard index < end, ASCII.isToken(base.load(fromByteOffset: index, as: UInt8.self)) else { return index }
            index &+= 1
        }
    }

    /// Offset of the first byte that may not stand in a value: CR, LF or another control character but TAB.
    @inline(__always)
    static func endOfValue(_ base: UnsafeRawPointer, _ start: Int, _ end: Int) -> Int {
        var index = start
        while true {
            index = first(cscan_control, base, index, end) { $0 < 0x20 || $0 == 0x7F }
            guard index < end, base.load(fromByteOffset: index, as: UInt8.self) == 0x09 else { return index }
            index &+= 1
        }
    }

    /// Offset of the first control character or space.
    @inline(__always)
    static func endOfWord(_ base: UnsafeRawPointer, _ start: Int, _ end: Int) -> Int {
        first(cscan_control_or_space, base, start, end) { $0 <= 0x20 || $0 == 0x7F }
    }

    /// Offset of the first byte of a class, `end` if there is none.
    ///
    /// - Parameters:
    ///   - scan: the class's bits of sixteen bytes.
    ///   - isMember: the same of one byte.
    @inline(__always)
    private static func first(
        _ scan: (UnsafeRawPointer) -> UInt32, _ base: UnsafeRawPointer, _ start: Int, _ end: Int, _ isMember: (UInt8) -> Bool
    ) -> Int {
        var index = start
        while index &+ 16 <= end {
            let members = scan(base + index)
            if members != 0 { return index &+ members.trailingZeroBitCount }
            index &+= 16
        }
        if end >= 16 {
            // The last sixteen bytes; those before `index` are shifted out.
            let members = scan(base + (end &- 16)) &>> UInt32(truncatingIfNeeded: index &- (end &- 16))
            return members == 0 ? end : index &+ members.trailingZeroBitCount
        }
        while index < end, !isMember(base.load(fromByteOffset: index, as: UInt8.self)) { index &+= 1 }
        return index
    }
}
