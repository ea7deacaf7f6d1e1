public import HTTP
internal import Synchronization

/// One address of load-balanced backends, with what the balancers of all its routes know of it.
///
/// There is one per origin; `EndpointRegistry` gives it out and keeps it while it has requests in flight. Picks hand it on as
/// `Unmanaged`, without reference counting: it is in the list until the turn ends, and counted from `requestStarted` on. All
/// methods may be called on any thread; they cost relaxed atomics and take no lock.
public final class Endpoint: Sendable {
    public let origin: Origin
    /// When this address was first seen, monotonic nanoseconds.
    public let detected: UInt64
    /// Where its fade-in begins: `detected`, or later by `endpointCreated`.
    private let created: Atomic<UInt64>
    private let inFlight = Atomic<Int>(0)
    private let zone = Atomic<UInt32>(0)
    private let window: HealthWindow

    init(origin: Origin, now: UInt64, health: HealthJudge?) {
        self.origin = origin
        detected = now
        created = Atomic(now)
        window = HealthWindow(now: now, period: health?.options.period ?? 0)
    }

    // MARK: Accounting

    /// Counts an attempt in; every one ends in exactly one `requestFinished`.
    public func requestStarted() { inFlight.wrappingAdd(1, ordering: .relaxed) }

    /// Counts an attempt out: at the end of the response's body, or when the attempt is given up.
    ///
    /// - Parameters:
    ///   - failed: connecting, TLS, a time limit or the connection broke; not the client's leaving, and not a status.
    ///   - now: monotonic nanoseconds.
    public func requestFinished(failed: Bool, now: UInt64) {
        let before = inFlight.wrappingSubtract(1, ordering: .relaxed).oldValue
        assert(before > 0, "\(origin) finished more requests than it started")
        window.record(failed: failed, now: now)
    }

    // MARK: Figures

    /// Attempts between `requestStarted` and `requestFinished`, over all routes and workers.
    public var requestsInFlight: Int { inFlight.load(ordering: .relaxed) }

    /// The share of picks that leave this endpoint out, 0...1.
    ///
    /// - Parameter options: those of the registry's judge, lent by the caller: a reference kept here would be counted
    ///   up and down by every worker for every endpoint of a pick.
    @inline(__always)
    func dropProbability(now: UInt64, options: borrowing PassiveHealth) -> Double {
        window.dropProbability(now: now, options: options)
    }

    /// Monotonic nanoseconds from which the age counts.
    var fadeStart: UInt64 { created.load(ordering: .relaxed) }

    /// Nanoseconds since the endpoint was detected or created; 0 if a worker's clock lags behind.
    public func age(now: UInt64) -> UInt64 {
        let start = fadeStart
        return now > start ? now - start : 0
    }

    /// Its availability zone as metrics label it; 0 if no route has named one.
    public var zoneLabel: UInt32 { zone.load(ordering: .relaxed) }

    func setZoneLabel(_ label: UInt32) { zone.store(label, ordering: .relaxed) }

    /// Moves the begin of the fade-in, never back.
    ///
    /// - Returns: whether it moved.
    func setCreated(_ time: UInt64) -> Bool {
        created.max(time, ordering: .relaxed).oldValue < time
    }
}
