internal import Bytes

/// A segment of a request's path: where it ends, and the hash of the node that the path leads to with it.
struct PathStep: BitwiseCopyable {
    let end: Int
    let hash: SegmentHash
}

extension PathStep {
    /// Steps that are found out at once; few paths have more segments, and those are hashed as the walk goes on.
    static var countMax: Int { 8 }

    /// Hashes the segments of a path from its first slash on.
    ///
    /// Hashes come from the path alone, so the table's lines are fetched while others are still compared.
    /// - Parameters:
    ///   - fetching: the table, if it is too large for the processor's caches.
    ///   - host: the number that the host probably has; nil if it has no entries of its own at nodes.
    /// - Returns: the number of steps.
    @inline(__always)
    static func read(
        _ path: BorrowedBytes, _ root: SegmentHash, _ seed: UInt64, to steps: UnsafeMutableBufferPointer<PathStep>, fetching: PagedTable<TableSlot>.View?,
        host: UInt32?
    ) -> Int {
        var hash = root
        if let fetching, let host { fetching.prefetch(TableHash.hostRoutes(hash.entryHash, host, seed)) }
        var start = 1
        var count = 0
        while start < path.count, count < countMax {
            let end = path.endOfSegment(from: start)
            hash = hash.adding(path.part(start, end), seed)
            if let fetching {
                fetching.prefetch(hash.entryHash)
                if let host { fetching.prefetch(TableHash.hostRoutes(hash.entryHash, host, seed)) }
            }
            steps.initializeElement(at: count, to: PathStep(end: end, hash: hash))
            count += 1
            start = end + 1
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
        guard let base = baseAddress, count >= 8 else { return endOfShortSegment(from: start) }
        var offset = start
        while offset + 8 <= count {
            let slashes = Self.slashes(base.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
            if slashes != 0 { return offset + slashes.trailingZeroBitCount / 8 }
            offset += 8
        }
        if offset >= count { return count }
        // The last eight bytes, those that were seen shifted out.
        let word = base.loadUnaligned(fromByteOffset: count - 8, as: UInt64.self).littleEndian >> UInt64(8 * (8 - (count - offset)))
        let slashes = Self.slashes(word)
        return slashes == 0 ? count : offset + slashes.trailingZeroBitCount / 8
    }

    private func endOfShortSegment(from start: Int) -> Int {
        var offset = start
        while offset < count, self[offset] != UInt8(ascii: "/") { offset += 1 }
        return offset
    }

    /// The high bit of each byte that is a slash, as far as the first one.
    @inline(__always)
    private static func slashes(_ word: UInt64) -> UInt64 {
        let differences = word.littleEndian ^ 0x2F2F_2F2F_2F2F_2F2F
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
