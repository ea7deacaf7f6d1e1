internal import Bytes

/// Finds any of several byte strings in a stream that comes in pieces, with two table look-ups per byte (Aho and Corasick).
///
/// Immutable; a position in a stream is the state that `firstEnd` takes and leaves. Nothing is buffered: a hit is noticed
/// however the stream is cut, and however long the bytes before it are.
struct PatternScanner: Sendable {
    /// Entries of the table, 4 bytes each. What needs more is no list of patterns but a dictionary.
    static let tableEntriesMax = 4 * 1024 * 1024

    /// A place in the automaton; `start` at the beginning of a stream.
    struct State: Sendable {
        fileprivate var index: UInt32
        static let start = State(index: 0)
    }

    /// The column of each byte; bytes that no pattern has share column 0.
    private let columns: [UInt16]
    private let columnCount: Int
    /// The next state by state and column; `hit` ends the scan.
    private let next: [UInt32]
    private static let hit = UInt32.max

    /// - Parameter patterns: none of them empty.
    /// - Returns: nil if the table would exceed `tableEntriesMax`.
    init?(_ patterns: [[UInt8]]) {
        var columns = [UInt16](repeating: 0, count: 256)
        var columnCount = 1
        for byte in patterns.joined() where columns[Int(byte)] == 0 {
            columns[Int(byte)] = UInt16(columnCount)
            columnCount += 1
        }
        let stateCount = patterns.reduce(1) { $0 + $1.count }
        guard stateCount * columnCount <= PatternScanner.tableEntriesMax else { return nil }
        self.columns = columns
        self.columnCount = columnCount
        next = Trie(patterns, columns, columnCount).automaton(hit: PatternScanner.hit)
    }

    /// Finds the first end of a pattern in these bytes, which continue the stream that `state` stands in.
    ///
    /// - Returns: the offset behind the pattern, where `state` starts anew; nil if there is none.
    func firstEnd(in bytes: BorrowedBytes, _ state: inout State) -> Int? {
        next.withUnsafeBufferPointer { next in
            columns.withUnsafeBufferPointer { columns in
                var index = state.index
                for offset in 0..<bytes.count {
                    index = next[Int(index) * columnCount + Int(columns[Int(bytes[offset])])]
                    if index == PatternScanner.hit {
                        state = .start
                        return offset + 1
                    }
                }
                state.index = index
                return nil
            }
        }
    }
}

/// The patterns as a tree of bytes, each state with a row of successors.
private struct Trie {
    private static let none = UInt32.max - 1
    private let columnCount: Int
    private var rows: [UInt32]
    private var isEnd: [Bool] = [false]

    init(_ patterns: [[UInt8]], _ columns: [UInt16], _ columnCount: Int) {
        self.columnCount = columnCount
        rows = Array(repeating: Trie.none, count: columnCount)
        for pattern in patterns {
            var state = 0
            for byte in pattern { state = successor(state, Int(columns[Int(byte)])) }
            isEnd[state] = true
        }
    }

    private mutating func successor(_ state: Int, _ column: Int) -> Int {
        let place = state * columnCount + column
        if rows[place] != Trie.none { return Int(rows[place]) }
        rows[place] = UInt32(isEnd.count)
        rows += repeatElement(Trie.none, count: columnCount)
        isEnd.append(false)
        return isEnd.count - 1
    }

    /// Fills the gaps of every row by those of the longest proper suffix that is a state, shorter states first.
    func automaton(hit: UInt32) -> [UInt32] {
        var next = rows
        var isEnd = isEnd
        var suffix = [Int](repeating: 0, count: isEnd.count)
        var queue = [0]
        var position = 0
        while position < queue.count {
            let state = queue[position]
            position += 1
            for column in 0..<columnCount {
                let place = state * columnCount + column
                let fallback = state == 0 ? 0 : Int(next[suffix[state] * columnCount + column])
                guard rows[place] != Trie.none else {
                    next[place] = UInt32(fallback)
                    continue
                }
                let child = Int(rows[place])
                suffix[child] = fallback
                isEnd[child] = isEnd[child] || isEnd[fallback]
                queue.append(child)
            }
        }
        for place in next.indices where isEnd[Int(next[place])] { next[place] = hit }
        return next
    }
}
