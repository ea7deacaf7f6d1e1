import Bytes

/// The parameters of a raw query, one after the other: `name=value` between `&`, both still escaped.
///
/// As most servers read queries: a pair with a `;` or a broken escape is no pair.
struct QueryPairs {
    private let query: BorrowedBytes
    private var start = 0

    struct Pair {
        let name: BorrowedBytes
        let value: BorrowedBytes
    }

    init(_ query: BorrowedBytes) { self.query = query }

    mutating func next() -> Pair? {
        while start < query.count {
            let end = query.firstIndex(of: UInt8(ascii: "&"), from: start) ?? query.count
            let text = query.slice(start, end)
            start = end + 1
            if text.isEmpty || text.firstIndex(of: UInt8(ascii: ";"), from: 0) != nil || Self.unescapedCount(text) == nil { continue }
            let equals = text.firstIndex(of: UInt8(ascii: "="), from: 0)
            return Pair(
                name: text.slice(0, equals ?? text.count),
                value: text.slice(equals.map { $0 + 1 } ?? text.count, text.count))
        }
        return nil
    }

    /// How many bytes the text stands for; nil if an escape is broken.
    static func unescapedCount(_ text: BorrowedBytes) -> Int? {
        var count = 0
        var index = 0
        while index < text.count {
            guard let (_, width) = byte(text, index) else { return nil }
            index += width
            count += 1
        }
        return count
    }

    static func unescaped(_ text: BorrowedBytes, equals wanted: BorrowedBytes) -> Bool {
        var index = 0
        var position = 0
        while index < text.count {
            guard position < wanted.count, let (value, width) = byte(text, index), value == wanted[position] else { return false }
            index += width
            position += 1
        }
        return position == wanted.count
    }

    /// Lends what the text stands for; nil if an escape is broken.
    static func withUnescaped<Result>(_ text: BorrowedBytes, _ body: (BorrowedBytes) -> Result) -> Result? {
        if !needsUnescaping(text) { return body(text) }
        return withUnsafeTemporaryAllocation(byteCount: text.count, alignment: 1) { buffer in
            guard let count = unescape(text, into: buffer) else { return nil }
            return body(BorrowedBytes(buffer).slice(0, count))
        }
    }

    static func needsUnescaping(_ text: BorrowedBytes) -> Bool {
        text.contains { $0 == UInt8(ascii: "%") || $0 == UInt8(ascii: "+") }
    }

    /// Writes what the text stands for and returns its length, at most that of the text; nil if an escape is broken.
    static func unescape(_ text: BorrowedBytes, into target: UnsafeMutableRawBufferPointer) -> Int? {
        var count = 0
        var index = 0
        while index < text.count {
            guard let (value, width) = byte(text, index) else { return nil }
            target[count] = value
            index += width
            count += 1
        }
        return count
    }

    @inline(__always)
    private static func byte(_ text: BorrowedBytes, _ index: Int) -> (value: UInt8, width: Int)? {
        switch text[index] {
        case UInt8(ascii: "+"): return (UInt8(ascii: " "), 1)
        case UInt8(ascii: "%"):
            guard index + 2 < text.count, let high = ASCII.hexValue(text[index + 1]), let low = ASCII.hexValue(text[index + 2])
            else { return nil }
            return (high << 4 | low, 3)
        default: return (text[index], 1)
        }
    }
}
