import Synchronization

/// Counts across threads.
public final class Counter: Sendable {
    private let count = Mutex(0)

    public init() {}

    public var value: Int { count.withLock { $0 } }

    /// The count before this call.
    @discardableResult
    public func next() -> Int {
        count.withLock {
            $0 += 1
            return $0 - 1
        }
    }
}
