internal import Synchronization

/// Smooth weighted round robin: turns come in proportion to the weights and evenly spread.
///
/// At each turn every candidate gains its weight, the one with most is taken and pays what all gained. All workers take
/// turns of one sequence: the lock is held for some ten nanoseconds per endpoint.
final class SmoothWeights: Sendable {
    /// A weight of 1; weights are whole multiples of its inverse, so that sums stay exact.
    static let one: Int64 = 1 << 20

    private struct State {
        /// The list that `credits` stand for, by position; 0 before the first turn.
        var list: UInt64 = 0
        var credits: [Int64] = []
        /// Whose they are: compared, never followed.
        var owners: [UnsafeRawPointer] = []
        let start: UInt
    }

    private let state: Mutex<State>

    /// - Parameter start: which endpoint has the first turn when weights are equal.
    init(start: UInt) { state = Mutex(State(start: start)) }

    /// Takes the next turn among the candidates.
    ///
    /// - Parameter weight: above 0 and at most 1.
    /// - Complexity: O(candidates) under the lock; the first turn of a list brings its endpoints' credits from the former one.
    func next(of list: EndpointList, among candidates: Candidates, weight: (Int) -> Double) -> Int {
        state.withLock { state in
            if state.list != list.number { SmoothWeights.adopt(list, &state) }
            return state.credits.withUnsafeMutableBufferPointer { SmoothWeights.turn(among: candidates, $0, weight) }
        }
    }

    private static func adopt(_ list: EndpointList, _ state: inout State) {
        let owners = list.table.map { UnsafeRawPointer($0.toOpaque()) }
        if state.list == 0 {
            let count = owners.count, first = Int(state.start % UInt(max(1, count)))
            // Head starts below one weight only decide who of equals comes first.
            state.credits = (0..<count).map { -Int64(($0 + count - first) % count) }
        } else {
            var known: [UnsafeRawPointer: Int64] = [:]
            for (owner, credit) in zip(state.owners, state.credits) { known[owner] = credit }
            // An endpoint that is listed twice takes its credit once.
            state.credits = owners.map { known.removeValue(forKey: $0) ?? 0 }
        }
        state.owners = owners
        state.list = list.number
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
