import Bytes
import HTTP
public import Net
import TLS

/// One worker's listening side: its connections and what they share. Reached by pointer, lives as long as its loop.
public struct Server: ~Copyable {
    let loop: UnsafeMutablePointer<EventLoop>
    let options: ServerOptions
    let handler: ServerHandlerReference
    var connections = Slab<HTTP1ServerConnection>()
    var prefaces = Slab<PrefaceConnection>()
    var prefaceCount = 0
    var handshakes = Slab<HandshakeConnection>()
    var oldestHandshake: UnsafeMutablePointer<HandshakeConnection>?
    var youngestHandshake: UnsafeMutablePointer<HandshakeConnection>?
    var handshakeCount = 0
    /// Handshakes left to the next turn, and how many this turn has had.
    var queuedHandshakes: [UnsafeMutablePointer<HandshakeConnection>] = []
    var handshakesOfTurn = 0
    var handshakeTurn: UInt64 = 0
    /// What handshakes begin with; replaced when certificates are.
    var tls: TLSServerContext?
    var recordScratch: UnsafeMutablePointer<RecordScratch>?
    var http2Connections = Slab<HTTP2ServerConnection>()
    let workspace: UnsafeMutablePointer<HTTP2Workspace>
    /// All open connections, newest first.
    var newest: UnsafeMutablePointer<HTTP1ServerConnection>?
    var newestHTTP2: UnsafeMutablePointer<HTTP2ServerConnection>?
    /// Heads are parsed here and taken over by swapping.
    var incoming = RequestHead()
    var headBuffer = ByteBuffer()
    var date: HTTPDate
    /// Where the number of connections is told to the other workers.
    var share: AcceptShare?
    var shareWorker = 0
    /// Every response says that it is the last, and connections close when idle.
    public fileprivate(set) var isDraining = false
    public internal(set) var counters = ServerCounters()

    /// - Parameter handler: kept for ever.
    public init(loop: UnsafeMutablePointer<EventLoop>, options: ServerOptions, handler: any ServerHandler) {
        self.loop = loop
        self.options = options
        self.handler = ServerHandlerReference(handler)
        date = HTTPDate()
        workspace = .allocate(capacity: 1)
        workspace.initialize(to: HTTP2Workspace())
    }

    deinit {
        workspace.deinitialize(count: 1)
        workspace.deallocate()
    }
}

/// What the server's connections did; written by the loop's thread only.
public struct ServerCounters: Sendable {
    public var accepted: UInt64 = 0
    public var closed: UInt64 = 0
    /// Requests begun, and connections that became idle after one.
    public var requests: UInt64 = 0
    public var becameIdle: UInt64 = 0
    public var closedByAge: UInt64 = 0
    public var closedByRequests: UInt64 = 0
    /// HTTP/2 connections ended because the client broke the protocol's rules or a limit.
    public var protocolErrors: UInt64 = 0
    /// Of TLS: completed, those of them without certificates and signatures, and begun ones that came to nothing.
    public var handshakes: UInt64 = 0
    public var handshakesResumed: UInt64 = 0
    public var handshakesFailed: UInt64 = 0
    /// Those completed whose records the kernel makes.
    public var handshakesToKernel: UInt64 = 0
    /// Connections that were refused for their peer or their PROXY header.
    public var prefacesFailed: UInt64 = 0
    /// Times the process had no descriptor left for a connection.
    public var exhausted: UInt64 = 0
    public var active: Int { Int(accepted - closed) }
}

extension UnsafeMutablePointer where Pointee == Server {
    /// Where heads are read to that the handler has no place for.
    var incoming: UnsafeMutablePointer<RequestHead> { withUnsafeMutablePointer(to: &pointee.incoming) { $0 } }

    /// Takes over an accepted connection in the clear and reads at once what its client has sent already.
    public func accept(_ transport: Transport, peer: SocketAddress) {
        connectionOpened()
        let connection = place(transport, peer)
        do {
            try pointee.loop.pointee.register(transport.descriptor, connection)
        } catch {
            return connection.close()
        }
        connection.opened()
    }

    /// Takes over a connection that is counted and registered already, as encrypted ones are after their handshake.
    func adopt(_ transport: Transport, peer: SocketAddress) {
        let connection = place(transport, peer)
        do {
            try pointee.loop.pointee.hand(transport.descriptor, to: connection)
        } catch {
            return connection.close()
        }
        connection.opened()
        if pointee.isDraining { connection.drainOpened() }
    }

    private func place(_ transport: Transport, _ peer: SocketAddress) -> UnsafeMutablePointer<HTTP1ServerConnection> {
        let connection = pointee.connections.allocate()
        connection.initialize(to: HTTP1ServerConnection(transport, peer: peer, server: self))
        connection.pointee.next = pointee.newest
        pointee.newest?.pointee.previous = connection
        pointee.newest = connection
        return connection
    }

    /// Goes on in HTTP/2 with a connection that is counted and registered already: its client has chosen that by ALPN, or
    /// has begun with the preface (RFC 9113 §3).
    ///
    /// - Parameter bytes: what the client has sent so far.
    func adoptHTTP2(_ transport: Transport, peer: SocketAddress, _ bytes: UnsafeMutableRawBufferPointer = .init(start: nil, count: 0)) {
        let connection = pointee.http2Connections.allocate()
        connection.initialize(to: HTTP2ServerConnection(transport, peer: peer, server: self))
        connection.pointee.next = pointee.newestHTTP2
        pointee.newestHTTP2?.pointee.previous = connection
        pointee.newestHTTP2 = connection
        do {
            try pointee.loop.pointee.hand(transport.descriptor, to: connection)
        } catch {
            return connection.close()
        }
        connection.opened(bytes)
        if pointee.isDraining { connection.leave() }
    }

    /// From now on every response closes its connection, and idle connections are closed.
    public func drain() {
        pointee.isDraining = true
        closeWaitingHandshakes()
        var next = pointee.newest
        while let connection = next {
            next = connection.pointee.next
            connection.drain()
        }
        var nextHTTP2 = pointee.newestHTTP2
        while let connection = nextHTTP2 {
            nextHTTP2 = connection.pointee.next
            connection.leave()
        }
    }

    /// Whether anybody still has a response to come. Tunnels end when their ends want, which may be never.
    public var hasRequestsUnderWay: Bool {
        var tunnels = 0
        var next = pointee.newest
        while let connection = next {
            guard connection.pointee.isTunnel else { return true }
            tunnels += 1
            next = connection.pointee.next
        }
        var nextHTTP2 = pointee.newestHTTP2
        while let connection = nextHTTP2 {
            guard connection.carriesOnlyTunnels else { return true }
            tunnels += 1
            nextHTTP2 = connection.pointee.next
        }
        return tunnels < pointee.counters.active
    }

    func forget(_ connection: UnsafeMutablePointer<HTTP1ServerConnection>) {
        unlink(connection)
        connectionClosed()
    }

    func unlink(_ connection: UnsafeMutablePointer<HTTP1ServerConnection>) {
        if let previous = connection.pointee.previous { previous.pointee.next = connection.pointee.next } else { pointee.newest = connection.pointee.next }
        connection.pointee.next?.pointee.previous = connection.pointee.previous
    }

    func forget(_ connection: UnsafeMutablePointer<HTTP2ServerConnection>) {
        if let previous = connection.pointee.previous { previous.pointee.next = connection.pointee.next } else { pointee.newestHTTP2 = connection.pointee.next }
        connection.pointee.next?.pointee.previous = connection.pointee.previous
        connectionClosed()
    }

    func connectionOpened() {
        pointee.counters.accepted += 1
        tellConnections()
    }

    func connectionClosed() {
        pointee.counters.closed += 1
        tellConnections()
    }

    private func tellConnections() { pointee.share?.setConnections(pointee.counters.active, of: pointee.shareWorker) }
}
