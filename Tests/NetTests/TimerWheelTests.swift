@testable import Net
import TestSupport
import Testing

/// Timers at fixed places, as connections have them.
private final class Nodes {
    let places: UnsafeMutablePointer<TimerNode>
    let count: Int

    init(_ count: Int) {
        self.count = count
        places = .allocate(capacity: count)
        places.initialize(repeating: TimerNode(), count: count)
    }

    deinit { places.deallocate() }

    subscript(_ index: Int) -> UnsafeMutablePointer<TimerNode> { places + index }

    func index(of node: UnsafeMutablePointer<TimerNode>) -> Int { node - places }
}

private let millisecond: UInt64 = 1_000_000

@Suite("Timers of one loop")
struct TimerWheelTests {
    private func expired(_ wheel: inout TimerWheel, _ nodes: Nodes, at now: UInt64) -> Set<Int> {
        var found: Set<Int> = []
        while let node = wheel.popExpired(now: now) {
            #expect(!node.pointee.isSet)
            found.insert(nodes.index(of: node))
        }
        return found
    }

    /// Deadlines, moves, cancellations and removals in a random order against a dictionary. A timer is never early, and
    /// late by at most the tick that its deadline lies in.
    @Test("does what a dictionary of deadlines would", arguments: SeededRandom.seeds(8))
    func model(seed: UInt64) {
        var random = SeededRandom(seed)
        var now = random.next() % (1 << 50)
        var wheel = TimerWheel(now: now)
        let nodes = Nodes(40)
        var model: [Int: UInt64] = [:]
        for step in 0..<4_000 {
            let index = random.below(nodes.count)
            switch random.below(10) {
            case 0..<5:
                let spans: [UInt64] = [1, 100, 20 * millisecond, 5_000 * millisecond, 100_000 * millisecond]
                let deadline = now + random.next() % random.element(spans)
                wheel.set(nodes[index], at: deadline)
                model[index] = deadline
            case 5:
                wheel.cancel(nodes[index])
                model[index] = nil
            case 6:
                wheel.remove(nodes[index])
                model[index] = nil
            default:
                let spans: [UInt64] = [millisecond, 50 * millisecond, 10_000 * millisecond, 3_600_000 * millisecond]
                now += random.next() % random.element(spans)
                let found = expired(&wheel, nodes, at: now)
                for index in found {
                    #expect((model[index] ?? .max) <= now, "seed \(seed), step \(step): early")
                    model[index] = nil
                }
                for (index, deadline) in model {
                    #expect(deadline + 2 * millisecond > now, "seed \(seed), step \(step): \(index) is late")
                }
            }
            checkWait(wheel.millisecondsToNext(now: now), model, now, "seed \(seed), step \(step)")
        }
    }

    /// The loop may wake too early, never too late.
    private func checkWait(_ wait: Int32, _ model: [Int: UInt64], _ now: UInt64, _ place: String) {
        guard let next = model.values.min() else { return }
        #expect(wait >= 0, "\(place): no wait for a timer")
        let due = max(next, now) + 2 * millisecond
        #expect(now + UInt64(max(0, wait)) * millisecond <= due, "\(place): waits too long")
    }

    @Test("takes a deadline that has passed at the next tick")
    func past() {
        var wheel = TimerWheel(now: 100 * millisecond)
        let nodes = Nodes(1)
        wheel.set(nodes[0], at: 5 * millisecond)
        #expect(expired(&wheel, nodes, at: 101 * millisecond) == [0])
    }

    @Test("a moved timer expires at its last deadline", arguments: [(50, 20, 20), (20, 50, 50), (20, 9_000, 9_000), (9_000, 20, 20)] as [(UInt64, UInt64, UInt64)])
    func moved(first: UInt64, second: UInt64, expected: UInt64) {
        var wheel = TimerWheel(now: 0)
        let nodes = Nodes(1)
        wheel.set(nodes[0], at: first * millisecond)
        wheel.set(nodes[0], at: second * millisecond)
        #expect(expired(&wheel, nodes, at: (expected - 1) * millisecond) == [])
        #expect(expired(&wheel, nodes, at: (expected + 1) * millisecond) == [0])
    }

    @Test("a cancelled timer may be set again, earlier and later", arguments: [10, 30, 60, 5_000] as [UInt64])
    func cancelled(second: UInt64) {
        var wheel = TimerWheel(now: 0)
        let nodes = Nodes(1)
        wheel.set(nodes[0], at: 30 * millisecond)
        wheel.cancel(nodes[0])
        wheel.set(nodes[0], at: second * millisecond)
        #expect(expired(&wheel, nodes, at: (second - 1) * millisecond) == [])
        #expect(expired(&wheel, nodes, at: (second + 1) * millisecond) == [0])
        #expect(expired(&wheel, nodes, at: 20_000 * millisecond) == [])
    }

    @Test("a timer set by an expired one in the same turn waits for its own time")
    func rearmed() {
        var wheel = TimerWheel(now: 0)
        let nodes = Nodes(1)
        wheel.set(nodes[0], at: 10 * millisecond)
        var count = 0
        for tick in 1...100 as ClosedRange<UInt64> {
            while let node = wheel.popExpired(now: tick * millisecond) {
                count += 1
                #expect(count <= 10, "a timer that is due at once must not keep the turn for ever")
                wheel.set(node, at: tick * millisecond + 10 * millisecond)
            }
        }
        #expect(count >= 9)
    }

    @Test("a timer that is due at once when it expires leaves the turn")
    func immediate() {
        var wheel = TimerWheel(now: 0)
        let nodes = Nodes(1)
        wheel.set(nodes[0], at: 0)
        var count = 0
        while let node = wheel.popExpired(now: 50 * millisecond), count < 1_000 {
            wheel.set(node, at: 0)
            count += 1
        }
        #expect(count <= 51)
    }

    /// A loop that slept for days goes on at once: the slots between are not walked one by one.
    @Test("time that passed in sleep costs nothing")
    func sleep() {
        var wheel = TimerWheel(now: 0)
        let nodes = Nodes(1)
        var now: UInt64 = 0
        for _ in 0..<10_000 {
            now += 3 * 24 * 3600 * 1000 * millisecond
            wheel.set(nodes[0], at: now + 1000 * millisecond)
            #expect(expired(&wheel, nodes, at: now) == [])
        }
        #expect(expired(&wheel, nodes, at: now + 1001 * millisecond) == [0])
    }

    @Test("an empty wheel waits for nothing")
    func empty() {
        var wheel = TimerWheel(now: 0)
        let nodes = Nodes(1)
        #expect(wheel.millisecondsToNext(now: 0) == -1)
        wheel.set(nodes[0], at: 10 * millisecond)
        #expect(wheel.millisecondsToNext(now: 0) == 10)
        wheel.remove(nodes[0])
        #expect(wheel.millisecondsToNext(now: 0) == -1)
    }
}
