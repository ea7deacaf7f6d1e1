internal import Synchronization

/// Smooth weighted round robin: turns come in proportion to the weights and evenly spread.
///
/// At each turn every candidate gains its weight, the one with most is taken and pays what all gained. All workers take
/// turns of one sequence: the lock is held for some ten nanoseconds per endpoint.
final class SmoothWeights: Sendable {
    /// A weight of 1; weights are whole multiples of its inverse, so that sums stay exact.
    static let one: Int64 = 1 << 20

    private let credits: Mutex<[Int64]>

    /// - Parameter start: which endpoint has the first turn when weights are equal.
    init(count: Int, start: UInt) {
        let first = Int(start % UInt(max(1, count)))
        // Head starts below one weight only decide who of equals comes first.
        credits = Mutex((0..<count).map { -Int64(($0 + count - first) % count) })
    }

    /// Takes the next turn among the candidates.
    ///
    /// - Parameter weight: above 0 and at most 1.
    /// - Complexity: O(candidates) under the lock.
    func next(among candidates: Candidates, weight: (Int) -> Double) -> Int {
        credits.withLock { credits in
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
