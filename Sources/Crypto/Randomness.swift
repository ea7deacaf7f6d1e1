internal import Glibc

/// A fast, seeded source of random words: xoshiro256** of Blackman and Vigna (public domain).
///
/// One per worker. For balancing, sampling and jitter; whoever sees some outputs can compute the rest, so keys, tokens and
/// states come from `SecureRandom`. Equal seeds give equal sequences, which makes a simulation repeatable.
public struct Randomness: RandomNumberGenerator, Sendable {
    private var s0: UInt64
    private var s1: UInt64
    private var s2: UInt64
    private var s3: UInt64

    /// The words of state come from SplitMix64, as its authors advise: they are never all zero, and near seeds do not stay near.
    public init(seed: UInt64) {
        var state = seed
        func next() -> UInt64 {
            state &+= 0x9E37_79B9_7F4A_7C15
            var word = state
            word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
            word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
            return word ^ (word >> 31)
        }
        s0 = next()
        s1 = next()
        s2 = next()
        s3 = next()
    }

    /// Seeded by the system.
    public init() { self.init(seed: SecureRandom.word()) }

    public mutating func next() -> UInt64 {
        let result = Self.rotate(s1 &* 5, 7) &* 9
        let shifted = s1 << 17
        s2 ^= s0
        s3 ^= s1
        s1 ^= s2
        s0 ^= s3
        s2 ^= shifted
        s3 = Self.rotate(s3, 45)
        return result
    }

    /// Uniform in 0..<1, 53 bits.
    public mutating func nextUnit() -> Double { Double(next() >> 11) * 0x1p-53 }

    /// Uniform in 0..<`bound` up to a bias of `bound` / 2^64 (Lemire's multiplication).
    ///
    /// - Precondition: `bound` > 0.
    public mutating func next(below bound: Int) -> Int {
        precondition(bound > 0, "no number is below \(bound)")
        return Int(next().multipliedFullWidth(by: UInt64(bound)).high)
    }

    private static func rotate(_ word: UInt64, _ count: UInt64) -> UInt64 { word << count | word >> (64 - count) }
}

/// Random bytes for secrets, from the kernel.
public enum SecureRandom {
    /// - Complexity: one system call per 256 bytes.
    public static func fill(_ bytes: UnsafeMutableRawBufferPointer) {
        var offset = 0
        while offset < bytes.count {
            let count = min(256, bytes.count - offset)
            // getentropy fails only for a bad address or on kernels before 3.17; a guessable secret would be worse than no program.
            precondition(getentropy(bytes.baseAddress! + offset, count) == 0, "the system gives no random bytes")
            offset += count
        }
    }

    public static func word() -> UInt64 {
        var word: UInt64 = 0
        withUnsafeMutableBytes(of: &word) { fill($0) }
        return word
    }

    public static func bytes(_ count: Int) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: count) { target, initialized in
            fill(UnsafeMutableRawBufferPointer(target))
            initialized = count
        }
    }
}
