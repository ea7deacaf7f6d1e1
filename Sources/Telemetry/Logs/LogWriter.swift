public import Bytes
internal import CLinux
internal import Glibc
internal import Synchronization

/// Writes log lines to one destination on a thread of its own, so that a slow disk or a blocked pipe never delays a request.
///
/// Workers hand over whole blocks of lines (`LogSink`), everybody else single lines (`write`). What waits is bounded by
/// `TelemetryLimits.logQueueBytesMax`; beyond that lines are dropped and counted. Logs that share a destination share its writer: only
/// then no line starts within another. Lines appear within `collectMilliseconds`.
public final class LogWriter: @unchecked Sendable {
    // Unchecked: `state` is guarded by `lock`; descriptor and batch belong to the thread.
    private var state = State()
    private let lock = ConditionLock()
    private let destination: LogDestination
    private var descriptor: Int32
    private var ownsDescriptor: Bool
    private var batch: [LogBlock] = []
    private let dropped = Atomic<Int>(0)
    private let droppedOfSinks = Atomic<Int>(0)

    /// The thread rests this long after a batch, so that a busy process wakes it a hundred times a second and not per request.
    private static let collectMilliseconds = 10
    private static let freeBlocksMax = 16
    private static let lineBlockBytes = 4096

    private struct State {
        var queue: [LogBlock] = []
        /// Empty blocks of `TelemetryLimits.logBufferBytes`.
        var free: [LogBlock] = []
        /// Of the queue and of the batch being written.
        var pendingBytes = 0
        /// The last block of the queue was begun by `write` and takes more lines.
        var isTailOpen = false
        var isIdle = false
        var needsReopening = false
        var isClosing = false
        var isClosed = false
    }

    public init(_ destination: LogDestination) throws(LogError) {
        self.destination = destination
        (descriptor, ownsDescriptor) = try destination.open()
        startThread()
    }

    deinit {
        for block in state.queue + state.free { block.deallocate() }
    }

    /// Lines of `write` lost because the destination was too slow or failed.
    public var droppedLineCount: Int { dropped.load(ordering: .relaxed) }

    /// The same of workers' sinks, which carry the access log.
    public var droppedSinkLineCount: Int { droppedOfSinks.load(ordering: .relaxed) }

    /// Buffers the lines of one worker.
    public func makeSink() -> LogSink { LogSink(self) }

    /// Queues complete lines, their line feeds included; false if they were dropped. Any thread; copies under a short lock.
    @discardableResult
    public func write(_ lines: BorrowedBytes) -> Bool {
        lock.lock()
        defer { lock.unlock() }
        guard !state.isClosing, state.pendingBytes + lines.count <= TelemetryLimits.logQueueBytesMax else {
            dropped.add(1, ordering: .relaxed)
            return false
        }
        if !state.isTailOpen || state.queue.last!.free.count < lines.count {
            state.queue.append(LogBlock(capacity: max(Self.lineBlockBytes, lines.count)))
            state.isTailOpen = true
        }
        state.queue[state.queue.count - 1].append(lines)
        state.pendingBytes += lines.count
        wake()
        return true
    }

    /// Opens the file anew before the next line, after it was moved away by log rotation.
    public func reopen() {
        lock.lock()
        state.needsReopening = true
        wake()
        lock.unlock()
    }

    /// Writes what is queued and ends the thread; false if the destination did not take it in time, and the rest is lost.
    @discardableResult
    public func finish(withinMilliseconds milliseconds: Int) -> Bool {
        lock.lock()
        defer { lock.unlock() }
        state.isClosing = true
        lock.signalAll()
        let deadline = clinux_now_nanoseconds() + UInt64(milliseconds) * 1_000_000
        while !state.isClosed {
            let now = clinux_now_nanoseconds()
            guard now < deadline else { return false }
            lock.wait(milliseconds: Int((deadline - now) / 1_000_000) + 1)
        }
        return true
    }

    // MARK: Blocks of workers

    /// Takes a worker's block and gives it an empty one that holds at least `capacity` bytes; nil, and nothing taken, if the queue is full.
    func exchange(_ block: LogBlock, for capacity: Int) -> LogBlock? {
        lock.lock()
        defer { lock.unlock() }
        guard !state.isClosed, state.pendingBytes + block.count <= TelemetryLimits.logQueueBytesMax else { return nil }
        var block = block
        block.isOfSink = true
        state.pendingBytes += block.count
        state.queue.append(block)
        state.isTailOpen = false
        wake()
        if capacity <= TelemetryLimits.logBufferBytes, let free = state.free.popLast() { return free }
        return LogBlock(capacity: max(capacity, TelemetryLimits.logBufferBytes))
    }

    /// Counts a line that a sink has no room for.
    func countDroppedOfSink() { droppedOfSinks.add(1, ordering: .relaxed) }

    private func countDropped(_ block: LogBlock) {
        if block.isOfSink {
            droppedOfSinks.add(block.lineCount, ordering: .relaxed)
        } else {
            dropped.add(block.lineCount, ordering: .relaxed)
        }
    }

    /// One system call at most per rest of the thread.
    private func wake() {
        guard state.isIdle else { return }
        state.isIdle = false
        lock.signalAll()
    }

    // MARK: The thread

    private func startThread() {
        var thread = pthread_t()
        let argument = Unmanaged.passRetained(self).toOpaque()
        let result = clinux_thread_start(&thread, 256 * 1024, { argument in
            Unmanaged<LogWriter>.fromOpaque(argument!).takeRetainedValue().run()
            return nil
        }, argument)
        precondition(result == 0, "no thread for logs: \(String(cString: strerror(-result)))")
        pthread_detach(thread)
    }

    private func run() {
        // Signals are for the thread that waits for them; a closed pipe shows as an error of write.
        var all = sigset_t()
        sigfillset(&all)
        pthread_sigmask(SIG_BLOCK, &all, nil)
        lock.lock()
        while takeBatch() {
            lock.unlock()
            for block in batch { writeAll(block) }
            lock.lock()
            returnBatch()
            if !state.isClosing { lock.wait(milliseconds: Self.collectMilliseconds) }
        }
        if ownsDescriptor { _ = clinux_close(descriptor) }
        state.isClosed = true
        lock.signalAll()
        lock.unlock()
    }

    /// Waits for lines; false once everything is written and no more may come. The lock is held on both sides.
    private func takeBatch() -> Bool {
        while state.queue.isEmpty {
            if state.needsReopening { reopenFile() }
            if state.isClosing { return false }
            state.isIdle = true
            lock.wait()
        }
        if state.needsReopening { reopenFile() }
        swap(&batch, &state.queue)
        state.isTailOpen = false
        state.isIdle = false
        return true
    }

    private func returnBatch() {
        for var block in batch {
            state.pendingBytes -= block.count
            if block.capacity == TelemetryLimits.logBufferBytes, state.free.count < Self.freeBlocksMax {
                block.removeAll()
                state.free.append(block)
            } else {
                block.deallocate()
            }
        }
        batch.removeAll(keepingCapacity: true)
    }

    /// Keeps the old file if there is no new one.
    private func reopenFile() {
        state.needsReopening = false
        guard ownsDescriptor, let (fresh, isOwned) = try? destination.open() else { return }
        _ = clinux_close(descriptor)
        (descriptor, ownsDescriptor) = (fresh, isOwned)
    }

    private func writeAll(_ block: LogBlock) {
        var rest = block.lines
        while !rest.isEmpty {
            let written = clinux_write(descriptor, rest.baseAddress, rest.count)
            switch written {
            case 0...: rest = rest.slice(written, rest.count)
            case -Int(EINTR): continue
            case -Int(EAGAIN):
                // Standard streams may be shared with somebody who made them non-blocking.
                var request = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                poll(&request, 1, 1000)
            default:
                // Such as a full disk: counted, since there is no place to tell it.
                return countDropped(block)
            }
        }
    }
}

extension LogBlock {
    mutating func append(_ line: BorrowedBytes) {
        free.copyMemory(from: line)
        count += line.count
        lineCount += 1
    }
}

/// A mutex with a condition; POSIX, because waiting with a time limit is not in the standard library. Time is monotonic:
/// a clock that is set back must not lengthen a rest.
private final class ConditionLock: @unchecked Sendable {
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)

    init() {
        pthread_mutex_init(mutex, nil)
        var attributes = pthread_condattr_t()
        pthread_condattr_init(&attributes)
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        pthread_cond_init(condition, &attributes)
        pthread_condattr_destroy(&attributes)
    }

    deinit {
        pthread_cond_destroy(condition)
        pthread_mutex_destroy(mutex)
        condition.deallocate()
        mutex.deallocate()
    }

    func lock() { pthread_mutex_lock(mutex) }
    func unlock() { pthread_mutex_unlock(mutex) }
    func signalAll() { pthread_cond_broadcast(condition) }
    func wait() { pthread_cond_wait(condition, mutex) }

    func wait(milliseconds: Int) {
        let end = clinux_now_nanoseconds() + UInt64(milliseconds) * 1_000_000
        var time = timespec(tv_sec: Int(end / 1_000_000_000), tv_nsec: Int(end % 1_000_000_000))
        pthread_cond_timedwait(condition, mutex, &time)
    }
}
