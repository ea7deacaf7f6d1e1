public import Bytes
public import Downstream
import Filters
public import HTTP
public import Net
public import Routing
import Telemetry
public import Upstream

/// One thread of the proxy: a loop with its listeners, connections, pools and exchanges. It shares with the other
/// workers only the published routing table and what filters share on purpose.
public final class ProxyWorker {
    public let loop: UnsafeMutablePointer<EventLoop>
    public let options: ProxyOptions
    let slot: RoutingTableSlot
    let services: WorkerServices
    private var serverStorage: UnsafeMutablePointer<Server>
    private var clientStorage: UnsafeMutablePointer<Client>
    private var exchanges = Slab<Exchange>()
    /// Places of ended exchanges, the last one first.
    private var idleExchange: UnsafeMutablePointer<Exchange>?
    private var interim = ResponseHead()
    var tables = TableGenerations()
    var securedOrigins = SecuredOrigins()
    private var tableVersion: UInt64 = .max
    private let reader: TableReader
    public let telemetry: WorkerTelemetry
    public let connections = ConnectionCounts()
    private var whenEmpty: (() -> Void)?
    /// The health path answers 200 while true.
    public var isHealthy = true

    public var server: UnsafeMutablePointer<Server> { serverStorage }
    var client: UnsafeMutablePointer<Client> { clientStorage }

    /// - Parameters:
    ///   - clock: of a simulation, if not the system's.
    ///   - seed: of the choices that are left to chance.
    public init(
        options: ProxyOptions, server serverOptions: ServerOptions, client clientOptions: ClientOptions, slot: RoutingTableSlot, telemetry: WorkerTelemetry,
        dnsServers: [SocketAddress] = [], clock: LoopClock = .system, seed: UInt64 = .random(in: .min ... .max)
    ) throws(SystemError) {
        let loop = UnsafeMutablePointer<EventLoop>.allocate(capacity: 1)
        loop.initialize(to: try EventLoop(clock: clock))
        self.loop = loop
        self.options = options
        self.slot = slot
        reader = slot.addReader()
        self.telemetry = telemetry
        services = WorkerServices(loop: loop, telemetry: telemetry, seed: seed)
        serverStorage = .allocate(capacity: 1)
        clientStorage = .allocate(capacity: 1)
        serverStorage.initialize(to: Server(loop: loop, options: serverOptions, handler: self))
        clientStorage.initialize(to: Client(loop: loop, options: clientOptions, resolver: Resolver(loop: loop, servers: dnsServers), handler: self))
        loop.pointee.turnOwner = Unmanaged.passUnretained(self).toOpaque()
        loop.pointee.startOfTurn = { Unmanaged<ProxyWorker>.fromOpaque($0).takeUnretainedValue().adoptTable() }
        loop.pointee.endOfTurn = { Unmanaged<ProxyWorker>.fromOpaque($0).takeUnretainedValue().turnEnded() }
    }

    /// Runs until `loop.stop()`.
    public func run() {
        adoptTable()
        loop.run()
    }

    private func turnEnded() {
        telemetry.accessLog.flush()
        connections.publish(server.pointee.counters, client.pointee.counters)
        if let done = whenEmpty, !server.hasRequestsUnderWay {
            whenEmpty = nil
            done()
        }
    }

    /// Takes the newest table, before the turn's first request; three loads when nothing has changed.
    private func adoptTable() {
        reader.turnBegins(slot)
        let version = slot.version
        guard version != tableVersion else { return }
        tableVersion = version
        tables.replace(with: slot.table)
        securedOrigins.removeAll()
    }

    /// Sets where rules for TLS to upstreams come from; before `run`.
    public func setUpstreamSecurity(_ source: @escaping UpstreamSecuritySource) { client.setSecurity(source) }

    /// Closes idle connections, lets every response close its own, and calls `done` once nobody but tunnels is left.
    public func drain(_ done: @escaping () -> Void) {
        server.drain()
        whenEmpty = done
    }

    /// Lends a head for a response of the proxy's own ahead of the final one.
    func withInterimHead(status: UInt16, _ body: (borrowing ResponseHead) -> Void) {
        interim.reset(status: status)
        body(interim)
    }

    // MARK: Exchanges

    fileprivate func begin(_ stream: ServerStream) -> UnsafeMutablePointer<Exchange> {
        let exchange: UnsafeMutablePointer<Exchange>
        if let idle = idleExchange {
            exchange = idle
            idleExchange = idle.pointee.nextIdle
        } else {
            exchange = exchanges.allocate()
            exchange.initialize(to: Exchange(worker: self, server: stream))
            exchange.initializeTimer()
        }
        exchange.prepare(stream)
        return exchange
    }

    /// Exchanges that have begun and not ended.
    var exchangesUnderWay: Int {
        var count = exchanges.count
        var idle = idleExchange
        while let exchange = idle {
            count -= 1
            idle = exchange.pointee.nextIdle
        }
        return count
    }

    /// Takes a place back; its memory stays warm for the next exchange.
    func release(_ exchange: UnsafeMutablePointer<Exchange>) {
        exchange.cancelTimer()
        exchange.pointee.nextIdle = idleExchange
        idleExchange = exchange
    }

    /// Tells the application log why the proxy answered by itself.
    func report(_ error: ProxyError, status: UInt16, _ exchange: UnsafeMutablePointer<Exchange>) {
        if let reason = error.reason { report("\(status) \(reason)", exchange) }
    }

    /// Tells the application log why a response ends in its body.
    func reportCut(_ reason: String, _ exchange: UnsafeMutablePointer<Exchange>) { report("response cut: \(reason)", exchange) }

    private func report(_ event: String, _ exchange: UnsafeMutablePointer<Exchange>) {
        let route = exchange.pointee.filter.route?.id ?? "-"
        let upstream = exchange.pointee.origin.map { $0.takeUnretainedValue().hostAndPort } ?? "-"
        telemetry.log.error(
            key: "\(event) \(route)", now: loop.pointee.now,
            "\(event) client=\(exchange.pointee.filter.peer) route=\(route) endpoint=\(upstream) attempt=\(exchange.pointee.attemptCount)")
    }
}

extension ProxyWorker: ServerHandler {
    /// The head of the exchange that begins next.
    public var requestPlace: UnsafeMutablePointer<RequestHead>? { idleExchange.map { $0.requestHead } }

    public func requestReceived(_ head: UnsafeMutablePointer<RequestHead>, on stream: ServerStream, refusal: HTTPError?) {
        let exchange = begin(stream)
        if exchange.requestHead != head { swap(&exchange.pointee.filter.request, &head.pointee) }
        stream.attach(exchange)
        exchange.start(refusal: refusal)
    }

    public func requestBody(_ exchange: UnsafeMutableRawPointer, _ piece: BodyPiece, isLast: Bool, trailers: TrailerLines) {
        exchange.assumingMemoryBound(to: Exchange.self).requestBody(piece, isLast: isLast, trailers: trailers)
    }

    public func requestBody(_ exchange: UnsafeMutableRawPointer, _ pipe: Pipe) { exchange.assumingMemoryBound(to: Exchange.self).requestBody(pipe) }

    public func requestStalled(_ exchange: UnsafeMutableRawPointer) {
        exchange.assumingMemoryBound(to: Exchange.self).requestStalled()
    }

    public func requestFailed(_ exchange: UnsafeMutableRawPointer, _ failure: ServerFailure) {
        exchange.assumingMemoryBound(to: Exchange.self).clientFailed(failure)
    }

    public func clientWritable(_ exchange: UnsafeMutableRawPointer) {
        exchange.assumingMemoryBound(to: Exchange.self).clientWritable()
    }

    public func prefaceFailed(_ peer: SocketAddress, reason: String) {
        telemetry.log.info(key: "preface \(reason)", now: loop.pointee.now, "connection refused: \(reason) peer=\(peer)")
    }

    public func handshakeFailed(_ peer: SocketAddress, reason: String) {
        telemetry.log.info(key: "handshake \(reason)", now: loop.pointee.now, "TLS handshake failed: \(reason) client=\(peer)")
    }
}

extension ProxyWorker: ClientHandler {
    public func upstreamConnected(_ exchange: UnsafeMutableRawPointer, _ stream: ClientStream) {
        exchange.assumingMemoryBound(to: Exchange.self).connected(stream)
    }

    public func upstreamMoved(_ exchange: UnsafeMutableRawPointer, _ stream: ClientStream) {
        exchange.assumingMemoryBound(to: Exchange.self).pointee.client = stream
    }

    public func responsePlace(_ exchange: UnsafeMutableRawPointer) -> UnsafeMutablePointer<ResponseHead>? {
        exchange.assumingMemoryBound(to: Exchange.self).responseHead
    }

    public func responseReceived(_ exchange: UnsafeMutableRawPointer, _ head: UnsafeMutablePointer<ResponseHead>) {
        let exchange = exchange.assumingMemoryBound(to: Exchange.self)
        let status = head.pointee.status
        if status < 200, status != 101 {
            if status == 100 { exchange.pointee.filter.request.withdrawExpectation() }
            return exchange.pointee.server.respondInterim(head.pointee)
        }
        if exchange.responseHead != head { swap(&exchange.pointee.filter.response, &head.pointee) }
        exchange.responseReceived()
    }

    public func responseBody(_ exchange: UnsafeMutableRawPointer, _ piece: BodyPiece, isLast: Bool, trailers: TrailerLines) {
        exchange.assumingMemoryBound(to: Exchange.self).responseBody(piece, isLast: isLast, trailers: trailers)
    }

    public func responseBody(_ exchange: UnsafeMutableRawPointer, _ pipe: Pipe) { exchange.assumingMemoryBound(to: Exchange.self).responseBody(pipe) }

    public func responseStalled(_ exchange: UnsafeMutableRawPointer) {
        exchange.assumingMemoryBound(to: Exchange.self).responseStalled()
    }

    public func upstreamWritable(_ exchange: UnsafeMutableRawPointer) {
        exchange.assumingMemoryBound(to: Exchange.self).upstreamWritable()
    }

    public func upstreamFailed(_ exchange: UnsafeMutableRawPointer, _ failure: ClientFailure) {
        exchange.assumingMemoryBound(to: Exchange.self).upstreamFailed(failure)
    }
}
