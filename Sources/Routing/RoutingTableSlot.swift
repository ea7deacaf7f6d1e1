internal import Synchronization

/// Where the control thread leaves the newest table and workers find it.
///
/// Workers compare one number per loop turn and take the lock only when it changed. What routes refer to beside the table (lists of
/// endpoints) is replaced without a new table: workers see the new one at once, and the old one lives until each has begun another turn.
public final class RoutingTableSlot: Sendable {
    private struct Retired {
        let count: UInt64
        let objects: [any AnyObject & Sendable]
    }

    private let latest: Mutex<RoutingTable>
    private let counter = Atomic<UInt64>(0)
    /// Counts what was retired.
    fileprivate let retirements = Atomic<UInt64>(0)
    private let readers = Mutex<[TableReader]>([])
    /// In the order of their retirement.
    private let retired = Mutex<[Retired]>([])

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

    // MARK: Beside the table

    /// A reader for each worker, before it runs; kept by the worker, and forgotten with it.
    public func addReader() -> TableReader {
        let reader = TableReader(seen: retirements.load(ordering: .acquiring))
        readers.withLock { $0.append(reader) }
        return reader
    }

    /// Control thread: nothing leads to these any more; they are let go when no worker can be looking at them.
    public func retire(_ objects: [any AnyObject & Sendable]) {
        guard !objects.isEmpty else { return }
        let count = retirements.wrappingAdd(1, ordering: .acquiringAndReleasing).newValue
        retired.withLock { $0.append(Retired(count: count, objects: objects)) }
    }

    /// Control thread: lets go of what no worker looks at any more.
    ///
    /// - Returns: whether something is left: it waits for workers that have had no turn since and may want to be woken.
    public func reclaim() -> Bool {
        guard retired.withLock({ !$0.isEmpty }) else { return false }
        let seen = readers.withLock { readers in
            // A worker that is gone looks at nothing.
            for index in readers.indices.reversed() where isKnownUniquelyReferenced(&readers[index]) { readers.remove(at: index) }
            return readers.reduce(.max) { min($0, $1.seen.load(ordering: .acquiring)) }
        }
        let (free, isLeft) = retired.withLock { retired in
            let free = retired.prefix { $0.count <= seen }
            retired.removeFirst(free.count)
            return (Array(free), !retired.isEmpty)
        }
        _ = free
        return isLeft
    }
}

/// What one worker has seen of the replacements beside the table.
public final class TableReader: Sendable {
    fileprivate let seen: Atomic<UInt64>

    fileprivate init(seen: UInt64) { self.seen = Atomic(seen) }

    /// Worker: a turn begins, and nothing from the one before is looked at any more; two loads.
    ///
    /// - Parameter slot: the reader's.
    public func turnBegins(_ slot: RoutingTableSlot) {
        let count = slot.retirements.load(ordering: .acquiring)
        if count != seen.load(ordering: .relaxed) { seen.store(count, ordering: .releasing) }
    }
}
