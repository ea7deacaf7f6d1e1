import Bytes
import HTTP
public import Net

/// One worker's listening side: its connections and what they share. Reached by pointer, lives as long as its loop.
public struct Server: ~Copyable {
    let loop: UnsafeMutablePointer<EventLoop>
    let options: ServerOptions
    unowned(unsafe) let handler: any ServerHandler
    var connections = Slab<HTTP1ServerConnection>()
    /// All open connections, newest first.
    var newest: UnsafeMutablePointer<HTTP1ServerConnection>?
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

    /// - Parameter handler: outlives the server.
    public init(loop: UnsafeMutablePointer<EventLoop>, options: ServerOptions, handler: any ServerHandler) {
        self.loop = loop
        self.options = options
        self.handler = handler
        date = HTTPDate()
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
    public var active: Int { Int(accepted - closed) }
}

extension UnsafeMutablePointer where Pointee == Server {
    /// Takes over an accepted connection and reads at once what its client has sent already.
    public func accept(_ transport: Transport, peer: SocketAddress) {
        let connection = pointee.connections.allocate()
        connection.initialize(to: HTTP1ServerConnection(transport, peer: peer, server: self))
        do {
            try pointee.loop.pointee.register(transport.descriptor, connection)
        } catch {
            connection.pointee.transport.close()
            connection.deinitialize(count: 1)
            return pointee.connections.give(back: connection)
        }
        connection.pointee.next = pointee.newest
        pointee.newest?.pointee.previous = connection
        pointee.newest = connection
        pointee.counters.accepted += 1
        tellConnections()
        connection.opened()
    }

    /// From now on every response closes its connection, and idle connections are closed.
    public func drain() {
        pointee.isDraining = true
        var next = pointee.newest
        while let connection = next {
            next = connection.pointee.next
            connection.closeIfIdle()
        }
    }

    /// Cuts what is left.
    public func closeAll() {
        while let connection = pointee.newest { connection.abortResponse() }
    }

    func forget(_ connection: UnsafeMutablePointer<HTTP1ServerConnection>) {
        if let previous = connection.pointee.previous { previous.pointee.next = connection.pointee.next } else { pointee.newest = connection.pointee.next }
        connection.pointee.next?.pointee.previous = connection.pointee.previous
        pointee.counters.closed += 1
        tellConnections()
    }

    private func tellConnections() { pointee.share?.setConnections(pointee.counters.active, of: pointee.shareWorker) }
}
