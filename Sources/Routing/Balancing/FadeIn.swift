internal import Glibc
internal import Synchronization

/// A route's `fadeIn`: an endpoint of age `a` below `duration` stays in a pick with probability
/// `(a / duration)^exponent`, by one draw for all endpoints of the pick.
struct FadeIn: ~Copyable, Sendable {
    private let duration: UInt64
    private let inverseExponent: Double
    /// When the youngest endpoint is through: picks after it look at no ages.
    private let end: Atomic<UInt64>
    /// The registry's count of moved times that `end` takes into account.
    private let seenMoves: Atomic<UInt64>

    /// - Returns: nil if the figures say that nothing fades: `x^0` and any power below are at least 1.
    init?(duration: UInt64, exponent: Double) {
        guard duration > 0, exponent > 0 else { return nil }
        self.duration = duration
        inverseExponent = 1 / exponent
        end = Atomic(.max)
        seenMoves = Atomic(.max)
    }

    /// Whether some endpoint may be too young for its full share.
    func isActive(now: UInt64, endpoints: [Endpoint], registry: EndpointRegistry) -> Bool {
        let moves = registry.moveCount
        if seenMoves.load(ordering: .acquiring) != moves {
            let youngest = endpoints.reduce(0) { max($0, $1.fadeStart) }
            end.store(youngest.addingReportingOverflow(duration).overflow ? .max : youngest + duration, ordering: .relaxed)
            seenMoves.store(moves, ordering: .releasing)
        }
        return now < end.load(ordering: .relaxed)
    }

    /// The age above which a pick keeps an endpoint: `draw < (a / d)^e` turned round, so that a pick takes one power.
    ///
    /// - Parameter draw: uniform in 0..<1.
    func ageMin(draw: Double) -> UInt64 {
        let share = inverseExponent == 1 ? draw : pow(draw, inverseExponent)
        return min(UInt64(share * Double(duration)), duration - 1)
    }
}
