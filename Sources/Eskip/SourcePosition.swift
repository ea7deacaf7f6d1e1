/// A place in a source of routes, as `file:line:column`.
public struct SourcePosition: Hashable, Sendable, CustomStringConvertible {
    public let sourceName: String
    /// From 1.
    public let line: Int
    /// From 1, in bytes.
    public let column: Int

    public init(sourceName: String, line: Int, column: Int) {
        self.sourceName = sourceName
        self.line = line
        self.column = column
    }

    public var description: String {
        sourceName.isEmpty ? "\(line):\(column)" : "\(sourceName):\(line):\(column)"
    }
}

/// Where the source of a document begins, if it is a part of a larger text.
public struct SourceStart: Hashable, Sendable {
    /// Both from 1.
    public let line, column: Int

    public init(line: Int, column: Int) {
        self.line = line
        self.column = column
    }

    /// The beginning of a text.
    public static let ofText = SourceStart(line: 1, column: 1)

    /// The position in the whole text of a place counted from here.
    func position(_ line: Int, _ column: Int, in sourceName: String) -> SourcePosition {
        SourcePosition(
            sourceName: sourceName, line: line + self.line - 1, column: line == 1 ? column + self.column - 1 : column)
    }
}

/// Where the lines of a text begin, as offsets.
enum LineStarts {
    static func of(_ source: [UInt8]) -> [UInt32] {
        var starts: [UInt32] = [0]
        for (offset, byte) in source.enumerated() where byte == UInt8(ascii: "\n") {
            starts.append(UInt32(offset + 1))
        }
        return starts
    }

    static func locate(_ offset: Int, in starts: [UInt32]) -> (line: Int, column: Int) {
        var low = 0, high = starts.count
        while high - low > 1 {
            let middle = (low + high) / 2
            if Int(starts[middle]) <= offset { low = middle } else { high = middle }
        }
        return (low + 1, offset - Int(starts[low]) + 1)
    }
}

/// How records hold positions: as an offset where the document has its source, else as packed line and column, so
/// that a route copied out of its document still knows where it was written.
enum PositionWord {
    static let none = UInt32.max
    static let lineMax = (1 << 22) - 1
    static let columnMax = (1 << 10) - 2

    static func pack(_ position: SourcePosition?) -> UInt32 {
        guard let position else { return none }
        return UInt32(min(position.line, lineMax)) << 10 | UInt32(min(position.column, columnMax))
    }

    static func unpack(_ word: UInt32) -> (line: Int, column: Int) {
        (Int(word >> 10), Int(word & 0x3FF))
    }
}
