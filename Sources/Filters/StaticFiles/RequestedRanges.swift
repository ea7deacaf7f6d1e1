internal import Bytes
internal import HTTP

/// What a Range field asks of a file, RFC 9110 §14.
enum RequestedRanges: Equatable {
    /// No field, another unit than bytes, or more than is worth it: the whole file.
    case all
    /// In the order asked for; none empty.
    case some([Range<UInt64>])
    /// Malformed, or all beyond the end: 416.
    case unsatisfiable

    /// More parts than this are no reader's need: the whole file costs less.
    static let countMax = 32

    /// - Parameter size: bytes of the file.
    init(_ field: BorrowedBytes, size: UInt64) {
        guard field.count >= 6, field.slice(0, 6).equalsIgnoringCase("bytes=") else {
            self = .all
            return
        }
        var ranges: [Range<UInt64>] = []
        var isMalformed = false
        var count = 0
        forEachListElement(field.slice(6, field.count)) { element in
            count += 1
            guard let range = RequestedRanges.range(element, size) else { isMalformed = true; return }
            if !range.isEmpty, ranges.count < RequestedRanges.countMax { ranges.append(range) }
        }
        if isMalformed || count == 0 {
            self = .unsatisfiable
        } else if ranges.isEmpty {
            // Some clients put a Range on everything; nothing of an empty file is all of it.
            self = size == 0 ? .all : .unsatisfiable
        } else {
            // Overlapping ranges can ask for many times the file.
            let total = ranges.reduce(0 as UInt64) { $0 &+ UInt64($1.count) }
            self = total > size || count > RequestedRanges.countMax ? .all : .some(ranges)
        }
    }

    /// One `first-last`, `first-` or `-count`; empty if it lies beyond the end, nil if malformed.
    private static func range(_ text: BorrowedBytes, _ size: UInt64) -> Range<UInt64>? {
        guard let dash = text.firstIndex(of: UInt8(ascii: "-"), from: 0) else { return nil }
        let firstText = text.slice(0, dash).trimmed
        let lastText = text.slice(dash + 1, text.count).trimmed
        if firstText.isEmpty {
            guard let count = number(lastText) else { return nil }
            return size - min(count, size)..<size
        }
        guard let first = number(firstText) else { return nil }
        var end = size
        if !lastText.isEmpty {
            guard let last = number(lastText), last >= first else { return nil }
            end = min(last + 1, size)
        }
        return min(first, end)..<end
    }

    /// Digits alone; what 63 bits cannot hold is refused.
    private static func number(_ digits: BorrowedBytes) -> UInt64? {
        guard !digits.isEmpty, digits.count <= 18 else { return nil }
        var value: UInt64 = 0
        for byte in digits {
            guard ASCII.isDigit(byte) else { return nil }
            value = value * 10 + UInt64(byte &- 0x30)
        }
        return value
    }
}
