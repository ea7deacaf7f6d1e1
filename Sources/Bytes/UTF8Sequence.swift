/// UTF-8 well-formedness (Unicode §3.9, table 3-7).
public enum UTF8Sequence {
    /// - Complexity: O(count), eight bytes a step through ASCII.
    public static func isValid(_ bytes: UnsafeRawBufferPointer) -> Bool {
        var index = 0
        while index < bytes.count {
            if index + 8 <= bytes.count, bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self) & 0x8080_8080_8080_8080 == 0 {
                index += 8
                continue
            }
            let width = width(at: index, in: bytes)
            guard width > 0 else { return false }
            index += width
        }
        return true
    }

    /// The length of the well-formed character at `index`, 0 if there is none.
    public static func width(at index: Int, in bytes: UnsafeRawBufferPointer) -> Int {
        let lead = bytes[index]
        if lead < 0x80 { return 1 }
        guard let (width, second) = form(of: lead), index + width <= bytes.count, second.contains(bytes[index + 1]) else { return 0 }
        for position in (index + 2)..<(index + max(2, width)) where bytes[position] & 0xC0 != 0x80 { return 0 }
        return width
    }

    /// The width of a character by its first byte, and the range of its second, which excludes overlong forms and surrogates.
    private static func form(of lead: UInt8) -> (width: Int, second: ClosedRange<UInt8>)? {
        switch lead {
        case 0xC2...0xDF: (2, 0x80...0xBF)
        case 0xE0: (3, 0xA0...0xBF)
        case 0xED: (3, 0x80...0x9F)
        case 0xE1...0xEF: (3, 0x80...0xBF)
        case 0xF0: (4, 0x90...0xBF)
        case 0xF1...0xF3: (4, 0x80...0xBF)
        case 0xF4: (4, 0x80...0x8F)
        default: nil
        }
    }
}
