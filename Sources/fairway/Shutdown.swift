import CLinux
import Glibc
import Config
import Logging
import Net
import Routing
import Synchronization

/// The end of the process, in the order that loses nothing behind a load balancer (operations.md §6): the health path
/// fails and everything is served on until the balancer has noticed; then listeners close, every response closes its
/// connection, and the process ends with the last one. A second signal, or SIGINT, ends at once.
final class Shutdown {
    private let source: UnsafeMutablePointer<SignalSource>
    private let loop: UnsafeMutablePointer<EventLoop>
    private unowned let assembly: Assembly
    private var isDraining = false

    /// The part that the loop reaches by pointer.
    private struct SignalSource {
        var event: EventSource
        let descriptor: Int32
        var timer = TimerNode()
        unowned(unsafe) let owner: Shutdown
    }

    /// From now on signals wait to be read. Must come before any thread, the log writer's among them, so that all of them have the
    /// signals blocked: one that has not would end the process by a SIGHUP.
    static func receiveSignals() -> Int32 {
        let signals = [SIGTERM, SIGINT, SIGHUP]
        return clinux_signalfd(signals, Int32(signals.count))
    }

    /// - Parameter descriptor: of the signals.
    init(_ assembly: Assembly, signals descriptor: Int32) {
        self.assembly = assembly
        loop = assembly.control
        source = .allocate(capacity: 1)
        source.initialize(to: SignalSource(
            event: EventSource { pointer, _ in pointer.assumingMemoryBound(to: SignalSource.self).pointee.owner.signalled() },
            descriptor: descriptor, owner: self))
        loop.pointee.watch(descriptor, source, for: .readable)
    }

    private func signalled() {
        while true {
            switch clinux_signalfd_read(source.pointee.descriptor) {
            case 0: return
            case SIGHUP: assembly.reload()
            case SIGTERM where !isDraining: begin()
            default: end()
            }
        }
    }

    private func begin() {
        // What is awaited before the start has not come: nobody has to turn away.
        if assembly.workers.isEmpty { return end() }
        isDraining = true
        assembly.shutdown.set()
        for worker in assembly.workers { worker.failHealth() }
        let wait = assembly.configuration.general.waitForHealthcheckInterval
        assembly.log.info("SIGTERM: the health path fails; listeners close in \(wait)")
        let timer = withUnsafeMutablePointer(to: &source.pointee.timer) { $0 }
        timer.pointee.owner = Unmanaged.passUnretained(self).toOpaque()
        timer.pointee.expired = { Unmanaged<Shutdown>.fromOpaque($0).takeUnretainedValue().drain() }
        loop.pointee.timers.set(timer, at: loop.pointee.now + wait.nanoseconds)
    }

    private func drain() {
        assembly.log.info("listeners closed; waiting for requests under way")
        let left = Countdown(assembly.workers.count)
        let mailbox = loop.pointee.mailbox
        let stop = UncheckedPointer(loop)
        for worker in assembly.workers {
            worker.drain {
                if left.reachesZero() { mailbox.send { stop.pointer.stop() } }
            }
        }
    }

    private func end() {
        loop.stop()
    }
}

private final class Countdown: Sendable {
    private let count: Atomic<Int>
    init(_ count: Int) { self.count = Atomic(count) }
    func reachesZero() -> Bool { count.wrappingSubtract(1, ordering: .acquiringAndReleasing).newValue == 0 }
}

/// A loop's address on its way through a message to that loop's own thread.
private struct UncheckedPointer: @unchecked Sendable {
    let pointer: UnsafeMutablePointer<EventLoop>
    init(_ pointer: UnsafeMutablePointer<EventLoop>) { self.pointer = pointer }
}
