@testable import Net
import TestSupport

/// A loop that runs on the calling thread until a test has what it waits for.
final class LoopRun {
    let loop = UnsafeMutablePointer<EventLoop>.allocate(capacity: 1)
    /// Ends the wait of a turn that nothing else would end.
    private let limit = UnsafeMutablePointer<TimerNode>.allocate(capacity: 1)

    init() throws {
        loop.initialize(to: try EventLoop())
        limit.initialize(to: TimerNode())
    }

    deinit {
        loop.deinitialize(count: 1)
        loop.deallocate()
        limit.deallocate()
    }

    /// Runs turns until `isDone`.
    func run(until what: String, _ isDone: () -> Bool) throws {
        let end = loop.pointee.now + UInt64(Patience.seconds) * 1_000_000_000
        loop.pointee.timers.set(limit, at: end)
        defer { loop.pointee.timers.remove(limit) }
        while !isDone() {
            guard loop.pointee.now < end else { throw DeadlinePassed(description: "waited for \(what)") }
            loop.turn()
        }
    }

    /// Lets the loop's clock move on.
    func run(milliseconds: UInt64) throws {
        let end = loop.pointee.now + milliseconds * 1_000_000
        let timer = UnsafeMutablePointer<TimerNode>.allocate(capacity: 1)
        timer.initialize(to: TimerNode())
        loop.pointee.timers.set(timer, at: end)
        try run(until: "\(milliseconds) ms to pass") { loop.pointee.now >= end }
        loop.pointee.timers.remove(timer)
        timer.deallocate()
    }
}
