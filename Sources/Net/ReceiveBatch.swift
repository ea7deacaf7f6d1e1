import Bytes
import CLinux

/// What plain connections are sent, received ahead of their events: the messages of a turn in a row, then the handling of each.
///
/// As with `SendBatch`, the kernel's way from the network and this program's own code do not fit into a core's
/// instruction cache together; this takes some 4 % less CPU per request. Who awaits a message says so by
/// `EventSource.awaits`. A turn of one event receives nothing ahead.
struct ReceiveBatch: ~Copyable {
    private struct Entry {
        let source: UnsafeMutableRawPointer
        let readiness: UInt32
        /// Where the bytes are; nil if nothing was received, or it was taken.
        var start: UnsafeMutableRawPointer?
        /// What `clinux_recv` returned.
        let result: Int
    }

    private let storage: UnsafeMutableRawPointer
    private let entries: UnsafeMutablePointer<Entry>
    /// The entry whose source is called now.
    private var current = 0
    /// No source is called.
    private var isIdle = true

    init() {
        storage = .allocate(byteCount: Limits.receivedAheadBytes + Limits.headroomAhead + Limits.readBytesMax + Limits.tailroomBytes, alignment: 64)
        entries = .allocate(capacity: Limits.receivedAhead)
    }

    deinit {
        storage.deallocate()
        entries.deallocate()
    }

    /// Takes as many events as there is room for, and receives for those whose sources await nothing else.
    ///
    /// - Returns: how many were taken, at least one.
    fileprivate mutating func fill(_ events: UnsafeMutablePointer<epoll_event>, _ count: Int) -> Int {
        let end = min(count, Limits.receivedAhead)
        var used = 0
        var index = 0
        while index < end, used < Limits.receivedAheadBytes {
            let source = EventLoop.source(of: events + index)
            let readiness = Readiness(rawValue: events[index].events)
            let descriptor = source.assumingMemoryBound(to: EventSource.self).pointee.awaits
            if descriptor >= 0, readiness.subtracting(.writable) == .readable {
                let start = storage + used + Limits.headroomAhead
                let result = clinux_recv(descriptor, start, Limits.readBytesMax)
                (entries + index).initialize(to: Entry(source: source, readiness: readiness.rawValue, start: start, result: result))
                // The next ones begin at a cache line of their own.
                used += (Limits.headroomAhead + max(0, result) + Limits.tailroomBytes + 63) & ~63
            } else {
                (entries + index).initialize(to: Entry(source: source, readiness: readiness.rawValue, start: nil, result: 0))
            }
            index += 1
        }
        return index
    }

    @inline(__always)
    fileprivate mutating func begin(_ index: Int) -> (source: UnsafeMutableRawPointer, readiness: UInt32) {
        current = index
        isIdle = false
        return (entries[index].source, entries[index].readiness)
    }

    fileprivate var isTaken: Bool { entries[current].start == nil }

    fileprivate mutating func end() { isIdle = true }

    /// What was received for a source, once; nil if it shall receive itself.
    @inline(__always)
    fileprivate mutating func take(for source: UnsafeMutableRawPointer) -> Received? {
        guard !isIdle, entries[current].source == source, let start = entries[current].start else { return nil }
        entries[current].start = nil
        return Received(
            result: IOResult(read: entries[current].result), buffer: UnsafeMutableRawBufferPointer(start: start, count: Limits.readBytesMax),
            headroom: Limits.headroomAhead)
    }
}

/// What a receive came to, and where its bytes are: memory of the loop's, valid within the event.
public struct Received {
    public let result: IOResult
    public let buffer: UnsafeMutableRawBufferPointer
    /// Bytes before the buffer that may be written; `Limits.tailroomBytes` of them follow what was received.
    public let headroom: Int
}

extension UnsafeMutablePointer where Pointee == EventLoop {
    /// Receives for `source`, or gives what was received for it ahead of its event.
    @inline(__always)
    public func receive(over transport: Transport, for source: UnsafeMutableRawPointer) -> Received {
        if let received = pointee.receives.pointee.take(for: source) { return received }
        let scratch = pointee.scratch
        return Received(result: transport.receive(into: scratch), buffer: scratch, headroom: Limits.headroomBytes)
    }

    /// Calls the sources of a turn's events.
    func handle(_ events: UnsafeMutablePointer<epoll_event>, _ count: Int) {
        let batch = pointee.receives
        var handled = 0
        while handled < count {
            let taken = batch.pointee.fill(events + handled, count - handled)
            for index in 0..<taken {
                let event = batch.pointee.begin(index)
                let source = event.source.assumingMemoryBound(to: EventSource.self)
                source.pointee.ready(event.source, event.readiness)
                assert(source.pointee.awaits < 0 || batch.pointee.isTaken, "what was received for a source is lost")
            }
            batch.pointee.end()
            handled += taken
        }
    }
}
