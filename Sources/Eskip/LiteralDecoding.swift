// From the text of a literal to its value (eskip.md §1.1-§1.3).

extension DecodedText {
    /// The value of a string or regexp: a part of the source if nothing is escaped, else decoded here.
    mutating func value(of token: Token, in source: [UInt8]) -> TextRef {
        guard token.hasEscapes else {
            return TextRef(offset: UInt32(token.body.lowerBound), length: UInt32(token.body.count))
        }
        let start = bytes.count
        var offset = token.body.lowerBound
        while offset < token.body.upperBound {
            let byte = source[offset]
            if byte != UInt8(ascii: "\\") {
                append(byte)
                offset += 1
                continue
            }
            // A backslash is never the last byte of a body: it would have escaped the delimiter.
            appendEscape(of: source[offset + 1], delimiter: source[token.start])
            offset += 2
        }
        return ref(from: start)
    }

    private mutating func appendEscape(of byte: UInt8, delimiter: UInt8) {
        if byte == delimiter || byte == UInt8(ascii: "\\") {
            append(byte)
        } else if delimiter != UInt8(ascii: "/"), let control = StringEscape.control(of: byte) {
            append(control)
        } else {
            // An unknown escape is none: the backslash stays, so that "\d" needs no second one.
            append(UInt8(ascii: "\\"))
            append(byte)
        }
    }
}

/// The control characters that have a letter in strings.
enum StringEscape {
    private static let letters: [(letter: UInt8, control: UInt8)] = [
        (UInt8(ascii: "a"), 0x07), (UInt8(ascii: "b"), 0x08), (UInt8(ascii: "t"), 0x09), (UInt8(ascii: "n"), 0x0A),
        (UInt8(ascii: "v"), 0x0B), (UInt8(ascii: "f"), 0x0C), (UInt8(ascii: "r"), 0x0D),
    ]

    static func control(of letter: UInt8) -> UInt8? {
        letters.first { $0.letter == letter }?.control
    }

    static func letter(of control: UInt8) -> UInt8? {
        guard control >= 0x07, control <= 0x0D else { return nil }
        return letters[Int(control) - 0x07].letter
    }
}

enum NumberLiteral {
    /// Powers of ten that a double holds exactly.
    private static let tens: [Double] = [
        1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
    ]

    /// The double nearest to what a number token says, or `nil` if it is out of range. Negative zero is zero.
    static func value(_ text: ArraySlice<UInt8>) -> Double? {
        let isNegative = text.first == UInt8(ascii: "-")
        let magnitude = isNegative ? text.dropFirst() : text
        guard let value = short(magnitude) ?? long(magnitude) else { return nil }
        return value == 0 ? 0 : isNegative ? -value : value
    }

    /// At most 15 digits and their scale are exact doubles, so that one division rounds correctly.
    private static func short(_ magnitude: ArraySlice<UInt8>) -> Double? {
        guard magnitude.count <= 15 else { return nil }
        var digits: UInt64 = 0, scale = 0, hasPoint = false
        for byte in magnitude {
            if byte == UInt8(ascii: ".") {
                hasPoint = true
                continue
            }
            digits = digits * 10 + UInt64(byte - UInt8(ascii: "0"))
            if hasPoint { scale += 1 }
        }
        return Double(digits) / tens[scale]
    }

    private static func long(_ magnitude: ArraySlice<UInt8>) -> Double? {
        guard let value = Double("0" + String(decoding: magnitude, as: UTF8.self)), value.isFinite else { return nil }
        return value
    }
}
