internal import Synchronization

/// `-passive-health-check`: endpoints that fail are left out of a share of the picks (routing.md §11).
public struct PassiveHealth: Sendable, Equatable {
    /// Requests are judged over windows of this length, nanoseconds.
    public var period: UInt64
    /// Windows with no more requests than this say nothing.
    public var requestsMin: Int
    /// The share of failures up to which an endpoint counts as healthy.
    public var dropProbabilityMin: Double
    /// No endpoint is left out of a larger share of the picks, so that its recovery shows.
    public var dropProbabilityMax: Double
    /// A pick that would leave out more than this share of the endpoints uses all of them.
    public var unhealthyRatioMax: Double

    /// - Precondition: `period` above 0, shares within 0...1, the probability's minimum below its maximum.
    public init(
        period: UInt64, requestsMin: Int, dropProbabilityMax: Double, dropProbabilityMin: Double = 0, unhealthyRatioMax: Double = 1
    ) {
        self.period = period
        self.requestsMin = requestsMin
        self.dropProbabilityMin = dropProbabilityMin
        self.dropProbabilityMax = dropProbabilityMax
        self.unhealthyRatioMax = unhealthyRatioMax
    }

    /// What a window's counts mean for the picks of the next one.
    func dropProbability(requests: Int, failures: Int) -> Double {
        guard requests > requestsMin, requests > 0 else { return 0 }
        let ratio = Double(failures) / Double(requests)
        return ratio > dropProbabilityMin ? min(ratio, dropProbabilityMax) : 0
    }

    /// How many of `count` endpoints a pick may leave out; 0.29 of 100 are 29, whatever binary fractions say.
    func removedMax(of count: Int) -> Int { Int(Double(count) * unhealthyRatioMax + 1e-9) }
}

// MARK: - Counting

/// The rules by which all endpoints of a registry are judged, and what came of it.
public final class HealthJudge: Sendable {
    public let options: PassiveHealth
    private let dropped = Atomic<UInt64>(0)
    private let passed = Atomic<UInt64>(0)

    init(_ options: PassiveHealth) { self.options = options }

    /// Endpoints left out of picks, each time one was.
    public var endpointsDropped: UInt64 { dropped.load(ordering: .relaxed) }
    /// Picks made among the endpoints that remained.
    public var requestsPassed: UInt64 { passed.load(ordering: .relaxed) }

    func addPick(leavingOut count: Int) {
        dropped.wrappingAdd(UInt64(count), ordering: .relaxed)
        passed.wrappingAdd(1, ordering: .relaxed)
    }
}

/// One endpoint's requests and failures, in the running window and in the one before, by which it is judged.
///
/// Nobody owns a timer: whoever finds the window over closes it. An endpoint that got no requests for a whole
/// window counts as healthy again.
struct HealthWindow: ~Copyable, Sendable {
    /// Nanoseconds; 0 if nothing is judged.
    private let period: UInt64
    private let start: Atomic<UInt64>
    /// Requests in the upper half and failures in the lower, so that both are read at one moment.
    private let running = Atomic<UInt64>(0)
    private let closed = Atomic<UInt64>(0)

    init(now: UInt64, period: UInt64) {
        self.period = period
        start = Atomic(now)
    }

    func record(failed: Bool, now: UInt64) {
        guard period > 0 else { return }
        closeIfOver(now: now)
        running.wrappingAdd(1 << 32 | (failed ? 1 : 0), ordering: .relaxed)
    }

    @inline(__always)
    func dropProbability(now: UInt64, options: borrowing PassiveHealth) -> Double {
        closeIfOver(now: now)
        let counts = closed.load(ordering: .relaxed)
        let failures = Int(counts & 0xFFFF_FFFF)
        // Nearly all endpoints nearly always: no division for them.
        return failures == 0 ? 0 : options.dropProbability(requests: Int(counts >> 32), failures: failures)
    }

    @inline(__always)
    private func closeIfOver(now: UInt64) {
        let begin = start.load(ordering: .relaxed)
        // A worker's clock is that of its loop turn and may lag behind another's.
        if now > begin, now - begin >= period { close(begin: begin, now: now) }
    }

    private func close(begin: UInt64, now: UInt64) {
        guard start.compareExchange(expected: begin, desired: now, ordering: .relaxed).exchanged else { return }
        let counts = running.exchange(0, ordering: .relaxed)
        closed.store((now - begin) / 2 < period ? counts : 0, ordering: .relaxed)
    }
}
