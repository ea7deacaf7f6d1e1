/// The endpoints a pick may still choose, as a set of positions in memory that the pick lends.
///
/// Every step that leaves endpoints out is undone as a whole if it would leave none (routing.md §11: fail open), so
/// the set is never empty.
struct Candidates {
    /// Positions from 0 to this, the balancer's endpoints.
    let total: Int
    private(set) var count: Int
    /// One bit per position; nil while all are in, as in nearly all picks. One of the halves of `scratch`.
    private var words: UnsafeMutablePointer<UInt64>?
    private let scratch: UnsafeMutablePointer<UInt64>?

    /// All of `total` endpoints, never to be narrowed.
    init(total: Int) {
        self.total = total
        count = total
        scratch = nil
    }

    /// All of `total` endpoints.
    ///
    /// - Parameter scratch: uninitialised memory of `scratchWords(total)` words, the set's while it lives.
    init(total: Int, scratch: UnsafeMutablePointer<UInt64>) {
        self.total = total
        count = total
        self.scratch = scratch
    }

    static func scratchWords(_ total: Int) -> Int { 2 * wordCount(total) }

    private static func wordCount(_ total: Int) -> Int { (total + 63) / 64 }

    func contains(_ position: Int) -> Bool {
        guard let words else { return true }
        return words[position / 64] >> UInt64(position % 64) & 1 != 0
    }

    /// The first position in the set at or after this one.
    func next(from position: Int) -> Int? {
        guard let words else { return position < total ? position : nil }
        guard position < total else { return nil }
        var index = position / 64
        var word = words[index] & (~0 << UInt64(position % 64))
        while word == 0 {
            index += 1
            guard index < Candidates.wordCount(total) else { return nil }
            word = words[index]
        }
        return index * 64 + word.trailingZeroBitCount
    }

    /// The position that `ordinal` others of the set precede.
    ///
    /// - Precondition: `ordinal < count`.
    func nth(_ ordinal: Int) -> Int {
        precondition(ordinal < count)
        guard let words else { return ordinal }
        var left = ordinal
        var index = 0
        while left >= words[index].nonzeroBitCount {
            left -= words[index].nonzeroBitCount
            index += 1
        }
        var word = words[index]
        for _ in 0..<left { word &= word - 1 }
        return index * 64 + word.trailingZeroBitCount
    }

    @inline(__always)
    func forEach(_ body: (Int) -> Void) {
        var next = next(from: 0)
        while let position = next {
            body(position)
            next = self.next(from: position + 1)
        }
    }

    /// Leaves out the endpoints that `keeps` denies, unless they are all or more than `removedMax`.
    ///
    /// - Returns: how many were left out; 0 if it was undone.
    @discardableResult
    @inline(__always)
    mutating func narrow(removedMax: Int = .max, _ keeps: (Int) -> Bool) -> Int {
        guard let scratch else { preconditionFailure("candidates without memory cannot be narrowed") }
        let target = words == scratch ? scratch + Candidates.wordCount(total) : scratch
        target.update(repeating: 0, count: Candidates.wordCount(total))
        var kept = 0
        forEach { position in
            guard keeps(position) else { return }
            target[position / 64] |= 1 << UInt64(position % 64)
            kept += 1
        }
        let removed = count - kept
        guard removed > 0, kept > 0, removed <= removedMax else { return 0 }
        words = target
        count = kept
        return removed
    }

    /// Takes all endpoints in again.
    mutating func reset() {
        words = nil
        count = total
    }
}
