import Bytes
import CLinux
import Synchronization

/// Readiness of a descriptor.
public struct Readiness: OptionSet, Sendable {
    public let rawValue: UInt32

    public init(rawValue: UInt32) { self.rawValue = rawValue }

    public static let readable = Readiness(rawValue: 0x001)
    public static let writable = Readiness(rawValue: 0x004)
    public static let error = Readiness(rawValue: 0x008)
    /// Both directions are closed: the connection is gone.
    public static let hangup = Readiness(rawValue: 0x010)
    /// The peer sends no more.
    public static let readHangup = Readiness(rawValue: 0x2000)
    /// Of several loops that wait for one descriptor, an idle one is woken.
    static let exclusive = Readiness(rawValue: 1 << 28)
    static let edgeTriggered = Readiness(rawValue: 1 << 31)
}

/// The first member of everything that is registered with a loop: whom to call. It must stay where it is while
/// registered, and until the end of the turn in which it was removed.
public struct EventSource {
    public let ready: @convention(c) (UnsafeMutableRawPointer, UInt32) -> Void
    /// The plain socket on which a message is awaited that `ready`, called for nothing but that it is readable, will take
    /// by `receive(over:for:)`; -1 otherwise.
    public var awaits: Int32 = -1

    /// - Parameter ready: called with the source's address and the `Readiness` bits.
    public init(_ ready: @escaping @convention(c) (UnsafeMutableRawPointer, UInt32) -> Void) { self.ready = ready }
}

/// One thread's epoll, timers, clock and scratch memory. Reached by pointer, so that handlers may call back into it.
///
/// A turn: wait, read the clock, hand out events, send what they gathered, run due timers and messages of other threads, then free what was
/// given up meanwhile, since an event of the same batch may still name it.
public struct EventLoop: ~Copyable {
    private let clock: LoopClock
    private let epoll: FileDescriptor
    private let wake: FileDescriptor
    private let wakeSource: UnsafeMutablePointer<EventSource>
    fileprivate let events: UnsafeMutablePointer<epoll_event>
    fileprivate let messages = MessageQueue()
    fileprivate var deferred: [DeferredCall] = []
    public var timers: TimerWheel
    /// Monotonic time of this turn, nanoseconds.
    public fileprivate(set) var now: UInt64
    /// Time of day of this turn, nanoseconds since 1970.
    public fileprivate(set) var wallTime: UInt64
    fileprivate var isStopping = false
    /// Called in each turn before the first event is handed out, and at its end, with `turnOwner`.
    public var startOfTurn: (@convention(c) (UnsafeMutableRawPointer) -> Void)?
    public var endOfTurn: (@convention(c) (UnsafeMutableRawPointer) -> Void)?
    public var turnOwner: UnsafeMutableRawPointer?
    let sends: UnsafeMutablePointer<SendBatch>
    let receives: UnsafeMutablePointer<ReceiveBatch>
    /// For bodies that go from socket to socket.
    public let pipes = PipePool()
    private let scratchBase: UnsafeMutableRawPointer

    /// What one receive may fill, with `Limits.headroomBytes` before and `Limits.tailroomBytes` behind it; shared by
    /// all connections of the loop, hence valid only within one event.
    public var scratch: UnsafeMutableRawBufferPointer {
        UnsafeMutableRawBufferPointer(start: scratchBase + Limits.headroomBytes, count: Limits.readBytesMax)
    }

    /// - Parameter clock: of a simulation, if not the system's.
    public init(clock: LoopClock = .system) throws(SystemError) {
        self.clock = clock
        let epollNumber = try check(clinux_epoll_create())
        let wakeNumber = try check(clinux_eventfd())
        epoll = FileDescriptor(owning: epollNumber)
        wake = FileDescriptor(owning: wakeNumber)
        events = .allocate(capacity: Limits.eventsPerTurn)
        now = clock.now
        wallTime = clock.wallTime
        timers = TimerWheel(now: now)
        scratchBase = .allocate(
            byteCount: Limits.headroomBytes + Limits.readBytesMax + Limits.tailroomBytes, alignment: 4096)
        sends = .allocate(capacity: 1)
        sends.initialize(to: SendBatch())
        receives = .allocate(capacity: 1)
        receives.initialize(to: ReceiveBatch())
        wakeSource = .allocate(capacity: 1)
        // The wake-up's only effect is that the turn ends and messages are looked at.
        wakeSource.initialize(to: EventSource { _, _ in })
        _ = clinux_epoll_add(
            epoll.number, wake.number, Readiness([.readable, .edgeTriggered]).rawValue, UInt64(UInt(bitPattern: wakeSource)))
    }

    deinit {
        events.deallocate()
        scratchBase.deallocate()
        wakeSource.deallocate()
        sends.deinitialize(count: 1)
        sends.deallocate()
        receives.deinitialize(count: 1)
        receives.deallocate()
        pipes.close()
    }

    /// The clock itself, nanoseconds, where `now` is that of the turn's beginning. Costs about 20 ns.
    public static var clock: UInt64 { clinux_now_nanoseconds() }

    /// A handle by which other threads reach this loop; valid for ever, without effect once the loop has ended.
    public var mailbox: Mailbox { Mailbox(queue: messages, wake: wake.number) }

    fileprivate mutating func wait() -> Int {
        let timeout = deferred.isEmpty && clock.mayWait ? timers.millisecondsToNext(now: now) : 0
        let count = clinux_epoll_wait(epoll.number, events, Int32(Limits.eventsPerTurn), timeout)
        now = clock.now
        wallTime = clock.wallTime
        return max(0, Int(count))
    }

    @inline(__always)
    static func source(of event: UnsafeMutablePointer<epoll_event>) -> UnsafeMutableRawPointer {
        UnsafeMutableRawPointer(bitPattern: UInt(truncatingIfNeeded: clinux_epoll_word(event))).unsafelyUnwrapped
    }

    /// Registers a descriptor, edge-triggered for both directions: its owner writes first and lets the edge resume.
    public func register(_ descriptor: Int32, _ source: UnsafeMutableRawPointer) throws(SystemError) {
        let all: Readiness = [.readable, .writable, .readHangup, .edgeTriggered]
        _ = try check(clinux_epoll_add(epoll.number, descriptor, all.rawValue, UInt64(UInt(bitPattern: source))))
    }

    /// Gives a registered descriptor to another source, which hears at once of what is ready already.
    public func hand(_ descriptor: Int32, to source: UnsafeMutableRawPointer) throws(SystemError) {
        let all: Readiness = [.readable, .writable, .readHangup, .edgeTriggered]
        _ = try check(clinux_epoll_modify(epoll.number, descriptor, all.rawValue, UInt64(UInt(bitPattern: source))))
    }

    /// Registers a listening socket that other loops wait for too.
    public func registerShared(_ descriptor: Int32, _ source: UnsafeMutableRawPointer) throws(SystemError) {
        let events: Readiness = [.readable, .edgeTriggered, .exclusive]
        _ = try check(clinux_epoll_add(epoll.number, descriptor, events.rawValue, UInt64(UInt(bitPattern: source))))
    }

    /// Registers a descriptor of a library that reads once per event, level-triggered; or changes what is waited for.
    public func watch(_ descriptor: Int32, _ source: UnsafeMutableRawPointer, for readiness: Readiness) {
        let word = UInt64(UInt(bitPattern: source))
        if clinux_epoll_modify(epoll.number, descriptor, readiness.rawValue, word) < 0 {
            _ = clinux_epoll_add(epoll.number, descriptor, readiness.rawValue, word)
        }
    }

    public func remove(_ descriptor: Int32) { _ = clinux_epoll_remove(epoll.number, descriptor) }
}

/// Something to do at the end of the turn.
struct DeferredCall {
    let owner: UnsafeMutableRawPointer
    let call: @convention(c) (UnsafeMutableRawPointer) -> Void
}

extension UnsafeMutablePointer where Pointee == EventLoop {
    /// Runs turns until `stop()`.
    public func run() {
        while !pointee.isStopping { turn() }
    }

    public func stop() { pointee.isStopping = true }

    /// Calls `call` with `owner` when the events of this turn are handled; how memory is given back.
    public func atEndOfTurn(_ owner: UnsafeMutableRawPointer, _ call: @escaping @convention(c) (UnsafeMutableRawPointer) -> Void) {
        pointee.deferred.append(DeferredCall(owner: owner, call: call))
    }

    /// One turn; tests drive a loop by it.
    func turn() {
        let count = pointee.wait()
        if let owner = pointee.turnOwner { pointee.startOfTurn?(owner) }
        if count > 1 {
            pointee.sends.open()
            handle(pointee.events, count)
            pointee.sends.sendAll()
        } else if count == 1 {
            let source = EventLoop.source(of: pointee.events)
            source.assumingMemoryBound(to: EventSource.self).pointee.ready(source, pointee.events[0].events)
        }
        while let node = pointee.timers.popExpired(now: pointee.now) {
            if let owner = node.pointee.owner { node.pointee.expired?(owner) }
        }
        pointee.messages.run()
        runDeferred()
        // Last: deferred calls end exchanges too, and the next turn may be long in coming.
        if let owner = pointee.turnOwner { pointee.endOfTurn?(owner) }
    }

    /// What these calls defer themselves is for the end of the next turn, which comes without waiting: who has much to do
    /// lets the others have their events in between.
    private func runDeferred() {
        let count = pointee.deferred.count
        guard count > 0 else { return }
        for index in 0..<count {
            let item = pointee.deferred[index]
            item.call(item.owner)
        }
        if count == pointee.deferred.count { pointee.deferred.removeAll(keepingCapacity: true) } else { pointee.deferred.removeFirst(count) }
    }
}

/// Work that other threads leave for a loop.
final class MessageQueue: Sendable {
    private let pending = Mutex<[@Sendable () -> Void]>([])
    private let isWaiting = Atomic<Bool>(false)

    func add(_ message: @escaping @Sendable () -> Void) {
        pending.withLock { $0.append(message) }
        isWaiting.store(true, ordering: .releasing)
    }

    /// One atomic load when nothing is waiting.
    func run() {
        guard isWaiting.load(ordering: .acquiring) else { return }
        isWaiting.store(false, ordering: .relaxed)
        let messages = pending.withLock { queue in
            let taken = queue
            queue.removeAll()
            return taken
        }
        for message in messages { message() }
    }
}

/// Reaches a loop from other threads.
public struct Mailbox: Sendable {
    let queue: MessageQueue
    let wake: Int32

    /// Runs `message` on the loop's thread at the end of its current turn.
    public func send(_ message: @escaping @Sendable () -> Void) {
        queue.add(message)
        wakeUp()
    }

    /// Has the loop begin a turn.
    public func wakeUp() {
        var one: UInt64 = 1
        _ = clinux_write(wake, &one, 8)
    }
}
