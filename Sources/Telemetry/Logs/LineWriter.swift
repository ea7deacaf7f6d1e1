internal import Bytes

/// Writes one log line into a block that has room for its worst case.
///
/// Text from clients is escaped so that it can neither end the line nor its field: control bytes, quotes, backslashes, C1
/// controls and bytes that are no UTF-8.
struct LineWriter {
    /// The most bytes one byte of a field becomes: `\u001f`.
    static let escapedBytesMax = 6

    private let target: UnsafeMutableRawBufferPointer
    private(set) var count = 0

    init(_ target: UnsafeMutableRawBufferPointer) { self.target = target }

    @inline(__always)
    mutating func append(_ byte: UInt8) {
        target[count] = byte
        count += 1
    }

    mutating func append(_ bytes: BorrowedBytes) {
        UnsafeMutableRawBufferPointer(rebasing: target[count...]).copyMemory(from: bytes)
        count += bytes.count
    }

    mutating func append(_ literal: StaticString) { append(BorrowedBytes(literal)) }

    mutating func append(decimal number: Int) {
        var digits = DecimalDigits(number)
        digits.withBytes { append($0) }
    }

    /// A field of the text format; `-` if it is empty. Blanks are escaped too unless the field stands between quotes or at the end.
    mutating func appendField(_ bytes: BorrowedBytes, bytesMax: Int = TelemetryLimits.loggedFieldBytesMax, mayHoldBlanks: Bool) {
        if bytes.isEmpty { return append(UInt8(ascii: "-")) }
        appendEscaped(bytes, bytesMax: bytesMax) { byte, writer in
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"):
                writer.append(UInt8(ascii: "\\"))
                writer.append(byte)
            case UInt8(ascii: " ") where mayHoldBlanks: writer.append(byte)
            default: writer.appendHex("\\x", byte)
            }
        }
    }

    /// The inside of a JSON string; bytes that are no UTF-8 become U+FFFD.
    mutating func appendJSON(_ bytes: BorrowedBytes, bytesMax: Int = TelemetryLimits.loggedFieldBytesMax) {
        appendEscaped(bytes, bytesMax: bytesMax) { byte, writer in
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"):
                writer.append(UInt8(ascii: "\\"))
                writer.append(byte)
            case UInt8(ascii: " "): writer.append(byte)
            case 0x80...: writer.append("\\ufffd")
            default: writer.appendHex("\\u00", byte)
            }
        }
    }

    /// Copies what is harmless and leaves every other byte, and blanks, to `escape`.
    private mutating func appendEscaped(_ bytes: BorrowedBytes, bytesMax: Int, _ escape: (UInt8, inout LineWriter) -> Void) {
        let end = min(bytes.count, bytesMax)
        var index = 0
        while index < end {
            let byte = bytes[index]
            if byte > 0x20, byte < 0x7F, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\") {
                append(byte)
                index += 1
                continue
            }
            let width = byte < 0x80 ? 1 : UTF8Sequence.width(at: index, in: bytes)
            // U+0080...U+009F are terminal controls as C0 is.
            if byte < 0x80 || width == 0 || (byte == 0xC2 && bytes[index + 1] < 0xA0) || index + width > end {
                escape(byte, &self)
                index += 1
            } else {
                append(bytes.slice(index, index + width))
                index += width
            }
        }
        if bytes.count > end { append("...") }
    }

    private mutating func appendHex(_ prefix: StaticString, _ byte: UInt8) {
        append(prefix)
        append(ASCII.hexDigit(byte >> 4))
        append(ASCII.hexDigit(byte & 15))
    }
}
