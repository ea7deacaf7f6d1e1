internal import Synchronization

/// Where the control thread leaves the newest table and workers find it.
///
/// Workers compare one number per loop turn and take the lock only when it changed.
public final class RoutingTableSlot: Sendable {
    private let latest: Mutex<RoutingTable>
    private let counter = Atomic<UInt64>(0)

    public init(_ table: RoutingTable = .empty) { latest = Mutex(table) }

    /// Changes with every publication; one relaxed load.
    public var version: UInt64 { counter.load(ordering: .acquiring) }

    /// The newest table; takes the lock.
    public var table: RoutingTable { latest.withLock { $0 } }

    /// Control thread: from now on workers take this one at their next turn.
    public func publish(_ table: RoutingTable) {
        // The former one is let go outside of the lock: freeing a large table takes milliseconds.
        let former = latest.withLock { latest in
            defer { latest = table }
            return latest
        }
        counter.wrappingAdd(1, ordering: .releasing)
        _ = former
    }
}
