import Bytes
import Net
import TestSupport

/// A server that answers each request as its plan says.
final class SimulatedOrigin {
    private final class Connection {
        let peer: SimulatedPeer
        /// The request whose answer is being sent.
        var plan: Plan?
        var requestIsRead = true
        var answeredAt = 0

        init(_ peer: SimulatedPeer) { self.peer = peer }
    }

    private let listener: FileDescriptor
    let port: UInt16
    private var connections: [Connection] = []
    private unowned let simulation: Simulation

    init(_ simulation: Simulation) throws {
        self.simulation = simulation
        listener = try Sockets.listen(SocketAddress(.loopbackV4, port: 0))
        port = Sockets.localAddress(listener.number)!.port
    }

    var openConnections: Int { connections.count }

    /// - Parameter isFull: everything that can happen does, in place of a part of it.
    /// - Returns: whether anything happened.
    func step(_ random: inout SeededRandom, isFull: Bool = false) -> Bool {
        var moved = false
        while let accepted = try? Sockets.accept(listener.number) {
            connections.append(Connection(SimulatedPeer(accepted.descriptor)))
            moved = true
            if !isFull { break }
        }
        for connection in connections where isFull || random.chance(oneIn: 2) {
            let limit = isFull ? 1 << 20 : 1 + random.below(random.element([1, 50, 4_000, 200_000]))
            if connection.peer.receive(atMost: limit) || connection.plan == nil && !connection.peer.input.isEmpty {
                moved = true
                serve(connection)
            }
            moved = connection.peer.send(atMost: remaining(connection, limit)) || moved
            moved = finish(connection) || moved
        }
        connections.removeAll { $0.peer.isClosed }
        return moved
    }

    private func serve(_ connection: Connection) {
        let peer = connection.peer
        if connection.plan == nil, let head = Message(peer.input[...]) {
            guard let id = head.fields["x-id"].flatMap({ Int($0) }), let plan = simulation.plans[id] else {
                return simulation.violated("an origin got a request that nobody sent: \(head.startLine)")
            }
            if head.startLine != "\(plan.method.rawValue) \(plan.path) HTTP/1.1" { simulation.violated("\(id): sent to the origin as \(head.startLine)") }
            connection.plan = plan
            connection.requestIsRead = false
            connection.answeredAt = peer.sentCount
            simulation.arrived(plan)
            if plan.isEarly { answer(connection, plan) }
        }
        guard let plan = connection.plan, !connection.requestIsRead, let head = Message(peer.input[...]) else { return }
        switch head.body(peer.input[head.headCount...]) {
        case .incomplete: return
        case .malformed: simulation.violated("\(plan.id): a malformed body arrived at the origin")
        case .complete(let body, let count):
            if body != plan.requestBody { simulation.violated("\(plan.id): the origin got another body of \(body.count) bytes") }
            peer.input.removeFirst(head.headCount + count)
            connection.requestIsRead = true
            if !plan.isEarly { answer(connection, plan) }
        }
    }

    private func answer(_ connection: Connection, _ plan: Plan) {
        switch plan.fault {
        case .silence: break
        case .garbage: connection.peer.write(Array("HTTQ/1.1 nonsense\r\n\r\n".utf8))
        default: connection.peer.write(plan.responseBytes)
        }
    }

    /// How many bytes may leave before the plan's fault.
    private func remaining(_ connection: Connection, _ limit: Int) -> Int {
        guard let plan = connection.plan else { return limit }
        switch plan.fault {
        case .cut(let count, _), .stall(let count): return max(0, min(limit, connection.answeredAt + count - connection.peer.sentCount))
        default: return limit
        }
    }

    /// Closes what the plan, its fault or the proxy has ended, and goes on to the next request.
    private func finish(_ connection: Connection) -> Bool {
        let peer = connection.peer
        guard let plan = connection.plan else {
            if peer.hasEnded { peer.close(isReset: false) }
            return peer.hasEnded
        }
        let sent = peer.sentCount - connection.answeredAt
        if case .cut(let count, let isReset) = plan.fault, sent >= count || sent >= plan.responseBytes.count, connection.requestIsRead || plan.isEarly {
            peer.close(isReset: isReset)
            return true
        }
        if peer.hasEnded {
            peer.close(isReset: false)
            return true
        }
        guard connection.requestIsRead, peer.isFlushed else { return false }
        switch plan.fault {
        case .silence: return false
        case .stall where sent < plan.responseBytes.count: return false
        case .garbage: peer.close(isReset: false)
        default:
            if plan.endsConnection || plan.closesSilently { peer.close(isReset: false) }
        }
        connection.plan = nil
        return true
    }
}
