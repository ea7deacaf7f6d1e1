internal import Net

/// A timer of the control loop that calls a closure.
final class LoopTimer {
    private let loop: UnsafeMutablePointer<EventLoop>
    private let node: UnsafeMutablePointer<TimerNode>
    private let action: () -> Void

    init(_ loop: UnsafeMutablePointer<EventLoop>, _ action: @escaping () -> Void) {
        self.loop = loop
        self.action = action
        node = .allocate(capacity: 1)
        node.initialize(to: TimerNode())
        node.pointee.owner = Unmanaged.passUnretained(self).toOpaque()
        node.pointee.expired = { Unmanaged<LoopTimer>.fromOpaque($0).takeUnretainedValue().expired() }
    }

    deinit {
        loop.pointee.timers.remove(node)
        node.deallocate()
    }

    var isSet: Bool { node.pointee.isSet }

    /// Sets or moves the timer, nanoseconds from now.
    func set(after delay: UInt64) {
        loop.pointee.timers.set(node, at: loop.pointee.now + delay)
    }

    func cancel() { loop.pointee.timers.cancel(node) }

    private func expired() { withExtendedLifetime(self) { action() } }
}
