import Crypto
import Testing

@Suite("Random words")
struct RandomnessTests {
    @Test func isXoshiro256StarStarOverSplitMix64() {
        // The first words of both authors' reference programs, seeded with 0.
        var random = Randomness(seed: 0)
        #expect([random.next(), random.next(), random.next()] == [0x99ec_5f36_cb75_f2b4, 0xbf6e_1f78_4956_452a, 0x1a5f_849d_4933_e6e0])
    }

    @Test func equalSeedsGiveEqualSequences() {
        var first = Randomness(seed: 42)
        var second = Randomness(seed: 42)
        var third = Randomness(seed: 43)
        let words = (0..<100).map { _ in first.next() }
        #expect(words == (0..<100).map { _ in second.next() })
        #expect(words != (0..<100).map { _ in third.next() })
    }

    @Test("stays below the bound and reaches every number", arguments: [1, 2, 3, 7, 100])
    func below(bound: Int) {
        var random = Randomness(seed: UInt64(bound))
        let numbers = Set((0..<(bound * 50)).map { _ in random.next(below: bound) })
        #expect(numbers == Set(0..<bound))
    }

    @Test func unitIsBelowOne() {
        var random = Randomness(seed: 7)
        let units = (0..<10_000).map { _ in random.nextUnit() }
        #expect(units.allSatisfy { $0 >= 0 && $0 < 1 })
        #expect((4800...5200).contains(units.count { $0 < 0.5 }))
    }

    @Test("fills every byte", arguments: [0, 1, 255, 256, 257, 1000])
    func secureBytes(count: Int) {
        // Sixteen draws leave a byte zero every time with probability 2^-128.
        let union = (0..<16).map { _ in SecureRandom.bytes(count) }.reduce([UInt8](repeating: 0, count: count)) { zip($0, $1).map { $0 | $1 } }
        #expect(union.count == count)
        #expect(!union.contains(0))
    }
}
