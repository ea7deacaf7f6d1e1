internal import Bytes
internal import Eskip

/// A part of a text that was replaced by another; both begin at the beginning of a route, or of the text.
struct TextHunk: Equatable {
    var oldBytes: Range<Int>
    var oldRoutes: Range<Int>
    var newBytes: Range<Int>
}

/// Finds out which routes of a text were touched, without reading the language: bytes are compared, and only around a
/// difference the routes it lies in are set apart.
///
/// Behind a difference the walk goes on where the text of a following route is found again. Whether that place is right
/// is for the parse of the hunk before it to tell (`SourceText.splice`): between routes the language has no state, so if a hunk ends
/// where a route may begin, what follows means what it meant before.
struct TextChanges {
    private(set) var hunks: [TextHunk] = []
    private var old = 0
    private var new = 0

    /// - Returns: nil if too much changed to tell it apart; the text should be read as a whole.
    static func find(from oldText: SourceText, to newText: inout some ReadableText & ~Copyable) throws(FileProblem) -> [TextHunk]? {
        var changes = TextChanges()
        while try changes.findNext(oldText, &newText) {
            if changes.hunks.count > DataClientLimits.hunksMax { return nil }
        }
        return changes.old == oldText.byteCount && changes.new == newText.count ? changes.hunks : nil
    }

    /// - Returns: whether there may be more hunks.
    private mutating func findNext(_ oldText: SourceText, _ newText: inout some ReadableText & ~Copyable) throws(FileProblem) -> Bool {
        let run = try TextChanges.commonLength(oldText, old, &newText, new)
        let difference = old + run
        if difference == oldText.byteCount, new + run == newText.count {
            old = oldText.byteCount
            new = newText.count
            return false
        }
        let touched = oldText.route(at: difference)
        let oldStart = touched.map { oldText.start(ofRoute: $0) } ?? 0
        let newStart = new + (oldStart - old)
        let firstRoute = touched ?? 0
        if let next = try TextChanges.resume(oldText, behind: touched, &newText, from: newStart) {
            let oldEnd = oldText.start(ofRoute: next.route)
            hunks.append(TextHunk(oldBytes: oldStart..<oldEnd, oldRoutes: firstRoute..<next.route, newBytes: newStart..<next.place))
            old = oldEnd
            new = next.place
            return true
        }
        let isLastRoute = (touched ?? -1) + 1 >= oldText.routeCount
        guard isLastRoute || newText.count - newStart <= DataClientLimits.restReadBytes else { return false }
        hunks.append(TextHunk(
            oldBytes: oldStart..<oldText.byteCount, oldRoutes: firstRoute..<oldText.routeCount, newBytes: newStart..<newText.count))
        old = oldText.byteCount
        new = newText.count
        return false
    }

    /// How far both texts are the same.
    private static func commonLength(
        _ oldText: SourceText, _ old: Int, _ newText: inout some ReadableText & ~Copyable, _ new: Int
    ) throws(FileProblem) -> Int {
        var length = 0
        let end = min(oldText.byteCount - old, newText.count - new)
        while length < end {
            let fresh = try newText.bytes(at: new + length, atLeast: 1)
            let (compared, same) = oldText.withBytes(at: old + length) { known in
                let count = min(known.count, fresh.count, end - length)
                return (count, known.slice(0, count).commonPrefixLength(with: fresh.slice(0, count)))
            }
            length += same
            if same < compared { break }
        }
        return length
    }

    /// Where the text of one of the next routes goes on.
    private static func resume(
        _ oldText: SourceText, behind route: Int?, _ newText: inout some ReadableText & ~Copyable, from start: Int
    ) throws(FileProblem) -> (route: Int, place: Int)? {
        let first = (route ?? -1) + 1
        for next in first..<min(first + DataClientLimits.resyncRoutes, max(first, oldText.routeCount)) {
            let pattern = oldText.beginning(ofRoute: next)
            let window = try newText.bytes(at: start, atLeast: min(DataClientLimits.resyncBytes, newText.count - start))
            let searched = window.slice(0, min(window.count, DataClientLimits.resyncBytes))
            if let place = pattern.withUnsafeBytes({ searched.firstRange(of: $0) }) { return (next, start + place) }
        }
        return nil
    }
}

extension BorrowedBytes {
    /// How many bytes at the beginning are the same; both have as many bytes.
    func commonPrefixLength(with other: BorrowedBytes) -> Int {
        var offset = 0
        while offset + 8 <= count, loadUnaligned(fromByteOffset: offset, as: UInt64.self)
            == other.loadUnaligned(fromByteOffset: offset, as: UInt64.self) { offset += 8 }
        while offset < count, self[offset] == other[offset] { offset += 1 }
        return offset
    }
}
