/// A timer inside the object it belongs to: setting it costs two stores, and it never allocates.
///
/// The object keeps it at a fixed place and cancels it before it is freed.
public struct TimerNode {
    var next: UnsafeMutablePointer<TimerNode>?
    var previous: UnsafeMutablePointer<TimerNode>?
    /// In the loop's time; meaningful while `isSet`.
    public private(set) var deadline: UInt64 = 0
    fileprivate var slot: Int32 = -1
    public private(set) var isSet = false
    /// What `expired` is called with.
    public var owner: UnsafeMutableRawPointer?
    public var expired: (@convention(c) (UnsafeMutableRawPointer) -> Void)?

    public init() {}

    fileprivate mutating func set(_ deadline: UInt64) {
        self.deadline = deadline
        isSet = true
    }

    fileprivate mutating func clear() { isSet = false }
}

/// Timers of one loop: a wheel of one-millisecond slots. A node that is moved to a later time stays in its slot and is
/// put in its place when the wheel comes by, so the timeouts that every exchange sets and none reaches cost a store.
public struct TimerWheel: ~Copyable {
    private static let slotCount = 4096
    private static let nanosecondsPerTick: UInt64 = 1_000_000

    private let slots: UnsafeMutablePointer<UnsafeMutablePointer<TimerNode>?>
    private let occupied: UnsafeMutablePointer<UInt64>
    private var tick: UInt64
    private var nodeCount = 0

    init(now: UInt64) {
        slots = .allocate(capacity: TimerWheel.slotCount)
        slots.initialize(repeating: nil, count: TimerWheel.slotCount)
        occupied = .allocate(capacity: TimerWheel.slotCount / 64)
        occupied.initialize(repeating: 0, count: TimerWheel.slotCount / 64)
        tick = now / TimerWheel.nanosecondsPerTick
    }

    deinit {
        slots.deallocate()
        occupied.deallocate()
    }

    /// Sets or moves a timer. Complexity: O(1); a store if it was set to an earlier time before.
    @inline(__always)
    public mutating func set(_ node: UnsafeMutablePointer<TimerNode>, at deadline: UInt64) {
        let isLater = node.pointee.slot >= 0 && deadline >= node.pointee.deadline
        node.pointee.set(deadline)
        if isLater { return }
        if node.pointee.slot >= 0 { unlink(node) }
        link(node)
    }

    /// Stops a timer; its node may be freed only after `remove`.
    @inline(__always)
    public mutating func cancel(_ node: UnsafeMutablePointer<TimerNode>) { node.pointee.clear() }

    /// Takes a timer out of the wheel.
    public mutating func remove(_ node: UnsafeMutablePointer<TimerNode>) {
        node.pointee.clear()
        if node.pointee.slot >= 0 { unlink(node) }
    }

    private mutating func link(_ node: UnsafeMutablePointer<TimerNode>) {
        // Rounded up, so that no timer is early; at most one turn of the wheel ahead, and never in the slot at hand.
        let due = (node.pointee.deadline + TimerWheel.nanosecondsPerTick - 1) / TimerWheel.nanosecondsPerTick
        let place = min(max(due, tick + 1), tick + UInt64(TimerWheel.slotCount) - 1)
        let slot = Int(place % UInt64(TimerWheel.slotCount))
        node.pointee.slot = Int32(truncatingIfNeeded: slot)
        node.pointee.previous = nil
        node.pointee.next = slots[slot]
        slots[slot]?.pointee.previous = node
        slots[slot] = node
        occupied[slot / 64] |= 1 << UInt64(slot % 64)
        nodeCount += 1
    }

    private mutating func unlink(_ node: UnsafeMutablePointer<TimerNode>) {
        let slot = Int(node.pointee.slot)
        if let previous = node.pointee.previous { previous.pointee.next = node.pointee.next } else { slots[slot] = node.pointee.next }
        node.pointee.next?.pointee.previous = node.pointee.previous
        node.pointee.next = nil
        node.pointee.previous = nil
        node.pointee.slot = -1
        if slots[slot] == nil { occupied[slot / 64] &= ~(1 << UInt64(slot % 64)) }
        nodeCount -= 1
    }

    /// The next node that is due, unlinked; nil when the wheel has reached `now`.
    ///
    /// - Complexity: O(nodes passed), however long the loop has slept.
    mutating func popExpired(now: UInt64) -> UnsafeMutablePointer<TimerNode>? {
        let target = now / TimerWheel.nanosecondsPerTick
        // After more than one turn of the wheel every slot is due for a look, but only once.
        if target > tick + UInt64(TimerWheel.slotCount) { tick = target - UInt64(TimerWheel.slotCount) + 1 }
        while tick <= target {
            let slot = Int(tick % UInt64(TimerWheel.slotCount))
            while let node = slots[slot] {
                unlink(node)
                guard node.pointee.isSet else { continue }
                if node.pointee.deadline <= now {
                    node.pointee.clear()
                    return node
                }
                // Later in this turn of the wheel or a later one; never back into the slot at hand.
                link(node)
            }
            if tick == target { return nil }
            tick = min(target, tick + (ticksToNext ?? .max / 2))
        }
        return nil
    }

    /// Milliseconds until a slot with timers comes by, -1 if there is none.
    func millisecondsToNext(now: UInt64) -> Int32 {
        guard let ahead = ticksToNext else { return -1 }
        let due = (tick + ahead) * TimerWheel.nanosecondsPerTick
        return due <= now ? 0 : Int32((due - now + TimerWheel.nanosecondsPerTick - 1) / TimerWheel.nanosecondsPerTick)
    }

    /// How far the next slot with timers is from the one at hand, which counts too; nil if there is none.
    private var ticksToNext: UInt64? {
        guard nodeCount > 0 else { return nil }
        let words = TimerWheel.slotCount / 64
        let start = Int(tick % UInt64(TimerWheel.slotCount))
        for distance in 0...words {
            let word = (start / 64 + distance) % words
            var bits = occupied[word]
            if distance == 0 { bits &= ~0 << UInt64(start % 64) }
            if distance == words { bits &= (1 << UInt64(start % 64)) - 1 }
            guard bits != 0 else { continue }
            let slot = word * 64 + bits.trailingZeroBitCount
            return UInt64((slot - start + TimerWheel.slotCount) % TimerWheel.slotCount)
        }
        return nil
    }
}
