import Bytes
@testable import Net
import TestSupport
import Testing

/// Something that sends by a batch, as connections do.
private struct Sender: ~Copyable {
    let peer = ScriptedTransport()
    var outbox = Outbox()
    var outcomes: [WriteOutcome] = []
}

@Suite("Batches of messages")
struct SendBatchTests {
    private final class Senders {
        let run: LoopRun
        private let senders: UnsafeMutablePointer<Sender>
        private let count: Int

        init(_ count: Int) throws {
            run = try LoopRun()
            self.count = count
            senders = .allocate(capacity: count)
            for index in 0..<count { (senders + index).initialize(to: Sender()) }
            run.loop.pointee.sends.open()
        }

        deinit {
            senders.deinitialize(count: count)
            senders.deallocate()
        }

        subscript(index: Int) -> UnsafeMutablePointer<Sender> { senders + index }

        @discardableResult
        func send(_ index: Int, _ text: String) -> WriteOutcome {
            let batched = BatchedSender(run.loop, owner: senders + index) { pointer in
                let sender = pointer.assumingMemoryBound(to: Sender.self)
                sender.pointee.outcomes.append(sender.pointee.outbox.sendGathered(over: sender.pointee.peer.transport))
            }
            return Array(text.utf8).withUnsafeBytes { senders[index].outbox.send($0, over: senders[index].peer.transport, by: batched) }
        }

        func sendAll() { run.loop.pointee.sends.sendAll() }

        func taken(_ index: Int) -> String { String(decoding: senders[index].peer.taken, as: UTF8.self) }
    }

    @Test("nothing leaves before the end of the turn's events, all does then")
    func gathered() throws {
        let senders = try Senders(3)
        for index in 0..<3 { senders.send(index, "message \(index)") }
        #expect((0..<3).allSatisfy { senders.taken($0).isEmpty && senders[$0].pointee.outbox.isEmpty })
        senders.sendAll()
        #expect((0..<3).map { senders.taken($0) } == ["message 0", "message 1", "message 2"])
        // Behind the events nothing is gathered.
        senders.send(0, ", another")
        #expect(senders.taken(0) == "message 0, another")
    }

    @Test("a second message of one sender follows its first, at once")
    func second() throws {
        let senders = try Senders(2)
        senders.send(0, "a")
        senders.send(1, "x")
        senders.send(0, "b")
        senders.send(0, String(repeating: "c", count: Limits.gatheredMessageBytes + 1))
        #expect(senders.taken(0).hasPrefix("abc") && senders.taken(1).isEmpty)
        senders.sendAll()
        #expect(senders.taken(0).utf8.count == Limits.gatheredMessageBytes + 3 && senders.taken(1) == "x")
        #expect(senders[0].pointee.outcomes.isEmpty)
    }

    @Test("what the kernel does not take then is kept, and a failure is told to its sender alone")
    func outcomes() throws {
        let senders = try Senders(3)
        senders[0].pointee.peer.steps = [.takes(2), .blocks]
        senders[1].pointee.peer.steps = [.fails]
        for index in 0..<3 { senders.send(index, "hello") }
        senders.sendAll()
        guard case .blocked? = senders[0].pointee.outcomes.first, case .failed(.connectionReset)? = senders[1].pointee.outcomes.first,
            case .flushed? = senders[2].pointee.outcomes.first
        else { return #expect(Bool(false)) }
        #expect(senders.taken(0) == "he" && senders[0].pointee.outbox.count == 3 && senders.taken(2) == "hello")
        senders[0].pointee.peer.steps = []
        guard case .flushed = senders[0].pointee.outbox.flush(over: senders[0].pointee.peer.transport) else { return #expect(Bool(false)) }
        #expect(senders.taken(0) == "hello")
    }

    @Test("what finds no room is sent at once; large messages are")
    func full() throws {
        let senders = try Senders(Limits.gatheredSends + 1)
        for index in 0...Limits.gatheredSends { senders.send(index, "m") }
        #expect(senders.taken(Limits.gatheredSends) == "m" && senders.taken(0).isEmpty)
        senders.sendAll()
        #expect((0..<Limits.gatheredSends).allSatisfy { senders.taken($0) == "m" })
        senders.run.loop.pointee.sends.open()
        let large = Limits.gatheredBytes / Limits.gatheredMessageBytes
        for index in 0...large { senders.send(index, String(repeating: "x", count: Limits.gatheredMessageBytes)) }
        #expect(senders.taken(large).utf8.count == 1 + Limits.gatheredMessageBytes && senders.taken(0) == "m")
        senders.sendAll()
        #expect((0...large).allSatisfy { senders.taken($0).utf8.count == 1 + Limits.gatheredMessageBytes })
    }

    @Test("who closes first sends what it gave; then its turn brings nothing more")
    func early() throws {
        let senders = try Senders(1)
        senders.send(0, "last words")
        _ = senders[0].pointee.outbox.sendGathered(over: senders[0].pointee.peer.transport)
        #expect(senders.taken(0) == "last words")
        senders.sendAll()
        #expect(senders.taken(0) == "last words" && senders[0].pointee.outcomes.isEmpty)
    }
}
