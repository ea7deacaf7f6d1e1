internal import Glibc

/// A route's `fadeIn`: an endpoint of age `a` below `duration` stays in a pick with probability
/// `(a / duration)^exponent`, by one draw for all endpoints of the pick.
struct FadeIn: Sendable {
    private let duration: UInt64
    private let inverseExponent: Double

    /// - Returns: nil if the figures say that nothing fades: `x^0` and any power below are at least 1.
    init?(duration: UInt64, exponent: Double) {
        guard duration > 0, exponent > 0 else { return nil }
        self.duration = duration
        inverseExponent = 1 / exponent
    }

    /// Whether some endpoint may be too young for its full share.
    func isActive(now: UInt64, _ list: EndpointList, _ registry: EndpointRegistry) -> Bool {
        let start = list.youngestStart(registry)
        return now < start || now - start < duration
    }

    /// The age above which a pick keeps an endpoint: `draw < (a / d)^e` turned round, so that a pick takes one power.
    ///
    /// - Parameter draw: uniform in 0..<1.
    func ageMin(draw: Double) -> UInt64 {
        let share = inverseExponent == 1 ? draw : pow(draw, inverseExponent)
        return min(UInt64(share * Double(duration)), duration - 1)
    }
}
