import Bytes
public import HTTP
public import Net
import TLS

/// One worker's connections to upstreams. Reached by pointer, lives as long as its loop.
public struct Client: ~Copyable {
    let loop: UnsafeMutablePointer<EventLoop>
    let options: ClientOptions
    let resolver: Resolver
    let handler: ClientHandlerReference
    var connections = Slab<HTTP1ClientConnection>()
    var http2Connections = Slab<HTTP2ClientConnection>()
    let workspace: UnsafeMutablePointer<HTTP2Workspace>
    var pools = PoolTable()
    /// Heads are parsed here and taken over by swapping.
    var incoming = ResponseHead()
    var headBuffer = ByteBuffer()
    fileprivate var sweep = TimerNode()
    fileprivate var security: UpstreamSecuritySource?
    fileprivate var sessions = SessionStore()
    /// Made for the first `https` origin.
    fileprivate var recordScratch: UnsafeMutablePointer<RecordScratch>?
    fileprivate var surplusSweep = TimerNode()
    public internal(set) var counters = ClientCounters()

    /// - Parameter handler: kept for ever.
    public init(loop: UnsafeMutablePointer<EventLoop>, options: ClientOptions, resolver: Resolver, handler: any ClientHandler) {
        self.loop = loop
        self.options = options
        self.resolver = resolver
        self.handler = ClientHandlerReference(handler)
        workspace = .allocate(capacity: 1)
        workspace.initialize(to: HTTP2Workspace())
    }

    deinit {
        workspace.deinitialize(count: 1)
        workspace.deallocate()
    }
}

/// Whether a connection could begin to be encrypted.
enum EncryptionStart {
    case begun(UnsafeMutablePointer<TLSConnection>, TLSClientContext)
    case failed(String)
}

/// What the connections to upstreams did; written by the loop's thread only.
public struct ClientCounters: Sendable {
    public var opened: UInt64 = 0
    public var reused: UInt64 = 0
    public var closed: UInt64 = 0
    /// TLS handshakes that were completed, and those of them whose records the kernel makes.
    public var handshakes: UInt64 = 0
    public var handshakesToKernel: UInt64 = 0
    public var idle = 0
}

extension UnsafeMutablePointer where Pointee == Client {
    /// Where heads are read to that the handler has no place for.
    var incoming: UnsafeMutablePointer<ResponseHead> { withUnsafeMutablePointer(to: &pointee.incoming) { $0 } }

    /// Takes an idle connection to `origin`, the one used last, or starts a new one.
    ///
    /// - Parameters:
    ///   - exchange: whom the handler's calls name.
    ///   - isOnce: the request could not be sent again: a reused connection is asked first whether it has been closed, which costs a system call.
    /// - Returns: the stream and whether it is connected; if not, `upstreamConnected` or `upstreamFailed` follows.
    public func open(
        _ origin: Origin, for exchange: UnsafeMutableRawPointer, _ needs: ConnectionNeeds = ConnectionNeeds(), isOnce: Bool = false
    ) -> (stream: ClientStream, isConnected: Bool) {
        if origin.scheme == .h2c { return openHTTP2(origin, for: exchange, needs) }
        // A connection of one client's cannot be one for many.
        let offersHTTP2 = origin.scheme.isSecure && needs.framing == .any && pointee.options.offersHTTP2 && needs.proxyHeader == nil
        if offersHTTP2, pointee.pools.choosesHTTP2(origin) { return openHTTP2(origin, for: exchange, needs) }
        if needs.framing == .webSocket, needs.proxyHeader == nil, origin.scheme.isSecure, pointee.options.offersHTTP2, let connection = pointee.pools.findHTTP2(origin),
            connection.takesTunnels == true { return (ClientStream(connection.reserve(for: exchange, asTunnel: true).stream), true) }
        if isOnce { closeEnded(origin) }
        if !needs.isFresh, needs.proxyHeader == nil, let connection = pointee.pools.takeIdle(origin) {
            pointee.counters.idle -= 1
            pointee.counters.reused += 1
            connection.reuse(for: exchange)
            return (ClientStream(connection: connection), true)
        }
        let connection = pointee.connections.allocate()
        connection.initialize(to: HTTP1ClientConnection(origin: origin, client: self, exchange: exchange))
        connection.pointee.offersHTTP2 = offersHTTP2
        connection.pointee.isFreshAsked = needs.isFresh
        connection.pointee.proxyHeader = needs.proxyHeader
        pointee.counters.opened += 1
        connection.connect(within: needs.connectTimeout)
        return (ClientStream(connection: connection), false)
    }

    /// Sees to it that the idle connection used next is open.
    @inline(never)
    private func closeEnded(_ origin: Origin) {
        while let connection = pointee.pools.newestIdle(origin), !connection.isStillOpen() {}
    }

    /// Takes a stream of a connection that has room, be it one that is being made, or begins a new connection.
    private func openHTTP2(_ origin: Origin, for exchange: UnsafeMutableRawPointer, _ needs: ConnectionNeeds) -> (stream: ClientStream, isConnected: Bool) {
        let isTunnel = needs.framing == .webSocket
        if needs.proxyHeader == nil, let connection = pointee.pools.findHTTP2(origin), !needs.isFresh || connection.pointee.phase == .connecting {
            if connection.pointee.phase == .open { pointee.counters.reused += 1 }
            let (stream, isReady) = connection.reserve(for: exchange, asTunnel: isTunnel)
            return (ClientStream(stream), isReady)
        }
        let connection = makeHTTP2(origin, isPooled: needs.proxyHeader == nil)
        let stream = connection.reserve(for: exchange, asTunnel: isTunnel).stream
        let dialer = pointee.connections.allocate()
        dialer.initialize(to: HTTP1ClientConnection(origin: origin, client: self, dialingFor: connection))
        dialer.pointee.offersHTTP2 = origin.scheme.isSecure
        dialer.pointee.proxyHeader = needs.proxyHeader
        pointee.counters.opened += 1
        dialer.connect(within: needs.connectTimeout)
        return (ClientStream(stream), false)
    }

    private func makeHTTP2(_ origin: Origin, isPooled: Bool = true) -> UnsafeMutablePointer<HTTP2ClientConnection> {
        let connection = pointee.http2Connections.allocate()
        connection.initialize(to: HTTP2ClientConnection(origin: origin, client: self))
        if isPooled { pointee.pools.addHTTP2(connection) }
        return connection
    }

    /// Gives the exchange of a new connection, which turned out to be one for many, a stream.
    ///
    /// - Returns: the connection that the transport is for; nil if another was quicker and has room for the exchange.
    func share(_ origin: Origin, with exchange: UnsafeMutableRawPointer, isFresh: Bool) -> UnsafeMutablePointer<HTTP2ClientConnection>? {
        if !isFresh, let open = pointee.pools.findHTTP2(origin), open.pointee.phase == .open {
            let (stream, isReady) = open.reserve(for: exchange)
            if isReady { pointee.handler.upstreamConnected(exchange, ClientStream(stream)) } else { pointee.handler.upstreamMoved(exchange, ClientStream(stream)) }
            return nil
        }
        let connection = makeHTTP2(origin)
        _ = connection.reserve(for: exchange)
        return connection
    }

    /// Sets where rules for TLS come from; without them `https` origins cannot be connected to.
    public func setSecurity(_ source: @escaping UpstreamSecuritySource) { pointee.security = source }

    /// Begins to encrypt a connected socket.
    func encrypt(_ socket: Transport, for origin: Origin, offersHTTP2: Bool) -> EncryptionStart {
        guard let security = pointee.security?(origin) else { return .failed("no rules for TLS") }
        guard case .rules(let context, let serverName) = security else {
            if case .unusable(let reason) = security { return .failed(reason) }
            return .failed("no rules for TLS")
        }
        let scratch = pointee.recordScratch ?? RecordScratch.make(pointee.loop)
        pointee.recordScratch = scratch
        let connection = context.connect(
            socket, name: serverName ?? String(decoding: origin.host, as: UTF8.self), isAddress: serverName == nil && origin.address != nil,
            offersHTTP2: offersHTTP2, session: pointee.sessions.session(for: origin, under: context), scratch: scratch)
        return connection.map { .begun($0, context) } ?? .failed("no memory")
    }

    func keepSession(_ session: TLSSession, for origin: Origin, under context: TLSClientContext) {
        pointee.sessions.keep(session, for: origin, under: context)
    }

    /// Keeps a connection whose response is complete for the next exchange.
    func keepIdle(_ connection: UnsafeMutablePointer<HTTP1ClientConnection>) {
        let options = pointee.options
        let isSurplus = pointee.pools.idleCount(connection.pointee.origin) >= options.idlePerOriginMax
        pointee.pools.addIdle(connection)
        pointee.counters.idle += 1
        if options.idleMax > 0, pointee.counters.idle > options.idleMax, let oldest = pointee.pools.oldestIdle { oldest.close() }
        startSweep()
        if isSurplus, !pointee.surplusSweep.isSet { setSurplusTimer(at: pointee.loop.pointee.now + Limits.surplusNanoseconds) }
    }

    func forgetIdle(_ connection: UnsafeMutablePointer<HTTP1ClientConnection>) {
        pointee.pools.removeIdle(connection)
        pointee.counters.idle -= 1
    }

    /// Closes all idle connections, at the end of the worker's life.
    public func closeIdle() {
        while let oldest = pointee.pools.oldestIdle { oldest.close() }
        for connection in pointee.pools.http2Connections() where connection.pointee.phase == .open && connection.pointee.session.streamCount == 0 { connection.close() }
    }

    /// Idle connections leave in the order in which they came, so one timer for the oldest serves all.
    private func startSweep() {
        guard !pointee.sweep.isSet, pointee.options.idleTimeout > 0 else { return }
        pointee.sweep.owner = UnsafeMutableRawPointer(self)
        pointee.sweep.expired = { $0.assumingMemoryBound(to: Client.self).sweepIdle() }
        setSweepTimer()
    }

    fileprivate func sweepIdle() {
        let loop = pointee.loop
        while let oldest = pointee.pools.oldestIdle, oldest.pointee.idleSince + pointee.options.idleTimeout <= loop.pointee.now { oldest.close() }
        if pointee.pools.oldestIdle != nil { setSweepTimer() }
    }

    /// Connections beyond what an origin may keep are kept for a moment, since many streams of HTTP/2 come and go in waves,
    /// and connecting anew costs more than a whole exchange.
    private func setSurplusTimer(at deadline: UInt64) {
        pointee.surplusSweep.owner = UnsafeMutableRawPointer(self)
        pointee.surplusSweep.expired = { $0.assumingMemoryBound(to: Client.self).sweepSurplus() }
        pointee.loop.pointee.timers.set(withUnsafeMutablePointer(to: &pointee.surplusSweep) { $0 }, at: deadline)
    }

    fileprivate func sweepSurplus() {
        let now = pointee.loop.pointee.now
        var next = pointee.pools.oldestIdle
        while let connection = next {
            next = connection.pointee.idleNext
            guard pointee.pools.idleCount(connection.pointee.origin) > pointee.options.idlePerOriginMax else { continue }
            let deadline = connection.pointee.idleSince + Limits.surplusNanoseconds
            // The rest is younger.
            if deadline > now { return setSurplusTimer(at: deadline) }
            connection.close()
        }
    }

    private func setSweepTimer() {
        guard let oldest = pointee.pools.oldestIdle else { return }
        let timer = withUnsafeMutablePointer(to: &pointee.sweep) { $0 }
        pointee.loop.pointee.timers.set(timer, at: oldest.pointee.idleSince + pointee.options.idleTimeout)
    }
}
