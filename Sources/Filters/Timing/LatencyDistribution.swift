internal import Glibc

/// How long a diagnostic filter waits, drawn anew for each exchange. Nanoseconds; what is drawn below 0 counts as 0.
enum LatencyDistribution: Sendable {
    case fixed(UInt64)
    /// Evenly in mean ± delta.
    case uniform(mean: UInt64, delta: UInt64)
    case normal(mean: UInt64, deviation: UInt64)
    /// Evenly within one of the buckets between neighbouring bounds, chosen by weight.
    case histogram(bounds: [UInt64], weights: [Double])

    func draw(_ services: FilterServices) -> UInt64 {
        switch self {
        case .fixed(let nanoseconds): return nanoseconds
        case .uniform(let mean, let delta):
            return LatencyDistribution.nanoseconds(Double(mean) + (2 * services.randomUnit() - 1) * Double(delta))
        case .normal(let mean, let deviation):
            return LatencyDistribution.nanoseconds(Double(mean) + LatencyDistribution.normal(services) * Double(deviation))
        case .histogram(let bounds, let weights):
            let bucket = LatencyDistribution.bucket(weights, services)
            let width = Double(bounds[bucket + 1] - bounds[bucket])
            return bounds[bucket] + UInt64(services.randomUnit() * width)
        }
    }

    /// Standard normal, by Box and Muller.
    private static func normal(_ services: FilterServices) -> Double {
        // 1 - u is never 0, whose logarithm would be infinite.
        let radius = (-2 * log(1 - services.randomUnit())).squareRoot()
        return radius * cos(2 * .pi * services.randomUnit())
    }

    private static func bucket(_ weights: [Double], _ services: FilterServices) -> Int {
        var rest = services.randomUnit() * weights.reduce(0, +)
        for (index, weight) in weights.enumerated() {
            if rest < weight { return index }
            rest -= weight
        }
        // Rounding may leave a rest; an empty last bucket is still never drawn.
        return weights.lastIndex { $0 > 0 } ?? 0
    }

    private static func nanoseconds(_ value: Double) -> UInt64 { UInt64(max(0, min(value, Double(Int64.max / 2)))) }
}
