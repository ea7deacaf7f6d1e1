internal import Bytes

/// The filters that wait, `backendLatency`, `latency` and the random ones.
final class LatencyFilter: Filter, @unchecked Sendable {
    enum Phase: Sendable {
        case request
        case response
        /// The head goes out at once, the body's first byte after the wait.
        case responseBody
    }

    private let phase: Phase
    private let distribution: LatencyDistribution

    init(_ phase: Phase, _ distribution: LatencyDistribution) {
        self.phase = phase
        self.distribution = distribution
    }

    override func request(_ context: FilterContext) -> FilterAction {
        phase == .request ? .delay(distribution.draw(context.services)) : .next
    }

    override func response(_ context: FilterContext) -> FilterAction {
        guard phase != .request else { return .next }
        let nanoseconds = distribution.draw(context.services)
        guard phase == .responseBody, context.hasResponseBody else { return .delay(nanoseconds) }
        context.transformResponseBody(DelayedBody(nanoseconds: nanoseconds, context.services))
        return .next
    }
}

/// Lets a body pass after a wait, which begins when its first bytes are there.
final class DelayedBody: BodyTransform {
    private let nanoseconds: UInt64
    private let services: FilterServices
    private var due: UInt64?

    init(nanoseconds: UInt64, _ services: FilterServices) {
        self.nanoseconds = nanoseconds
        self.services = services
    }

    var lengthChange: Int? { 0 }

    func transform(_ input: BorrowedBytes, isLast: Bool, limit: Int, into output: inout ByteBuffer) -> BodyTransformation {
        let due = due ?? services.now + nanoseconds
        self.due = due
        if services.now < due { return .paused(0, due - services.now) }
        let count = min(input.count, max(0, limit - output.count))
        output.append(input.slice(0, count))
        return .consumed(count, isFlushed: count == input.count)
    }
}

// MARK: - Arguments

extension LatencyDistribution {
    private static let millisecond: UInt64 = 1_000_000

    static func fixed(_ reader: ArgumentReader) throws(FilterArgumentError) -> LatencyDistribution {
        .fixed(try reader.duration(0, numbersAre: millisecond))
    }

    static func uniform(_ reader: ArgumentReader) throws(FilterArgumentError) -> LatencyDistribution {
        .uniform(mean: try reader.duration(0, numbersAre: millisecond), delta: try reader.duration(1, numbersAre: millisecond))
    }

    static func normal(_ reader: ArgumentReader) throws(FilterArgumentError) -> LatencyDistribution {
        .normal(mean: try reader.duration(0, numbersAre: millisecond), deviation: try reader.duration(1, numbersAre: millisecond))
    }

    static func histogram(_ reader: ArgumentReader) throws(FilterArgumentError) -> LatencyDistribution {
        guard reader.count % 2 == 1 else { throw FilterArgumentError("a histogram ends with a duration, found an even number of arguments") }
        var bounds = [try reader.duration(0)]
        var weights: [Double] = []
        for position in stride(from: 1, to: reader.count, by: 2) {
            let weight = try reader.number(position)
            guard weight >= 0 else { throw reader.refusal(position, "a weight, not negative") }
            let bound = try reader.duration(position + 1)
            guard bound > bounds.last! else { throw reader.refusal(position + 1, "a longer duration than the one before") }
            weights.append(weight)
            bounds.append(bound)
        }
        guard weights.contains(where: { $0 > 0 }) else { throw FilterArgumentError("at least one weight of a histogram must be above 0") }
        return .histogram(bounds: bounds, weights: weights)
    }
}
