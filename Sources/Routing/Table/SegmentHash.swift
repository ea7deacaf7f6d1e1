internal import Bytes

/// Hashes of the path table: a chain from the root of a scope down, one step per segment.
///
/// Multiplied into 128 bits and folded, from a start that differs between processes: authors of routes cannot choose paths
/// that fall together.
struct SegmentHash {
    private(set) var value: UInt64

    /// The start for a process.
    static let seed = UInt64.random(in: .min ... .max)

    init(seed: UInt64 = SegmentHash.seed) { value = seed }

    /// What the table stores and looks up by.
    var entryHash: UInt32 { UInt32(truncatingIfNeeded: value >> 32) }

    @inline(__always)
    private static func mix(_ left: UInt64, _ right: UInt64) -> UInt64 {
        let (high, low) = left.multipliedFullWidth(by: right)
        return high ^ low
    }

    @inline(__always)
    func adding(_ word: UInt64) -> SegmentHash {
        var next = self
        next.value = Self.mix(value ^ 0xA076_1D64_78BD_642F, word ^ 0xE703_7ED1_A0B4_28DB)
        return next
    }

    /// One step down by a segment; hashes of segments do not depend on where they stand, so a walk's steps overlap.
    ///
    /// - Parameter seed: that of the process; who has it at hand saves the question whether it was made yet.
    @inline(__always)
    func adding(_ segment: BorrowedBytes, _ seed: UInt64 = SegmentHash.seed) -> SegmentHash { adding(Self.hash(segment, seed)) }

    @inline(__always)
    static func hash(_ bytes: BorrowedBytes, _ seed: UInt64 = SegmentHash.seed) -> UInt64 {
        var hash = seed
        guard let start = bytes.baseAddress else { return last(hash, 0, 0) }
        var offset = 0
        while offset + 8 <= bytes.count {
            hash = whole(hash, start.loadUnaligned(fromByteOffset: offset, as: UInt64.self).littleEndian)
            offset += 8
        }
        return last(hash, bytes.end(from: offset), bytes.count)
    }

    /// Eight bytes more of a text that is being hashed, the first one lowest.
    @inline(__always)
    static func whole(_ hash: UInt64, _ word: UInt64) -> UInt64 {
        mix(hash ^ 0x8EBC_6AF0_9C88_C6E3, word ^ 0x5899_65CC_7537_4CC3)
    }

    /// The text's last bytes, less than eight, with zeros above them.
    ///
    /// - Parameter count: of the whole text, so that zeros in it are not taken for its end.
    @inline(__always)
    static func last(_ hash: UInt64, _ word: UInt64, _ count: Int) -> UInt64 {
        mix(hash ^ 0x1D8E_4E27_C47D_124F ^ UInt64(truncatingIfNeeded: count), word ^ 0xA076_1D64_78BD_642F)
    }
}

extension BorrowedBytes {
    /// The bytes from `offset` on, at most seven, as a word with zeros above them; nothing beyond the end is read.
    @inline(__always)
    func end(from offset: Int) -> UInt64 {
        let left = count &- offset
        assert(left >= 0 && left < 8)
        guard let base = baseAddress, left > 0 else { return 0 }
        // Those that came before are shifted out.
        if count >= 8 { return base.loadUnaligned(fromByteOffset: count &- 8, as: UInt64.self).littleEndian &>> UInt64(truncatingIfNeeded: 8 &* (8 &- left)) }
        let start = base + offset
        if left >= 4 {
            let low = UInt64(start.loadUnaligned(as: UInt32.self).littleEndian)
            let high = UInt64(start.loadUnaligned(fromByteOffset: left &- 4, as: UInt32.self).littleEndian)
            return low | high &<< UInt64(truncatingIfNeeded: 8 &* (left &- 4))
        }
        let middle = left / 2, top = left &- 1
        return UInt64(start.load(as: UInt8.self)) | UInt64(start.load(fromByteOffset: middle, as: UInt8.self)) &<< UInt64(truncatingIfNeeded: 8 &* middle)
            | UInt64(start.load(fromByteOffset: top, as: UInt8.self)) &<< UInt64(truncatingIfNeeded: 8 &* top)
    }
}
