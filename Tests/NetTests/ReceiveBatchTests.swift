import Bytes
import Glibc
@testable import Net
import Testing

/// A connection that writes down what its event brings; memory of its own, since a loop calls it by address.
private struct Receiver: ~Copyable {
    var source: EventSource
    let loop: UnsafeMutablePointer<EventLoop>
    var transport: Transport
    var texts: [String] = []
    /// Ended by the first of them that is called.
    var victim: UnsafeMutablePointer<Receiver>?

    init(_ loop: UnsafeMutablePointer<EventLoop>, _ socket: Int32) {
        self.loop = loop
        transport = Transport(socket: socket)
        source = EventSource { pointer, _ in pointer.assumingMemoryBound(to: Receiver.self).ready() }
        source.awaits = socket
    }
}

extension UnsafeMutablePointer<Receiver> {
    fileprivate func ready() {
        if let victim = pointee.victim {
            victim.pointee.source.awaits = -1
            victim.pointee.transport.close()
        }
        while !pointee.transport.isClosed {
            let received = pointee.loop.receive(over: pointee.transport, for: self)
            switch received.result {
            case .bytes(let count):
                // Bytes around may be written; those of others must not suffer.
                let start = received.buffer.baseAddress!
                let text = String(decoding: received.buffer[0..<count], as: UTF8.self)
                (start - received.headroom).initializeMemory(as: UInt8.self, repeating: 0xFF, count: received.headroom + count + Limits.tailroomBytes)
                pointee.texts.append(text)
                if pointee.transport.isDrained(count, of: received.buffer.count) { return }
            case .end:
                pointee.texts.append("end")
                return
            case .wouldBlock: return
            case .failed: return pointee.texts.append("failed")
            }
        }
    }
}

@Suite("Messages received ahead of their events")
struct ReceiveBatchTests {
    private final class Receivers {
        let run: LoopRun
        private let receivers: UnsafeMutablePointer<Receiver>
        private var peers: [Int32] = []

        init(_ count: Int) throws {
            run = try LoopRun()
            receivers = .allocate(capacity: count)
            for index in 0..<count {
                var ends: [Int32] = [0, 0]
                try #require(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue), 0, &ends) == 0)
                peers.append(ends[1])
                (receivers + index).initialize(to: Receiver(run.loop, ends[0]))
                try run.loop.pointee.register(ends[0], receivers + index)
            }
            // The edges of being writable.
            run.loop.turn()
            for index in 0..<count { receivers[index].texts = [] }
        }

        deinit {
            for (index, peer) in peers.enumerated() {
                receivers[index].transport.close()
                if peer >= 0 { close(peer) }
            }
            receivers.deinitialize(count: peers.count)
            receivers.deallocate()
        }

        subscript(index: Int) -> UnsafeMutablePointer<Receiver> { receivers + index }
        var texts: [[String]] { peers.indices.map { receivers[$0].texts } }

        func send(_ index: Int, _ text: String) { #expect(write(peers[index], text, text.utf8.count) == text.utf8.count) }

        func hangUp(_ index: Int) {
            close(peers[index])
            peers[index] = -1
        }
    }

    @Test("each gets its own bytes, whatever is written around others', more events than a batch holds")
    func own() throws {
        let receivers = try Receivers(Limits.receivedAhead * 2 + 3)
        for index in receivers.texts.indices { receivers.send(index, "message \(index)") }
        receivers.run.loop.turn()
        for (index, texts) in receivers.texts.enumerated() { #expect(texts == ["message \(index)"]) }
    }

    @Test("large messages end a batch early, and are read to their end")
    func large() throws {
        let receivers = try Receivers(5)
        let text = String(repeating: "x", count: 100_000)
        for index in 0..<5 { receivers.send(index, text + String(index)) }
        receivers.run.loop.turn()
        for (index, texts) in receivers.texts.enumerated() { #expect(texts.joined() == text + String(index)) }
    }

    @Test("who awaits nothing, or hears of more than bytes, receives itself")
    func others() throws {
        let receivers = try Receivers(4)
        receivers[1].pointee.source.awaits = -1
        for index in 0..<4 { receivers.send(index, "last \(index)") }
        receivers.hangUp(2)
        receivers.run.loop.turn()
        #expect(receivers.texts == [["last 0"], ["last 1"], ["last 2"], ["last 3"]])
    }

    @Test("who is closed by another's event gets nothing, and the others theirs")
    func closed() throws {
        let receivers = try Receivers(3)
        receivers[0].pointee.victim = receivers[1]
        for index in 0..<3 { receivers.send(index, "to \(index)") }
        receivers.run.loop.turn()
        #expect(receivers.texts == [["to 0"], [], ["to 2"]])
    }

    @Test("what was received for one is given once, and to nobody else")
    func once() throws {
        let receivers = try Receivers(2)
        for index in 0..<2 { receivers.send(index, "a\(index)") }
        receivers.run.loop.turn()
        // Outside of its event a receive asks the socket.
        #expect(receivers.run.loop.receive(over: receivers[0].pointee.transport, for: receivers[0]).result == .wouldBlock)
        #expect(receivers.texts == [["a0"], ["a1"]])
    }
}
