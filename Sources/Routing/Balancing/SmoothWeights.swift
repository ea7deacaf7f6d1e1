internal import Synchronization

/// Smooth weighted round robin: turns come in proportion to the weights and evenly spread.
///
/// At each turn every candidate gains its weight, the one with most is taken and pays what all gained. Workers work
/// on shards of their own, so that they hardly meet at a lock; each shard keeps the proportions, thus all do.
struct SmoothWeights: Sendable {
    /// More would cost memory per route and gain nothing on the machines at hand.
    static let shardCount = 8
    /// A weight of 1; weights are whole multiples of its inverse, so that sums stay exact.
    static let one: Int64 = 1 << 20

    private final class Shard: Sendable {
        let credits: Mutex<[Int64]>

        init(_ credits: [Int64]) { self.credits = Mutex(credits) }
    }

    private let shards: [Shard]

    /// - Parameter start: which endpoint has the first turn when weights are equal; each shard takes another one.
    init(count: Int, start: UInt) {
        shards = (0..<UInt(SmoothWeights.shardCount)).map { shard in
            let first = Int((start &+ shard &* 0x9E37_79B9) % UInt(count))
            // Head starts below one weight only decide who of equals comes first.
            return Shard((0..<count).map { -Int64(($0 + count - first) % count) })
        }
    }

    /// Takes the next turn among the candidates.
    ///
    /// - Parameters:
    ///   - worker: any number that differs between workers.
    ///   - weight: above 0 and at most 1.
    /// - Complexity: O(candidates) under the shard's lock.
    @inline(__always)
    func next(among candidates: Candidates, worker: UInt, weight: (Int) -> Double) -> Int {
        let shard = shards[Int((worker &* 0x9E37_79B9_7F4A_7C15) >> 61)]
        return shard.credits.withLock { credits in
            credits.withUnsafeMutableBufferPointer { SmoothWeights.turn(among: candidates, $0, weight) }
        }
    }

    @inline(__always)
    private static func turn(
        among candidates: Candidates, _ credits: UnsafeMutableBufferPointer<Int64>, _ weight: (Int) -> Double
    ) -> Int {
        var best = candidates.nth(0)
        var gained: Int64 = 0
        candidates.forEach { position in
            let gain = max(1, Int64(weight(position) * Double(one)))
            credits[position] += gain
            gained += gain
            if credits[position] > credits[best] { best = position }
        }
        credits[best] -= gained
        return best
    }
}
