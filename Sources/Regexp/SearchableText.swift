/// A text as RE2 may search it: valid UTF-8.
///
/// Go reads each invalid byte as one U+FFFD, so that `.` and `[^/]` match it; RE2 would let nothing match it, and a client could
/// hide a path behind one bad byte. Invalid text is therefore searched in a repaired copy, and offsets are translated back.
struct SearchableText {
    let bytes: UnsafeRawBufferPointer
    /// Offsets in the client's text by offset in `bytes` (and one past its end); `nil` if the text needed no repair.
    private let originalOffsets: UnsafeBufferPointer<Int>?

    func originalOffset(_ offset: Int) -> Int { originalOffsets?[offset] ?? offset }

    /// The offset in `bytes` of an offset in the client's text.
    func offset(ofOriginal original: Int) -> Int {
        guard let originalOffsets else { return original }
        return originalOffsets.firstIndex { $0 >= original } ?? bytes.count
    }

    /// How many bytes the character at `offset` has; 1 at the end, so that a search always moves on.
    func characterWidth(at offset: Int) -> Int {
        offset < bytes.count ? max(1, UTF8Sequence.width(at: offset, in: bytes)) : 1
    }

    /// Calls `body` with a searchable view of `text`; allocates only if the text must be repaired.
    static func with<Result>(_ text: UnsafeRawBufferPointer, _ body: (SearchableText) -> Result) -> Result {
        if UTF8Sequence.isValid(text) { return body(SearchableText(bytes: text, originalOffsets: nil)) }
        let capacity = 3 * text.count
        return withUnsafeTemporaryAllocation(byteCount: capacity, alignment: 1) { copy in
            withUnsafeTemporaryAllocation(of: Int.self, capacity: capacity + 1) { offsets in
                let count = repair(text, into: copy, offsets)
                return body(SearchableText(
                    bytes: UnsafeRawBufferPointer(rebasing: copy[..<count]),
                    originalOffsets: UnsafeBufferPointer(rebasing: offsets[...count])))
            }
        }
    }

    private static func repair(
        _ text: UnsafeRawBufferPointer, into copy: UnsafeMutableRawBufferPointer, _ offsets: UnsafeMutableBufferPointer<Int>
    ) -> Int {
        var count = 0
        func append(_ byte: UInt8, from original: Int) {
            copy[count] = byte
            offsets.initializeElement(at: count, to: original)
            count += 1
        }
        var index = 0
        while index < text.count {
            let width = UTF8Sequence.width(at: index, in: text)
            if width == 0 {
                append(0xEF, from: index)
                append(0xBF, from: index)
                append(0xBD, from: index)
            }
            for position in index..<(index + width) { append(text[position], from: position) }
            index += max(1, width)
        }
        offsets.initializeElement(at: count, to: text.count)
        return count
    }
}

/// UTF-8 well-formedness (Unicode §3.9, table 3-7).
enum UTF8Sequence {
    static func isValid(_ bytes: UnsafeRawBufferPointer) -> Bool {
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
    static func width(at index: Int, in bytes: UnsafeRawBufferPointer) -> Int {
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
