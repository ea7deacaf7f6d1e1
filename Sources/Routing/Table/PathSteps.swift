internal import Bytes

/// A segment of a request's path: where it ends, and the hash of the node that the path leads to with it.
struct PathStep: BitwiseCopyable {
    let end: Int
    let hash: SegmentHash
    /// The node above, once the walk was there.
    var node: UnsafePointer<TableSlot>?
}

extension PathStep {
    /// Steps that are found out at once; few paths have more segments, and those are hashed as the walk goes on.
    static var countMax: Int { 8 }

    /// Hashes the segments of a path from its first slash on, in one pass that looks for the next slash too.
    ///
    /// Hashes come from the path alone, so the table's lines can be fetched before the walk asks for them.
    ///
    /// - Parameter steps: room for as many as are wanted.
    /// - Returns: the number of steps.
    @inline(__always)
    static func read(
        _ path: BorrowedBytes, _ root: SegmentHash, _ seed: UInt64, to steps: UnsafeMutableBufferPointer<PathStep>
    ) -> Int {
        guard let base = path.baseAddress else { return 0 }
        var hash = root
        var start = 1
        var count = 0
        while start < path.count, count < steps.count {
            var text = seed
            var offset = start
            var word: UInt64
            var slashes: UInt64
            while true {
                word = offset &+ 8 <= path.count ? base.loadUnaligned(fromByteOffset: offset, as: UInt64.self).littleEndian : path.end(from: offset)
                slashes = BorrowedBytes.slashes(word)
                if slashes != 0 || offset &+ 8 > path.count { break }
                text = SegmentHash.whole(text, word)
                offset &+= 8
            }
            let end = slashes == 0 ? path.count : offset &+ slashes.trailingZeroBitCount / 8
            // Shorter than a word: the slash, or the path's end, is in it.
            word &= 1 &<< UInt64(truncatingIfNeeded: 8 &* (end &- offset)) &- 1
            hash = hash.adding(SegmentHash.last(text, word, end &- start))
            steps.initializeElement(at: count, to: PathStep(end: end, hash: hash))
            count &+= 1
            start = end &+ 1
        }
        return count
    }
}

extension BorrowedBytes {
    /// As `slice`, without a look whether the bounds lie inside: for bounds just found there.
    @inline(__always)
    func part(_ start: Int, _ end: Int) -> BorrowedBytes {
        assert(start >= 0 && start <= end && end <= count)
        return BorrowedBytes(start: baseAddress.map { $0 + start }, count: end - start)
    }

    /// The next slash at `start` or behind it, or the end; eight bytes at a time.
    @inline(__always)
    func endOfSegment(from start: Int) -> Int {
        guard let base = baseAddress else { return count }
        var offset = start
        while offset + 8 <= count {
            let slashes = Self.slashes(base.loadUnaligned(fromByteOffset: offset, as: UInt64.self).littleEndian)
            if slashes != 0 { return offset + slashes.trailingZeroBitCount / 8 }
            offset += 8
        }
        let slashes = Self.slashes(end(from: offset))
        return slashes == 0 ? count : offset + slashes.trailingZeroBitCount / 8
    }

    /// The high bit of each byte that is a slash, as far as the first one.
    @inline(__always)
    fileprivate static func slashes(_ word: UInt64) -> UInt64 {
        let differences = word ^ 0x2F2F_2F2F_2F2F_2F2F
        return (differences &- 0x0101_0101_0101_0101) & ~differences & 0x8080_8080_8080_8080
    }

    /// Whether both have the same bytes, by words that may overlap; inlined where a call would cost as much as the comparison.
    @inline(__always)
    func isSame(as other: BorrowedBytes) -> Bool {
        guard count == other.count else { return false }
        guard let left = baseAddress, let right = other.baseAddress else { return count == 0 }
        if count >= 8 {
            var offset = 0
            while offset + 8 < count {
                if left.loadUnaligned(fromByteOffset: offset, as: UInt64.self) != right.loadUnaligned(fromByteOffset: offset, as: UInt64.self) { return false }
                offset += 8
            }
            return left.loadUnaligned(fromByteOffset: count - 8, as: UInt64.self) == right.loadUnaligned(fromByteOffset: count - 8, as: UInt64.self)
        }
        if count >= 4 {
            return left.loadUnaligned(as: UInt32.self) == right.loadUnaligned(as: UInt32.self)
                && left.loadUnaligned(fromByteOffset: count - 4, as: UInt32.self) == right.loadUnaligned(fromByteOffset: count - 4, as: UInt32.self)
        }
        for offset in 0..<count where self[offset] != other[offset] { return false }
        return true
    }
}
