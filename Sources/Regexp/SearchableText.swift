internal import Bytes

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
