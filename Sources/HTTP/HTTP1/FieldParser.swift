import Bytes

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
    /// - Returns: `.complete` with the offset behind the empty line; the offset of the empty line is two less.
    static func parse(_ base: UnsafeRawPointer, _ start: Int, _ end: Int, into headers: inout Headers) -> ParseResult {
        var index = start
        while true {
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
            let nameCount = index - nameStart
            guard nameCount > 0, base.load(fromByteOffset: index, as: UInt8.self) == UInt8(ascii: ":") else { return .failed(.malformedFieldName) }
            guard nameCount <= Limits.fieldNameBytesMax else { return .failed(.fieldNameTooLong) }
            index += 1

            while index < end, ASCII.isBlank(base.load(fromByteOffset: index, as: UInt8.self)) { index += 1 }
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
            while valueEnd > valueStart, ASCII.isBlank(base.load(fromByteOffset: valueEnd - 1, as: UInt8.self)) { valueEnd -= 1 }
            index += 2

            guard headers.fieldCount < Limits.fieldCountMax else { return .failed(.tooManyFields) }
            let known = KnownField(name: BorrowedBytes(start: base + nameStart, count: nameCount))
            headers.appendField(Headers.Field(
                nameStart: UInt32(truncatingIfNeeded: nameStart), nameCount: UInt16(truncatingIfNeeded: nameCount), known: known,
                isRemoved: false, valueStart: UInt32(truncatingIfNeeded: valueStart),
                valueCount: UInt32(truncatingIfNeeded: valueEnd - valueStart)))
        }
    }

    /// Offset of the first byte that is no token byte; words of letters and hyphens, as in most names, pass whole.
    @inline(__always)
    static func endOfToken(_ base: UnsafeRawPointer, _ start: Int, _ end: Int) -> Int {
        var index = start
        while index + 8 <= end {
            let plain = lettersAndHyphens(base.loadUnaligned(fromByteOffset: index, as: UInt64.self))
            index += (~plain & 0x8080_8080_8080_8080).trailingZeroBitCount >> 3
            if plain == 0x8080_8080_8080_8080 { continue }
            guard ASCII.isToken(base.load(fromByteOffset: index, as: UInt8.self)) else { return index }
            index += 1
        }
        while index < end, ASCII.isToken(base.load(fromByteOffset: index, as: UInt8.self)) { index += 1 }
        return index
    }

    /// The highest bit of each byte that is a letter or a hyphen.
    @inline(__always)
    private static func lettersAndHyphens(_ word: UInt64) -> UInt64 {
        let low: UInt64 = 0x0101_0101_0101_0101
        let high: UInt64 = 0x8080_8080_8080_8080
        // Within seven bits no addition carries into the next byte.
        let seven = word & ~high
        let folded = seven | (low &* 0x20)
        let letters = (folded &+ (low &* (0x80 - 0x61))) & ~(folded &+ (low &* (0x80 - 0x7B)))
        let hyphens = ~((seven ^ (low &* 0x2D)) &+ (low &* 0x7F))
        return (letters | hyphens) & ~word & high
    }

    /// Offset of the first byte that may not stand in a value: CR, LF or another control character but TAB.
    @inline(__always)
    static func endOfValue(_ base: UnsafeRawPointer, _ start: Int, _ end: Int) -> Int {
        var index = start
        while index + 8 <= end {
            let controls = controlBytes(base.loadUnaligned(fromByteOffset: index, as: UInt64.self))
            if controls == 0 {
                index += 8
                continue
            }
            index += controls.trailingZeroBitCount >> 3
            if base.load(fromByteOffset: index, as: UInt8.self) != 0x09 { return index }
            index += 1
        }
        while index < end {
            let byte = base.load(fromByteOffset: index, as: UInt8.self)
            if byte < 0x20 && byte != 0x09 || byte == 0x7F { return index }
            index += 1
        }
        return end
    }

    /// The highest bit of the first byte below 0x20 or equal to 0x7F; behind it other bits may be set wrongly, since
    /// subtractions borrow upwards.
    @inline(__always)
    private static func controlBytes(_ word: UInt64) -> UInt64 {
        let high: UInt64 = 0x8080_8080_8080_8080
        let low: UInt64 = 0x0101_0101_0101_0101
        let below = (word &- (low &* 0x20)) & ~word & high
        let delete = word ^ (low &* 0x7F)
        return below | (delete &- low) & ~delete & high
    }
}
