public import Logging
internal import Synchronization

/// A logger for messages that an attacker, a broken upstream or a loop can repeat without end.
///
/// The first message of a key is logged at once; those that follow within the interval are counted, and the next one logged says
/// how many were left out (`repeated`). Keys are bounded: the one seen longest ago gives way.
public final class ThrottledLog: Sendable {
    private let logger: Logger
    private let throttle: Mutex<LogThrottle>

    public init(_ logger: Logger, interval: Duration = .seconds(10)) {
        self.logger = logger
        let (seconds, attoseconds) = interval.components
        throttle = Mutex(LogThrottle(interval: UInt64(seconds) * 1_000_000_000 + UInt64(attoseconds / 1_000_000_000)))
    }

    /// Logs a message that filters were asked to write; never left out.
    public func info(_ message: String) { logger.info("\(message)") }

    /// Logs an error, or counts it; for callers that know no logging.
    public func error(key: String, now: UInt64, _ message: @autoclosure () -> String) {
        log(level: .error, key: key, now: now, "\(message())")
    }

    /// Logs what an operator may want to know, or counts it.
    public func info(key: String, now: UInt64, _ message: @autoclosure () -> String) {
        log(level: .info, key: key, now: now, "\(message())")
    }

    /// Logs the message, or counts it.
    ///
    /// - Parameters:
    ///   - key: what counts as the same message: its kind and the object it is about, chosen by us or the configuration.
    ///   - now: monotonic, nanoseconds.
    ///   - message: evaluated only if it is logged.
    public func log(
        level: Logger.Level, key: String, now: UInt64, metadata: @autoclosure () -> Logger.Metadata = [:],
        _ message: @autoclosure () -> Logger.Message
    ) {
        guard level >= logger.logLevel, let repeated = throttle.withLock({ $0.admit(key, now: now) }) else { return }
        var fields = metadata()
        if repeated > 0 { fields["repeated"] = "\(repeated)" }
        logger.log(level: level, message(), metadata: fields)
    }
}

/// Decides which of equal events are told.
struct LogThrottle: Sendable {
    private struct Entry {
        var toldAt: UInt64
        var seenAt: UInt64
        var untoldCount = 0
    }

    let interval: UInt64
    private var entries: [String: Entry] = [:]

    init(interval: UInt64) { self.interval = interval }

    /// How many were left out since the last that was told; nil if this one is left out too.
    mutating func admit(_ key: String, now: UInt64) -> Int? {
        guard var entry = entries[key] else {
            if entries.count >= TelemetryLimits.throttledKeysMax { forgetOldest() }
            entries[key] = Entry(toldAt: now, seenAt: now)
            return 0
        }
        entry.seenAt = now
        defer { entries[key] = entry }
        guard now >= entry.toldAt + interval else {
            entry.untoldCount += 1
            return nil
        }
        defer { entry.untoldCount = 0 }
        entry.toldAt = now
        return entry.untoldCount
    }

    private mutating func forgetOldest() {
        guard let oldest = entries.min(by: { $0.value.seenAt < $1.value.seenAt }) else { return }
        entries[oldest.key] = nil
    }
}
