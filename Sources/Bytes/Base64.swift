/// Base 64 text (RFC 4648 §4 and §5).
public enum Base64 {
    public enum Alphabet: Sendable {
        /// `+` and `/` (§4).
        case standard
        /// `-` and `_` (§5), safe in URLs and cookies.
        case urlSafe
    }

    /// What decoding expects at the end of text whose length is no multiple of four.
    public enum Padding: Sendable {
        case required, absent, optional
    }

    /// The length of the text for `byteCount` bytes.
    public static func encodedCount(_ byteCount: Int, padded: Bool = true) -> Int {
        padded ? (byteCount + 2) / 3 * 4 : (byteCount * 4 + 2) / 3
    }

    /// Writes the text of `bytes` into `target` and returns its length.
    ///
    /// - Precondition: `target` holds `encodedCount` bytes and does not overlap `bytes`.
    @discardableResult
    public static func encode(
        _ bytes: UnsafeRawBufferPointer, alphabet: Alphabet = .standard, padded: Bool = true,
        into target: UnsafeMutableRawBufferPointer
    ) -> Int {
        let count = encodedCount(bytes.count, padded: padded)
        precondition(target.count >= count, "base 64 text needs \(count) bytes, found \(target.count)")
        var written = 0
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let left = min(3, bytes.count - start)
            let group = UInt32(bytes[start]) << 16
                | (left > 1 ? UInt32(bytes[start + 1]) << 8 : 0) | (left > 2 ? UInt32(bytes[start + 2]) : 0)
            for position in 0..<4 where position <= left || padded {
                target[written] = position <= left
                    ? digit(UInt8(truncatingIfNeeded: group >> UInt32(18 - 6 * position)) & 63, alphabet) : UInt8(ascii: "=")
                written += 1
            }
        }
        return written
    }

    public static func encode(_ bytes: UnsafeRawBufferPointer, alphabet: Alphabet = .standard, padded: Bool = true) -> [UInt8] {
        let count = encodedCount(bytes.count, padded: padded)
        return [UInt8](unsafeUninitializedCapacity: count) { target, initialized in
            initialized = encode(bytes, alphabet: alphabet, padded: padded, into: UnsafeMutableRawBufferPointer(target))
        }
    }

    public static func encode(_ bytes: [UInt8], alphabet: Alphabet = .standard, padded: Bool = true) -> String {
        bytes.withUnsafeBytes { String(decoding: encode($0, alphabet: alphabet, padded: padded), as: UTF8.self) }
    }

    /// Writes the bytes that `text` stands for into `target`; `nil` if it is not base 64 text.
    ///
    /// Strict: no blanks or line ends, no digits of the other alphabet, and unused bits zero, so that two texts never mean the same bytes.
    ///
    /// - Precondition: `target` holds `text.count / 4 * 3 + 2` bytes.
    public static func decode(
        _ text: UnsafeRawBufferPointer, alphabet: Alphabet = .standard, padding: Padding = .required,
        into target: UnsafeMutableRawBufferPointer
    ) -> Int? {
        guard let digitCount = unpaddedCount(text, padding) else { return nil }
        precondition(target.count >= digitCount * 3 / 4, "decoded bytes need \(digitCount * 3 / 4), found \(target.count)")
        var written = 0
        var bits: UInt32 = 0
        var bitCount: UInt32 = 0
        for index in 0..<digitCount {
            guard let value = value(text[index], alphabet) else { return nil }
            bits = bits << 6 | UInt32(value)
            bitCount += 6
            guard bitCount >= 8 else { continue }
            bitCount -= 8
            target[written] = UInt8(truncatingIfNeeded: bits >> bitCount)
            written += 1
        }
        return bits & ((1 << bitCount) - 1) == 0 ? written : nil
    }

    public static func decode(_ text: UnsafeRawBufferPointer, alphabet: Alphabet = .standard, padding: Padding = .required) -> [UInt8]? {
        var isValid = false
        let bytes = [UInt8](unsafeUninitializedCapacity: text.count / 4 * 3 + 2) { target, initialized in
            guard let count = decode(text, alphabet: alphabet, padding: padding, into: UnsafeMutableRawBufferPointer(target)) else { return }
            isValid = true
            initialized = count
        }
        return isValid ? bytes : nil
    }

    public static func decode(_ text: String, alphabet: Alphabet = .standard, padding: Padding = .required) -> [UInt8]? {
        var text = text
        return text.withUTF8 { decode(UnsafeRawBufferPointer($0), alphabet: alphabet, padding: padding) }
    }

    /// The number of digits before the padding; `nil` if the padding, or the length without it, cannot be.
    private static func unpaddedCount(_ text: UnsafeRawBufferPointer, _ padding: Padding) -> Int? {
        var count = text.count
        while count > 0, text.count - count < 2, text[count - 1] == UInt8(ascii: "=") { count -= 1 }
        guard count % 4 != 1 else { return nil }
        let isPadded = text.count % 4 == 0
        let isBare = count == text.count
        return switch padding {
        case .required: isPadded ? count : nil
        case .absent: isBare ? count : nil
        case .optional: isPadded || isBare ? count : nil
        }
    }

    private static func digit(_ value: UInt8, _ alphabet: Alphabet) -> UInt8 {
        switch value {
        case 0..<26: UInt8(ascii: "A") + value
        case 26..<52: UInt8(ascii: "a") + value - 26
        case 52..<62: UInt8(ascii: "0") + value - 52
        case 62: alphabet == .standard ? UInt8(ascii: "+") : UInt8(ascii: "-")
        default: alphabet == .standard ? UInt8(ascii: "/") : UInt8(ascii: "_")
        }
    }

    private static func value(_ digit: UInt8, _ alphabet: Alphabet) -> UInt8? {
        switch digit {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): digit - UInt8(ascii: "A")
        case UInt8(ascii: "a")...UInt8(ascii: "z"): digit - UInt8(ascii: "a") + 26
        case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0") + 52
        case UInt8(ascii: "+"), UInt8(ascii: "/"):
            alphabet == .standard ? (digit == UInt8(ascii: "+") ? 62 : 63) : nil
        case UInt8(ascii: "-"), UInt8(ascii: "_"):
            alphabet == .urlSafe ? (digit == UInt8(ascii: "-") ? 62 : 63) : nil
        default: nil
        }
    }
}
