internal import Bytes

/// Writes one log line into a block that has room for its worst case.
///
/// Text from clients is escaped so that it can neither end the line nor its field: control bytes, quotes, backslashes, C1
/// controls and bytes that are no UTF-8.
struct LineWriter {
    /// The most bytes one byte of a field becomes: `\u001f`.
    static let escapedBytesMax = 6

    private let base: UnsafeMutableRawPointer
    private let capacity: Int
    private(set) var count = 0

    init(_ target: UnsafeMutableRawBufferPointer) {
        base = target.baseAddress!
        capacity = target.count
    }

    @inline(__always)
    mutating func append(_ byte: UInt8) {
        precondition(count < capacity)
        base.storeBytes(of: byte, toByteOffset: count, as: UInt8.self)
        count += 1
    }

    @inline(__always)
    mutating func append(_ bytes: BorrowedBytes) {
        precondition(bytes.count <= capacity - count)
        guard let source = bytes.baseAddress else { return }
        (base + count).copyMemory(from: source, byteCount: bytes.count)
        count += bytes.count
    }

    @inline(__always)
    mutating func append(_ literal: StaticString) { append(BorrowedBytes(literal)) }

    mutating func append(decimal number: Int) {
        var digits = DecimalDigits(number)
        digits.withBytes { append($0) }
    }

    /// A field of the text format; `-` if it is empty. Blanks are escaped too unless the field stands between quotes or at the end.
    mutating func appendField(_ bytes: BorrowedBytes, bytesMax: Int = TelemetryLimits.loggedFieldBytesMax, mayHoldBlanks: Bool) {
        if bytes.isEmpty { return append(UInt8(ascii: "-")) }
        appendEscaped(bytes, bytesMax: bytesMax, firstHarmless: mayHoldBlanks ? 0x20 : 0x21, isJSON: false)
    }

    /// The inside of a JSON string; bytes that are no UTF-8 become U+FFFD.
    mutating func appendJSON(_ bytes: BorrowedBytes, bytesMax: Int = TelemetryLimits.loggedFieldBytesMax) {
        appendEscaped(bytes, bytesMax: bytesMax, firstHarmless: 0x20, isJSON: true)
    }

    /// Copies eight harmless bytes a step and looks at each of any other eight.
    private mutating func appendEscaped(_ bytes: BorrowedBytes, bytesMax: Int, firstHarmless: UInt8, isJSON: Bool) {
        let end = min(bytes.count, bytesMax)
        let bounds = UInt64(firstHarmless) &* Self.ones
        var index = 0
        while index < end {
            // The last step reaches back over bytes that are copied already, if all of them are harmless.
            let start = min(index, end - 8)
            if start >= 0, case let word = bytes.loadUnaligned(fromByteOffset: start, as: UInt64.self),
                Self.isHarmless(word, bounds: bounds) {
                count -= index - start
                precondition(count >= 0 && capacity - count >= 8)
                (base + count).storeBytes(of: word, as: UInt64.self)
                count += 8
                index = start + 8
            } else {
                let stop = min(end, index + 8)
                while index < stop { index += appendEscaped(at: index, of: bytes, end: end, firstHarmless: firstHarmless, isJSON: isJSON) }
            }
        }
        if bytes.count > end { append("...") }
    }

    /// Appends the character at `index` and returns its length.
    @inline(__always)
    private mutating func appendEscaped(at index: Int, of bytes: BorrowedBytes, end: Int, firstHarmless: UInt8, isJSON: Bool) -> Int {
        let byte = bytes[index]
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"):
            append(UInt8(ascii: "\\"))
            append(byte)
        case firstHarmless..<0x7F: append(byte)
        case ..<0x80: appendHex(isJSON ? "\\u00" : "\\x", byte)
        default:
            let width = UTF8Sequence.width(at: index, in: bytes)
            // U+0080...U+009F control terminals as the bytes below 0x20 do.
            let isControl = byte == 0xC2 && width == 2 && bytes[index + 1] < 0xA0
            if width > 0, !isControl, index + width <= end {
                append(bytes.slice(index, index + width))
                return width
            }
            if isJSON { append("\\ufffd") } else { appendHex("\\x", byte) }
        }
        return 1
    }

    private static let ones: UInt64 = 0x0101_0101_0101_0101

    /// Whether none of eight bytes is below its bound, a quote, a backslash, DEL or above.
    @inline(__always)
    private static func isHarmless(_ word: UInt64, bounds: UInt64) -> Bool {
        // Subtracting makes the high bit of a byte that was smaller; borrows disturb only bytes above one that was.
        let special = (word &- bounds) | isZero(word ^ 0x2222_2222_2222_2222) | isZero(word ^ 0x5C5C_5C5C_5C5C_5C5C)
            | isZero(word ^ 0x7F7F_7F7F_7F7F_7F7F) | word
        return special & 0x8080_8080_8080_8080 == 0
    }

    /// The high bit of each byte that is zero, if none of the word is above 0x7F.
    @inline(__always)
    private static func isZero(_ word: UInt64) -> UInt64 { word &- 0x0101_0101_0101_0101 }

    private mutating func appendHex(_ prefix: StaticString, _ byte: UInt8) {
        append(prefix)
        append(ASCII.hexDigit(byte >> 4))
        append(ASCII.hexDigit(byte & 15))
    }
}
