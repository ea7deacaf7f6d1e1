import Bytes
import Net

/// A connection whose peer, a load balancer, first says who its client is (PROXY protocol); then it is accepted as that client's.
struct PrefaceConnection: ~Copyable {
    private let source: EventSource
    var timer = TimerNode()
    var socket: Transport
    let server: UnsafeMutablePointer<Server>
    let peer: SocketAddress
    let isEncrypted: Bool

    init(_ socket: Transport, peer: SocketAddress, server: UnsafeMutablePointer<Server>, isEncrypted: Bool) {
        self.socket = socket
        self.peer = peer
        self.server = server
        self.isEncrypted = isEncrypted
        source = EventSource { pointer, _ in pointer.assumingMemoryBound(to: PrefaceConnection.self).ready() }
    }
}

extension UnsafeMutablePointer where Pointee == PrefaceConnection {
    private var loop: UnsafeMutablePointer<EventLoop> { pointee.server.pointee.loop }
    private var timer: UnsafeMutablePointer<TimerNode> { withUnsafeMutablePointer(to: &pointee.timer) { $0 } }

    func opened() {
        timer.pointee.owner = UnsafeMutableRawPointer(self)
        timer.pointee.expired = { $0.assumingMemoryBound(to: PrefaceConnection.self).fail("no PROXY header in time") }
        loop.pointee.timers.set(timer, at: loop.pointee.now + Limits.proxyHeaderNanoseconds)
        ready()
    }

    /// The header is looked at where it lies in the socket and taken off only when it is complete, so that what follows stays for
    /// whoever reads next.
    fileprivate func ready() {
        guard !pointee.socket.isClosed else { return }
        let room = UnsafeMutableRawBufferPointer(rebasing: loop.pointee.scratch.prefix(ProxyProtocol.bytesMax))
        switch pointee.socket.peek(into: room) {
        case .bytes(let count):
            switch ProxyProtocol.parse(BorrowedBytes(start: room.baseAddress, count: count)) {
            case .needMore: if count == room.count { fail("a PROXY header that is too long") }
            case .complete(let length, let client): finish(length, client: client)
            case .failed(let reason): fail(reason)
            }
        case .wouldBlock: break
        case .end, .failed: end()
        }
    }

    private func finish(_ length: Int, client: SocketAddress?) {
        _ = pointee.socket.receive(into: UnsafeMutableRawBufferPointer(rebasing: loop.pointee.scratch.prefix(length)))
        let (server, socket, peer, isEncrypted) = (pointee.server, pointee.socket, client ?? pointee.peer, pointee.isEncrypted)
        loop.pointee.remove(socket.descriptor)
        pointee.socket = Transport(socket: -1)
        leave()
        if isEncrypted { server.acceptTLS(socket, peer: peer) } else { server.accept(socket, peer: peer) }
    }

    fileprivate func fail(_ reason: String) {
        pointee.server.pointee.counters.prefacesFailed += 1
        pointee.server.pointee.handler.prefaceFailed(pointee.peer, reason: reason)
        end()
    }

    func end() {
        pointee.socket.close()
        leave()
    }

    private func leave() {
        loop.pointee.timers.remove(timer)
        pointee.server.pointee.prefaceCount -= 1
        pointee.server.connectionClosed()
        loop.atEndOfTurn(self) { pointer in
            let preface = pointer.assumingMemoryBound(to: PrefaceConnection.self)
            let server = preface.pointee.server
            preface.deinitialize(count: 1)
            server.pointee.prefaces.give(back: preface)
        }
    }
}

extension UnsafeMutablePointer where Pointee == Server {
    /// Takes over a connection as the listener's policy for its peer says.
    func accept(_ socket: Transport, peer: SocketAddress, isEncrypted: Bool, proxyProtocol: ProxyProtocolPolicy) {
        var socket = socket
        switch proxyProtocol.treatment(of: peer.address) {
        case .skip: if isEncrypted { acceptTLS(socket, peer: peer) } else { accept(socket, peer: peer) }
        case .read where pointee.prefaceCount < Limits.prefacesMax: readPreface(socket, peer: peer, isEncrypted: isEncrypted)
        case .read, .refuse:
            pointee.counters.prefacesFailed += 1
            socket.close()
        }
    }

    private func readPreface(_ socket: Transport, peer: SocketAddress, isEncrypted: Bool) {
        let preface = pointee.prefaces.allocate()
        preface.initialize(to: PrefaceConnection(socket, peer: peer, server: self, isEncrypted: isEncrypted))
        pointee.prefaceCount += 1
        connectionOpened()
        do throws(SystemError) {
            try pointee.loop.pointee.register(socket.descriptor, preface)
        } catch {
            return preface.end()
        }
        preface.opened()
    }
}
