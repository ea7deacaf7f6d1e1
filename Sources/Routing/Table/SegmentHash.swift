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
        guard let start = bytes.baseAddress else { return 0x2545_F491_4F6C_DD1D }
        var hash = seed ^ UInt64(truncatingIfNeeded: bytes.count)
        var offset = 0
        while offset + 8 <= bytes.count {
            hash = mix(hash ^ 0x8EBC_6AF0_9C88_C6E3, start.loadUnaligned(fromByteOffset: offset, as: UInt64.self) ^ 0x5899_65CC_7537_4CC3)
            offset += 8
        }
        return mix(hash ^ 0x1D8E_4E27_C47D_124F, tail(start + offset, bytes.count - offset) ^ 0xA076_1D64_78BD_642F)
    }

    /// Up to seven bytes as a word, by two overlapping loads where they are long enough.
    @inline(__always)
    private static func tail(_ start: UnsafeRawPointer, _ count: Int) -> UInt64 {
        if count >= 4 {
            let low = UInt64(start.loadUnaligned(as: UInt32.self))
            let high = UInt64(start.loadUnaligned(fromByteOffset: count - 4, as: UInt32.self))
            return low | high << 32
        }
        if count == 0 { return 0 }
        let first = UInt64(start.load(as: UInt8.self)), middle = UInt64(start.load(fromByteOffset: count / 2, as: UInt8.self))
        let last = UInt64(start.load(fromByteOffset: count - 1, as: UInt8.self))
        return first | middle << 8 | last << 16
    }
}
