import Bytes
@testable import Net
import TestSupport
import Testing

@Suite("Outboxes")
struct OutboxTests {
    private func text(_ count: Int, _ letter: Character) -> [UInt8] { Array(String(repeating: letter, count: count).utf8) }

    @Test("what the kernel takes at once is not kept")
    func direct() {
        let peer = ScriptedTransport()
        var outbox = Outbox()
        guard case .flushed = outbox.send(BorrowedBytes("hello"), over: peer.transport) else { return #expect(Bool(false)) }
        #expect(outbox.isEmpty && peer.taken == Array("hello".utf8))
    }

    @Test("a failure is told")
    func failing() {
        let peer = ScriptedTransport()
        peer.steps = [.takes(2), .fails]
        var outbox = Outbox()
        guard case .blocked = outbox.send(BorrowedBytes("hello"), over: peer.transport) else { return #expect(Bool(false)) }
        guard case .failed(.connectionReset) = outbox.flush(over: peer.transport) else { return #expect(Bool(false)) }
    }

    /// Head, piece and framing of any size over a peer that takes any amount: the bytes arrive complete and in order,
    /// and the outcome says whether some are left.
    @Test("bytes arrive complete and in order whatever the peer takes", arguments: SeededRandom.seeds(6))
    func order(seed: UInt64) {
        var random = SeededRandom(seed)
        for round in 0..<40 {
            let peer = ScriptedTransport()
            var outbox = Outbox()
            var expected: [UInt8] = []
            for _ in 0..<(1 + random.below(6)) {
                peer.steps = (0..<random.below(4)).map { _ in random.chance(oneIn: 3) ? .blocks : .takes(1 + random.below(40_000)) }
                let outcome = sendRandomPiece(&outbox, peer.transport, &random, &expected)
                check(outcome, outbox.isEmpty, "seed \(seed), round \(round)")
            }
            while !outbox.isEmpty {
                peer.steps = (0..<random.below(3)).map { _ in random.chance(oneIn: 2) ? .blocks : .takes(1 + random.below(9_000)) }
                check(outbox.flush(over: peer.transport), outbox.isEmpty, "seed \(seed), round \(round)")
            }
            #expect(peer.taken == expected, "seed \(seed), round \(round)")
        }
    }

    private func check(_ outcome: WriteOutcome, _ isEmpty: Bool, _ place: String) {
        switch outcome {
        case .flushed: #expect(isEmpty, "\(place)")
        case .blocked: #expect(!isEmpty, "\(place)")
        case .failed: Issue.record("\(place): failed")
        }
    }

    private func sendRandomPiece(_ outbox: inout Outbox, _ transport: Transport, _ random: inout SeededRandom, _ expected: inout [UInt8]) -> WriteOutcome {
        let head = text(random.element([0, 1, 300]), "h"), body = text(random.element([0, 1, 1_000, 20_000, 100_000]), "b")
        let end = text(random.element([0, 7]), "e")
        expected += head + body + end
        // Half of the pieces have room around them, as those in the loop's scratch do.
        let room = random.chance(oneIn: 2) ? 512 : 0
        var block = text(room, "?") + body + text(room, "?")
        return block.withUnsafeMutableBytes { block in
            let piece = BodyPiece(start: block.baseAddress.map { $0 + room }, count: body.count, headroom: room, tailroom: room)
            return head.withUnsafeBytes { head in end.withUnsafeBytes { outbox.send(head, piece, $0, over: transport) } }
        }
    }
}
