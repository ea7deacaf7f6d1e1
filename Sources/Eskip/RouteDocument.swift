import Synchronization

/// Route definitions that share one immutable text: what a parse or a build produces.
///
/// The document owns four arrays and no object per route; `RouteDefinition` is a number into it. The records'
/// layout is told in `Eskip.docc/Eskip.md`. A document lives as long as any definition, call or argument taken from
/// it: see `RouteDefinition.detached()` for keeping one route of a large one.
public final class RouteDocument: Sendable {
    /// What messages call the document: a file path, an URL, or a word such as `-inline-routes`. May be empty.
    public let sourceName: String

    /// The document as read; empty if it was built.
    let source: [UInt8]
    /// Text that does not stand in `source` as it is.
    let decoded: [UInt8]
    /// All records, one after the other.
    let words: [UInt32]
    /// The first word of each record.
    let routeStarts: [UInt32]
    /// Where the source begins in the text it is a part of.
    let start: SourceStart

    private let lineStarts = Mutex<[UInt32]?>(nil)

    init(
        sourceName: String, source: [UInt8], decoded: [UInt8], words: [UInt32], routeStarts: [UInt32],
        start: SourceStart = .ofText
    ) {
        self.sourceName = sourceName
        self.start = start
        self.source = source
        self.decoded = decoded
        self.words = words
        self.routeStarts = routeStarts
    }

    /// A document without routes.
    public static let empty = RouteDocument(sourceName: "", source: [], decoded: [], words: [], routeStarts: [])

    /// Bytes that records and index take, beyond the text.
    public var recordBytes: Int { (words.count + routeStarts.count) * MemoryLayout<UInt32>.stride }

    /// Bytes of text kept: the source, and what its escapes decode to.
    public var textBytes: Int { source.count + decoded.count }
}

extension RouteDocument: RandomAccessCollection {
    public var startIndex: Int { 0 }
    public var endIndex: Int { routeStarts.count }

    public subscript(position: Int) -> RouteDefinition {
        precondition(position >= 0 && position < routeStarts.count, "route \(position) of \(routeStarts.count)")
        return RouteDefinition(document: self, index: UInt32(position))
    }
}

// MARK: - Text

extension RouteDocument {
    /// Lends the bytes of a text reference; they are valid only inside `body`.
    @inline(__always)
    func withBytes<R>(_ ref: TextRef, _ body: (UnsafeRawBufferPointer) -> R) -> R {
        let offset = Int(ref.offset), length = Int(ref.length)
        if offset < source.count {
            return source.withUnsafeBytes { body(UnsafeRawBufferPointer(rebasing: $0[offset..<offset + length])) }
        }
        let start = length == 0 ? 0 : offset - source.count
        return decoded.withUnsafeBytes { body(UnsafeRawBufferPointer(rebasing: $0[start..<start + length])) }
    }

    func string(_ ref: TextRef) -> String {
        withBytes(ref) { String(decoding: $0, as: UTF8.self) }
    }

    /// The number of a reference that `isNumber`.
    func number(_ ref: TextRef) -> Double {
        if ref.length == TextRef.integerMark { return Double(Int32(bitPattern: ref.offset)) }
        let bits = TextRef(offset: ref.offset, length: 8)
        return withBytes(bits) { Double(bitPattern: $0.loadUnaligned(as: UInt64.self)) }
    }

    func ref(at word: Int) -> TextRef {
        TextRef(offset: words[word], length: words[word + 1])
    }
}

// MARK: - Positions

extension RouteDocument {
    /// Where a position word points, or `nil` for what no source text says.
    func position(_ word: UInt32) -> SourcePosition? {
        guard word != PositionWord.none else { return nil }
        guard source.isEmpty else { return position(offset: Int(word)) }
        let (line, column) = PositionWord.unpack(word)
        return SourcePosition(sourceName: sourceName, line: line, column: column)
    }

    /// Line and column of a byte of the source.
    func position(offset: Int) -> SourcePosition {
        let (line, column) = withLineStarts { LineStarts.locate(offset, in: $0) }
        return start.position(line, column, in: sourceName)
    }

    /// The byte of the source at a position, if its line is there.
    func offset(of position: SourcePosition) -> Int? {
        let line = position.line - start.line
        let column = line == 0 ? position.column - start.column : position.column - 1
        return withLineStarts { $0.indices.contains(line) && column >= 0 ? Swift.min(Int($0[line]) + column, source.count) : nil }
    }

    /// The lines are counted once, at the first question.
    private func withLineStarts<R: Sendable>(_ body: ([UInt32]) -> R) -> R {
        lineStarts.withLock { known in
            let starts = known ?? LineStarts.of(source)
            known = starts
            return body(starts)
        }
    }
}
