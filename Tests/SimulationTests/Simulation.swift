import Bytes
@testable import Downstream
import Eskip
import Filters
import Logging
@testable import Net
@testable import Proxy
import Routing
import Telemetry
import TestSupport
import Upstream

/// A worker of the proxy between clients and origins that one thread plays, in an order that a seed decides, on a clock
/// that this order moves. Every byte that arrives is held against the plan of its request.
final class Simulation {
    private var random: SeededRandom
    private let time: UnsafeMutablePointer<UInt64>
    private let slot = RoutingTableSlot()
    private let compiler = RouteCompiler(filters: .builtIn(), endpoints: EndpointRegistry())
    private let worker: ProxyWorker
    private let listener: UnsafeMutablePointer<Listener>
    let port: UInt16
    private var origins: [SimulatedOrigin] = []
    private var clients: [SimulatedClient] = []
    private(set) var plans: [Int: Plan] = [:]
    /// How often a request came to an origin.
    private var arrivals: [Int: Int] = [:]
    /// How often its client sent a request again.
    private var sendings: [Int: Int] = [:]
    private(set) var violations: [String] = []
    var answered = 0
    var failed = 0

    init(seed: UInt64) throws {
        random = SeededRandom(seed)
        time = .allocate(capacity: 1)
        time.initialize(to: 1_000_000_000)
        var server = ServerOptions()
        server.requestsMax = 1 + random.below(20)
        var client = ClientOptions()
        client.connectTimeout = 2_000_000_000
        client.responseHeaderTimeout = 5_000_000_000
        client.idlePerOriginMax = 1 + random.below(4)
        worker = try ProxyWorker(
            options: ProxyOptions(), server: server, client: client, slot: slot, telemetry: try Simulation.telemetry(), clock: .manual(UnsafePointer(time)),
            seed: random.next())
        listener = .allocate(capacity: 1)
        listener.initialize(to: Listener(
            try Sockets.listen(SocketAddress(.loopbackV4, port: 0)), server: worker.server, share: AcceptShare(workerCount: 1), worker: 0))
        port = listener.pointee.address.port
        try listener.start()
        for _ in 0..<3 { origins.append(try SimulatedOrigin(self)) }
        publish()
    }

    private static func telemetry() throws -> WorkerTelemetry {
        let metrics = MetricRegistry()
        let writer = try LogWriter(.file("/dev/null"))
        let log = Logger(label: "simulation") { _ in ApplicationLog(writer, options: ApplicationLogOptions()) }
        return WorkerTelemetry(
            metrics: metrics.makeShard(), labels: metrics.labels, accessLog: AccessLog(writer), log: ThrottledLog(log), audits: writer, logsAccess: true)
    }

    func violated(_ text: String) { violations.append("at \(time.pointee / 1_000_000) ms: \(text)") }

    func arrived(_ plan: Plan) {
        arrivals[plan.id, default: 0] += 1
        if sendings[plan.id, default: 0] > 0 { return }
        // A second time only if the first cannot have been answered, and never what must not be repeated.
        if arrivals[plan.id]! > 1, !plan.method.isRepeatable || plan.fault == .none { violated("\(plan.id): sent \(arrivals[plan.id]!) times: \(plan)") }
    }

    func sentAgain(_ plan: Plan) { sendings[plan.id, default: 0] += 1 }

    /// Whether the client may get less than the origin's whole answer: by the plan's fault; or because the request went to a
    /// connection that its origin was closing without a word, and may not be sent again.
    func mayFail(_ plan: Plan) -> Bool { plan.fault != .none || !plan.method.isRepeatable && arrivals[plan.id] == nil }

    // MARK: The course of it

    func run(requests: Int) {
        let baseline = worker.loop.pointee.now
        makeClients(requests)
        for _ in 0..<(requests * 12) { step() }
        settle()
        finish()
        precondition(worker.loop.pointee.now > baseline)
    }

    private func makeClients(_ requests: Int) {
        var left = requests
        while left > 0 {
            let count = min(left, 1 + random.below(5))
            let own = (0..<count).map { _ in
                let plan = Plan(id: plans.count, routes: ["/o0", "/o1", "/o2", "/all", "/any"], &random)
                plans[plan.id] = plan
                return plan
            }
            clients.append(SimulatedClient(own, pipelines: random.chance(oneIn: 4), self))
            left -= count
        }
    }

    private func step() {
        switch random.below(12) {
        case 0...4: _ = clients[random.below(clients.count)].step(&random)
        case 5...7: _ = origins[random.below(origins.count)].step(&random)
        case 8: time.pointee += UInt64(random.below(3_000_000))
        case 9 where random.chance(oneIn: 10): publish()
        default: worker.loop.turn()
        }
    }

    /// Other routes come and go; what the clients ask for stays, with other endpoints.
    private func publish() {
        var lines = origins.enumerated().map { "o\($0): PathSubtree(\"/o\($0)\") -> setResponseHeader(\"X-Route\", \"\($0)\") -> \"http://127.0.0.1:\($1.port)\";" }
        let addresses = origins.map { "\"http://127.0.0.1:\($0.port)\"" }
        let first = random.below(addresses.count), count = 1 + random.below(addresses.count)
        let endpoints = (first..<first + count).map { addresses[$0 % addresses.count] }
        lines.append("all: PathSubtree(\"/all\") -> <roundRobin, \(endpoints.joined(separator: ", "))>;")
        lines.append("any: PathSubtree(\"/any\") -> \(endpoints[0]);")
        // None of them, as often as not: then the table stays.
        lines += (0..<(random.chance(oneIn: 2) ? random.below(5) : 0)).map { "x\($0): Path(\"/x\($0)\") -> status(\(200 + random.below(100))) -> <shunt>;" }
        let parsed = RouteDocument.parse(lines.joined(separator: "\n"), sourceName: "simulation")
        let update = compiler.replaceAll(with: Array(parsed.document), clock: RouteClock(now: time.pointee, wallTime: time.pointee))
        precondition(parsed.isValid && update.diagnostics.isEmpty)
        if update.hasChanges { slot.publish(update.table) }
        slot.retire(update.replaced)
        _ = slot.reclaim()
        compiler.reclaim()
    }

    /// Everybody does all they can; when nothing moves, time does. What has no answer after two minutes never gets one.
    private func settle() {
        var end = time.pointee + 120_000_000_000
        while clients.contains(where: { !$0.isDone }) {
            var moved = false
            for client in clients { moved = client.step(&random, isFull: true) || moved }
            for origin in origins { moved = origin.step(&random, isFull: true) || moved }
            for _ in 0..<3 { worker.loop.turn() }
            if moved { continue }
            time.pointee += 500_000_000
            guard time.pointee > end else { continue }
            for client in clients where !client.isDone { client.giveUp() }
            end = time.pointee + 120_000_000_000
        }
    }

    /// With the clients gone nothing may be left of them: no exchange, no connection on either side.
    private func finish() {
        for _ in 0..<600 {
            time.pointee += 200_000_000
            worker.loop.turn()
            for origin in origins { _ = origin.step(&random, isFull: true) }
        }
        if worker.server.pointee.counters.active != 0 { violated("\(worker.server.pointee.counters.active) connections of clients are left") }
        if worker.exchangesUnderWay != 0 { violated("\(worker.exchangesUnderWay) exchanges are left") }
        let open = origins.reduce(0) { $0 + $1.openConnections }
        if open != 0 { violated("\(open) connections to origins are left") }
        listener.stop()
    }
}
