/// One argument, id or address of a record: two words that say where its bytes are, or hold a small number.
///
/// Offsets count through a document's source and then through its decoded bytes. Two lengths that no text can have
/// mark numbers: an integer that fits 32 bits stands in the offset itself, any other number in eight decoded bytes.
/// Every number has exactly one of these forms, so equal numbers have equal forms.
struct TextRef: Equatable {
    var offset: UInt32
    var length: UInt32

    static let integerMark: UInt32 = 0xFFFF_FFFE
    static let doubleMark: UInt32 = 0xFFFF_FFFF
    static let empty = TextRef(offset: 0, length: 0)

    var isNumber: Bool { length >= TextRef.integerMark }

    /// The reference that needs no decoded bytes, if `number` is a 32-bit integer. Negative zero becomes zero, since
    /// the language cannot tell them apart.
    static func integer(_ number: Double) -> TextRef? {
        guard let integer = Int32(exactly: number) else { return nil }
        return TextRef(offset: UInt32(bitPattern: integer), length: integerMark)
    }
}

/// Bytes of strings that are not in the source as they stand: decoded escapes, and everything of built routes.
struct DecodedText {
    private(set) var bytes: [UInt8] = []
    /// Where the decoded bytes begin to count: the size of the source.
    let base: Int

    init(base: Int) { self.base = base }

    mutating func append(_ text: some Collection<UInt8>) -> TextRef {
        let start = bytes.count
        bytes.append(contentsOf: text)
        return ref(from: start)
    }

    mutating func append(_ byte: UInt8) { bytes.append(byte) }

    /// The text appended since `start`, which was `bytes.count` then.
    func ref(from start: Int) -> TextRef {
        precondition(base + bytes.count <= EskipLimits.textBytesMax, "a document's text outgrew its offsets")
        return TextRef(offset: UInt32(base + start), length: UInt32(bytes.count - start))
    }

    mutating func append(_ number: Double) -> TextRef {
        precondition(number.isFinite, "the route language has no \(number)")
        if let integer = TextRef.integer(number) { return integer }
        var ref = withUnsafeBytes(of: number.bitPattern) { append($0) }
        ref.length = TextRef.doubleMark
        return ref
    }
}
