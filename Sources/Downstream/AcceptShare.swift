import Bytes
import Synchronization

/// How the workers of one process share a listening socket.
///
/// All wait for its connections, and the kernel wakes one of those that are idle, the same one while it keeps up: under a
/// light load one worker, the leader, serves everything with warm pools to the upstreams, and the others join in as it gets
/// busy. A leader with few connections that was merely awake at the wrong moment is asked first: whoever was woken in its
/// place accepts only what is still there after `Limits.acceptDeferredNanoseconds`. Long connections could gather at one
/// worker that way; so one that has clearly more than the least loaded steps back for a while, but never the last that waits.
public final class AcceptShare: @unchecked Sendable {
    // Unchecked: the counts are atomics at a fixed address.
    private let counts: UnsafeMutablePointer<Atomic<Int>>
    private let workerCount: Int
    private let waiting = Atomic<Int>(0)

    /// Has the leader look at the socket.
    private let leader = Mutex<(@Sendable () -> Void)?>(nil)

    /// Whose counts these are, if not this one's.
    private let owner: AcceptShare?

    public init(workerCount: Int) {
        self.workerCount = workerCount
        owner = nil
        counts = .allocate(capacity: workerCount)
        for index in 0..<workerCount { (counts + index).initialize(to: Atomic(0)) }
    }

    /// For a further socket of the same workers, whose connections are counted together.
    public init(countsOf owner: AcceptShare) {
        self.owner = owner
        workerCount = owner.workerCount
        counts = owner.counts
    }

    deinit {
        guard owner == nil else { return }
        counts.deinitialize(count: workerCount)
        counts.deallocate()
    }

    func setConnections(_ count: Int, of worker: Int) { (counts + worker).pointee.store(count, ordering: .relaxed) }

    /// Whether this worker has an eighth more connections than the least loaded one, and at least 16.
    func isAhead(_ worker: Int) -> Bool {
        var least = Int.max
        for index in 0..<workerCount { least = min(least, (counts + index).pointee.load(ordering: .relaxed)) }
        return (counts + worker).pointee.load(ordering: .relaxed) > least + max(16, least / 8)
    }

    func setLeader(_ ask: (@Sendable () -> Void)?) { leader.withLock { $0 = ask } }

    /// - Returns: false if the worker that was woken should not wait for the leader.
    func asksLeader(insteadOf worker: Int) -> Bool {
        guard worker != 0, counts.pointee.load(ordering: .relaxed) < Limits.connectionsOfLeader, let ask = leader.withLock({ $0 }) else { return false }
        ask()
        return true
    }

    func joined() { waiting.wrappingAdd(1, ordering: .relaxed) }

    /// - Returns: false for the last worker that waits, which has to stay.
    func mayLeave() -> Bool {
        while true {
            let count = waiting.load(ordering: .relaxed)
            if count <= 1 { return false }
            if waiting.compareExchange(expected: count, desired: count - 1, ordering: .relaxed).exchanged { return true }
        }
    }
}
