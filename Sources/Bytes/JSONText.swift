/// A JSON text, RFC 8259, read in place: strict, without building values, in bounded depth.
public struct JSONText {
    private let bytes: BorrowedBytes
    private var index = 0

    /// A string's bytes between its quotes, escapes not yet resolved.
    public struct RawString {
        public let bytes: BorrowedBytes
        public let hasEscapes: Bool
    }

    /// Calls `body` with each member of the top-level object whose value is a string, in order; false if the text is not
    /// one well-formed object (some members may have been reported by then).
    public static func forEachStringMember(_ text: BorrowedBytes, _ body: (RawString, RawString?) -> Void) -> Bool {
        var reader = JSONText(bytes: text)
        return reader.document(body)
    }

    private init(bytes: BorrowedBytes) { self.bytes = bytes }

    private mutating func document(_ body: (RawString, RawString?) -> Void) -> Bool {
        skipBlanks()
        guard take("{"), members(depth: 1, body) else { return false }
        skipBlanks()
        return index == bytes.count
    }

    /// From behind `{` to behind `}`. Values that are not strings are reported as nil: they hide an earlier one of the name.
    private mutating func members(depth: Int, _ body: (RawString, RawString?) -> Void) -> Bool {
        skipBlanks()
        if take("}") { return true }
        while true {
            skipBlanks()
            guard let name = string() else { return false }
            skipBlanks()
            guard take(":") else { return false }
            skipBlanks()
            if peek == UInt8(ascii: "\"") {
                guard let value = string() else { return false }
                body(name, value)
            } else {
                guard skipValue(depth: depth) else { return false }
                body(name, nil)
            }
            skipBlanks()
            if take("}") { return true }
            guard take(",") else { return false }
        }
    }

    private mutating func skipValue(depth: Int) -> Bool {
        guard depth < Limits.jsonDepthMax, let byte = peek else { return false }
        switch byte {
        case UInt8(ascii: "\""): return string() != nil
        case UInt8(ascii: "{"):
            index += 1
            return members(depth: depth + 1) { _, _ in }
        case UInt8(ascii: "["):
            index += 1
            return skipElements(depth: depth + 1)
        case UInt8(ascii: "t"): return takeWord("true")
        case UInt8(ascii: "f"): return takeWord("false")
        case UInt8(ascii: "n"): return takeWord("null")
        default: return skipNumber()
        }
    }

    private mutating func skipElements(depth: Int) -> Bool {
        skipBlanks()
        if take("]") { return true }
        while true {
            skipBlanks()
            guard skipValue(depth: depth) else { return false }
            skipBlanks()
            if take("]") { return true }
            guard take(",") else { return false }
        }
    }

    /// RFC 8259 §6.
    private mutating func skipNumber() -> Bool {
        _ = take("-")
        guard let first = peek, ASCII.isDigit(first) else { return false }
        index += 1
        if first != UInt8(ascii: "0") { skipDigits() }
        if take(".") {
            guard let digit = peek, ASCII.isDigit(digit) else { return false }
            skipDigits()
        }
        if take("e") || take("E") {
            if !take("+") { _ = take("-") }
            guard let digit = peek, ASCII.isDigit(digit) else { return false }
            skipDigits()
        }
        return true
    }

    private mutating func skipDigits() {
        while let byte = peek, ASCII.isDigit(byte) { index += 1 }
    }

    private mutating func string() -> RawString? {
        guard take("\"") else { return nil }
        let start = index
        var hasEscapes = false
        while let byte = peek {
            if byte == UInt8(ascii: "\"") {
                index += 1
                return RawString(bytes: bytes.slice(start, index - 1), hasEscapes: hasEscapes)
            }
            guard byte >= 0x20 else { return nil }
            index += 1
            if byte == UInt8(ascii: "\\") {
                hasEscapes = true
                guard skipEscape() else { return nil }
            }
        }
        return nil
    }

    private mutating func skipEscape() -> Bool {
        guard let byte = peek else { return false }
        index += 1
        if byte != UInt8(ascii: "u") { return RawString.simpleEscape(byte) != nil }
        for _ in 0..<4 {
            guard let digit = peek, ASCII.hexValue(digit) != nil else { return false }
            index += 1
        }
        return true
    }

    private var peek: UInt8? { index < bytes.count ? bytes[index] : nil }

    private mutating func take(_ byte: Unicode.Scalar) -> Bool {
        guard peek == UInt8(ascii: byte) else { return false }
        index += 1
        return true
    }

    private mutating func takeWord(_ word: StaticString) -> Bool {
        guard bytes.slice(index, bytes.count).hasPrefix(word) else { return false }
        index += word.utf8CodeUnitCount
        return true
    }

    private mutating func skipBlanks() {
        while let byte = peek, byte == 0x20 || byte == 0x09 || byte == 0x0a || byte == 0x0d { index += 1 }
    }
}

extension JSONText.RawString {
    /// What a backslash and this byte stand for, RFC 8259 §7.
    static func simpleEscape(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): byte
        case UInt8(ascii: "b"): 0x08
        case UInt8(ascii: "f"): 0x0c
        case UInt8(ascii: "n"): 0x0a
        case UInt8(ascii: "r"): 0x0d
        case UInt8(ascii: "t"): 0x09
        default: nil
        }
    }

    /// Lends the text with its escapes resolved; lone surrogates become U+FFFD.
    public func withText<Result>(_ body: (BorrowedBytes) -> Result) -> Result {
        if !hasEscapes { return body(bytes) }
        // No escape is shorter than what it stands for.
        return withUnsafeTemporaryAllocation(byteCount: bytes.count, alignment: 1) { buffer in
            let count = resolve(into: buffer)
            return body(BorrowedBytes(buffer).slice(0, count))
        }
    }

    private func resolve(into target: UnsafeMutableRawBufferPointer) -> Int {
        var count = 0
        var index = 0
        while index < bytes.count {
            if bytes[index] != UInt8(ascii: "\\") {
                target[count] = bytes[index]
                count += 1
                index += 1
            } else if let byte = Self.simpleEscape(bytes[index + 1]) {
                target[count] = byte
                count += 1
                index += 2
            } else {
                for unit in UTF8.encode(scalar(at: &index)).unsafelyUnwrapped {
                    target[count] = unit
                    count += 1
                }
            }
        }
        return count
    }

    /// The scalar of `\uXXXX`, or of two that are surrogates of each other.
    private func scalar(at index: inout Int) -> Unicode.Scalar {
        let first = unit(at: index + 2)
        index += 6
        if let scalar = Unicode.Scalar(first) { return scalar }
        let replacement: Unicode.Scalar = "\u{FFFD}"
        guard first < 0xDC00, index + 5 < bytes.count, bytes[index] == UInt8(ascii: "\\"), bytes[index + 1] == UInt8(ascii: "u")
        else { return replacement }
        let second = unit(at: index + 2)
        guard (0xDC00...0xDFFF).contains(second) else { return replacement }
        index += 6
        return Unicode.Scalar(0x10000 + (first - 0xD800) << 10 + (second - 0xDC00)) ?? replacement
    }

    private func unit(at start: Int) -> UInt32 {
        (start..<start + 4).reduce(0) { $0 << 4 | UInt32(ASCII.hexValue(bytes[$1]) ?? 0) }
    }
}

// MARK: - Writing

extension JSONText {
    /// Appends a JSON string with its quotes; bytes that are no UTF-8 become U+FFFD.
    public static func appendString(_ text: BorrowedBytes, to output: inout [UInt8]) {
        output.append(UInt8(ascii: "\""))
        var index = 0
        while index < text.count {
            let byte = text[index]
            let width = byte < 0x80 ? 1 : UTF8Sequence.width(at: index, in: text)
            if byte < 0x20 || byte == 0x7F || width == 0 {
                appendEscape(width == 0 ? 0xFFFD : UInt16(byte), to: &output)
            } else {
                if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") { output.append(UInt8(ascii: "\\")) }
                output += text.slice(index, index + width)
            }
            index += max(1, width)
        }
        output.append(UInt8(ascii: "\""))
    }

    private static func appendEscape(_ unit: UInt16, to output: inout [UInt8]) {
        output += BorrowedBytes("\\u")
        for shift in stride(from: 12, through: 0, by: -4) { output.append(ASCII.hexDigit(UInt8(truncatingIfNeeded: unit >> UInt16(shift) & 15))) }
    }
}
