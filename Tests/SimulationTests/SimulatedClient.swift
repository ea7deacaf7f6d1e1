import Bytes
import Net
import TestSupport

/// A client that sends the requests of its plans and holds every answer against them.
final class SimulatedClient {
    private var peer: SimulatedPeer?
    /// Not yet answered; those up to `sentPlans` are on the connection.
    private var plans: [Plan]
    private var sentPlans = 0
    private let pipelines: Bool
    private unowned let simulation: Simulation

    init(_ plans: [Plan], pipelines: Bool, _ simulation: Simulation) {
        self.plans = plans
        self.pipelines = pipelines
        self.simulation = simulation
    }

    var isDone: Bool { plans.isEmpty && peer == nil }

    func step(_ random: inout SeededRandom, isFull: Bool = false) -> Bool {
        guard !isDone else { return false }
        guard let peer else { return open() }
        let limit = isFull ? 1 << 20 : 1 + random.below(random.element([1, 50, 4_000, 200_000]))
        var moved = peer.send(atMost: limit)
        moved = peer.receive(atMost: limit) || moved
        if moved { read(peer) }
        if self.peer != nil, peer.hasEnded { ended(peer) }
        return moved
    }

    /// Nothing will come any more: a client that has waited for a plan's stalled answer goes.
    func giveUp() {
        guard let plan = plans.first else { return close() }
        if !plan.stalls { simulation.violated("\(plan.id): no answer ever came: \(plan)") }
        plans.removeFirst()
        sentPlans = max(0, sentPlans - 1)
        close(isReset: true)
    }

    private func open() -> Bool {
        guard let connected = try? Sockets.connect(SocketAddress(.loopbackV4, port: simulation.port)) else { return false }
        let peer = SimulatedPeer(connected.descriptor)
        self.peer = peer
        sentPlans = 0
        sendNext(peer)
        return true
    }

    private func sendNext(_ peer: SimulatedPeer) {
        while sentPlans < plans.count, sentPlans == 0 || pipelines {
            peer.write(plans[sentPlans].requestBytes)
            sentPlans += 1
        }
    }

    private func read(_ peer: SimulatedPeer) {
        while let plan = plans.first, sentPlans > 0 {
            if let limit = plan.abandonedAfter, peer.input.count >= limit {
                plans.removeFirst()
                sentPlans -= 1
                return close(isReset: limit % 2 == 0 || plan.stalls)
            }
            guard let head = Message(peer.input[...]) else { return }
            guard let status = Int(head.startLine.split(separator: " ").dropFirst().first ?? "") else { return simulation.violated("\(plan.id): \(head.startLine)") }
            if status < 200 {
                peer.input.removeFirst(head.headCount)
                continue
            }
            switch head.body(peer.input[head.headCount...], isResponseTo: plan.method, connectionEnded: peer.hasEnded) {
            case .incomplete: return
            case .malformed: return simulation.violated("\(plan.id): a malformed body came")
            case .complete(let body, let count):
                check(plan, status, head, body)
                peer.input.removeFirst(head.headCount + count)
                plans.removeFirst()
                sentPlans -= 1
                if head.fields["connection"] == "close" { return close() }
                sendNext(peer)
            }
        }
        if plans.isEmpty { close() }
    }

    private func check(_ plan: Plan, _ status: Int, _ head: Message, _ body: [UInt8]) {
        guard status == 200 else {
            if ![502, 503, 504].contains(status) || head.fields["x-id"] != nil || !simulation.mayFail(plan) { simulation.violated("\(plan.id): \(status) for \(plan)") }
            simulation.failed += 1
            return
        }
        if head.fields["x-id"] != "\(plan.id)" { simulation.violated("\(plan.id): the answer to \(head.fields["x-id"] ?? "nothing")") }
        if plan.method != .head, body != plan.responseBody { simulation.violated("\(plan.id): another body, of \(body.count) bytes, for \(plan)") }
        simulation.answered += 1
    }

    /// The proxy closed the connection: rightly if it said so, or if what it passed on was cut.
    private func ended(_ peer: SimulatedPeer) {
        if let plan = plans.first, sentPlans > 0 {
            if !simulation.mayFail(plan), plan.abandonedAfter == nil { simulation.violated("\(plan.id): cut after \(peer.input.count) bytes with \(sentPlans) sent, pipelines \(pipelines), closing \(peer.hasEnded): \(plans)") }
            plans.removeFirst()
            sentPlans -= 1
            simulation.failed += 1
        }
        close()
    }

    private func close(isReset: Bool = false) {
        // What was sent behind an answer that will not come, or that ended the connection, is sent again.
        for plan in plans.prefix(sentPlans) { simulation.sentAgain(plan) }
        // A client that goes in order while its answer stalls cannot be told from one that still reads.
        peer?.close(isReset: isReset || plans.prefix(sentPlans).contains { $0.stalls })
        peer = nil
        sentPlans = 0
    }
}
