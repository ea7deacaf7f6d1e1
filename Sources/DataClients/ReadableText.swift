internal import Bytes

/// A text that is looked at piece by piece: a file while it is compared, or bytes in memory.
protocol ReadableText: ~Copyable {
    var count: Int { get }

    /// Lends the bytes from `offset` on: at least `count` of them if the text has so many, otherwise all that are left.
    /// Valid until the next call.
    mutating func bytes(at offset: Int, atLeast count: Int) throws(FileProblem) -> BorrowedBytes

    /// Copies a range.
    mutating func copy(_ range: Range<Int>) throws(FileProblem) -> [UInt8]
}

/// A text in memory.
struct TextInMemory: ReadableText, ~Copyable {
    private let text: [UInt8]
    /// Those of `text`.
    private let lent: BorrowedBytes

    /// Calls `body` with the text made readable.
    static func with<Result>(
        _ text: [UInt8], _ body: (inout TextInMemory) throws(FileProblem) -> Result
    ) throws(FileProblem) -> Result {
        try text.withUnsafeBufferPointer { bytes throws(FileProblem) in
            var readable = TextInMemory(text: text, lent: BorrowedBytes(bytes))
            return try body(&readable)
        }
    }

    private init(text: [UInt8], lent: BorrowedBytes) {
        self.text = text
        self.lent = lent
    }

    var count: Int { text.count }

    mutating func bytes(at offset: Int, atLeast count: Int) -> BorrowedBytes { lent.slice(offset, lent.count) }

    mutating func copy(_ range: Range<Int>) -> [UInt8] {
        range == 0..<text.count ? text : Array(text[range])
    }
}
