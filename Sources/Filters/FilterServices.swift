public import Bytes
public import Crypto

/// What filters need of the world; one per worker, called on its loop only, supplied by the proxy or by a test.
open class FilterServices {
    /// Monotonic, nanoseconds, as of this loop turn.
    open var now: UInt64 = 0
    /// Since 1970, nanoseconds, as of this loop turn.
    open var wallTime: UInt64 = 0

    /// Lent to one filter at a time, so that what it puts together needs no memory of its own.
    var scratch: [UInt8] = []

    public init() {}

    /// A uniformly distributed word; not for secrets.
    open func randomWord() -> UInt64 { UInt64.random(in: .min ... .max) }

    /// Uniform in 0..<1.
    public final func randomUnit() -> Double { Double(randomWord() >> 11) * 0x1p-53 }

    /// Calls `body` on this loop after so many nanoseconds.
    open func after(_ nanoseconds: UInt64, _ body: @escaping () -> Void) {
        preconditionFailure("this worker has no timers")
    }

    /// What the client of an exchange showed for its connection; nil without TLS or certificates.
    open func clientCertificates(_ context: FilterContext) -> PeerCertificates? { nil }

    /// Adds to a filter's own counter, shown as `skipper_custom_total{key="<filter>.custom.<key>"}`.
    open func count(_ key: String, by amount: UInt64) {}

    /// Writes a message to the application's log, level info; whatever it holds, it becomes one line there.
    open func log(_ message: String) {}

    /// Writes a whole JSON line, line feed included, to standard error (`auditLog`).
    open func audit(_ line: BorrowedBytes) {}
}
