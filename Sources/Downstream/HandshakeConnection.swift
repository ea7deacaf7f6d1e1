import Bytes
import Net
import TLS

/// A client's connection to a TLS port until it is encrypted; then the connection object of what it speaks takes over.
///
/// It costs little until the first byte comes: only then OpenSSL is asked for a connection. Handshakes beyond
/// `Limits.handshakesPerTurn` wait for the next turn, so that a flood of them does not hold up who is served already.
struct HandshakeConnection: ~Copyable {
    enum Phase {
        /// No byte has come.
        case waiting
        case handshaking
        /// It was answered in the clear; what comes is thrown away, so that the close does not reset the connection before
        /// the client has read.
        case lingering
        case closed
    }

    private let source: EventSource
    var timer = TimerNode()
    var socket: Transport
    let server: UnsafeMutablePointer<Server>
    let peer: SocketAddress
    var tls: UnsafeMutablePointer<TLSConnection>?
    /// Towards younger and older ones.
    var next: UnsafeMutablePointer<HandshakeConnection>?
    var previous: UnsafeMutablePointer<HandshakeConnection>?
    var phase = Phase.waiting
    var isEnding = false
    /// It stands in the server's list for the next turn.
    var isQueued = false

    init(_ socket: Transport, peer: SocketAddress, server: UnsafeMutablePointer<Server>) {
        self.socket = socket
        self.peer = peer
        self.server = server
        source = EventSource { pointer, bits in
            pointer.assumingMemoryBound(to: HandshakeConnection.self).ready(Readiness(rawValue: bits))
        }
    }
}

/// What clients get that speak HTTP in the clear on a TLS port.
private let plainHTTPAnswer: StaticString = """
    HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 54\r\nConnection: close\r\n\r\n\
    This port speaks HTTPS: the request came without TLS.\n
    """

extension UnsafeMutablePointer where Pointee == HandshakeConnection {
    private var loop: UnsafeMutablePointer<EventLoop> { pointee.server.pointee.loop }
    private var timer: UnsafeMutablePointer<TimerNode> { withUnsafeMutablePointer(to: &pointee.timer) { $0 } }

    /// The first edge follows at once if bytes are there already.
    func opened() {
        timer.pointee.owner = UnsafeMutableRawPointer(self)
        timer.pointee.expired = { $0.assumingMemoryBound(to: HandshakeConnection.self).timerExpired() }
        let limit = pointee.server.pointee.options.handshakeTimeout
        if limit > 0 { loop.pointee.timers.set(timer, at: loop.pointee.now + limit) }
    }

    fileprivate func ready(_ readiness: Readiness) {
        guard pointee.phase != .closed else { return }
        if !readiness.isDisjoint(with: [.error, .hangup]) { return fail(.closed) }
        if readiness.contains(.readHangup) { pointee.isEnding = true }
        switch pointee.phase {
        case .waiting where readiness.isDisjoint(with: [.readable, .readHangup]): return
        case .waiting, .handshaking: if !pointee.isQueued { if takesTurn() { step() } else { pointee.server.queue(self) } }
        case .lingering: readAndForget()
        case .closed: break
        }
    }

    private func takesTurn() -> Bool {
        let server = pointee.server
        guard server.pointee.handshakeTurn == loop.pointee.now else {
            server.pointee.handshakeTurn = loop.pointee.now
            server.pointee.handshakesOfTurn = 1
            return true
        }
        server.pointee.handshakesOfTurn += 1
        return server.pointee.handshakesOfTurn <= Limits.handshakesPerTurn
    }

    /// Goes on as far as the socket's bytes reach.
    func step() {
        guard let tls = pointee.tls ?? begin() else { return close() }
        switch tls.handshake(isEnding: pointee.isEnding) {
        case .waiting: if pointee.isEnding { fail(.closed) }
        case .done: finish(tls)
        case .failed(.plainHTTP): answerInTheClear()
        case .failed(let failure): fail(failure)
        }
    }

    private func begin() -> UnsafeMutablePointer<TLSConnection>? {
        let server = pointee.server
        guard let context = server.pointee.tls, let scratch = server.pointee.recordScratch else { return nil }
        pointee.tls = context.accept(pointee.socket, scratch: scratch)
        pointee.phase = .handshaking
        return pointee.tls
    }

    private func finish(_ tls: UnsafeMutablePointer<TLSConnection>) {
        let server = pointee.server
        server.pointee.counters.handshakes += 1
        if tls.isResumed { server.pointee.counters.handshakesResumed += 1 }
        if tls.isSentByKernel { server.pointee.counters.handshakesToKernel += 1 }
        pointee.tls = nil
        leave()
        switch tls.applicationProtocol {
        case .http1: server.adopt(tls.transport, peer: pointee.peer)
        case .http2: server.adoptHTTP2(tls.transport, peer: pointee.peer)
        }
    }

    private func fail(_ failure: HandshakeFailure) {
        let server = pointee.server
        // Load balancers and scanners open connections and leave; that is no news.
        if pointee.phase == .handshaking {
            server.pointee.counters.handshakesFailed += 1
            server.pointee.handler.handshakeFailed(pointee.peer, reason: failure.reason)
        }
        close()
    }

    private func answerInTheClear() {
        pointee.server.pointee.counters.handshakesFailed += 1
        pointee.server.pointee.handler.handshakeFailed(pointee.peer, reason: HandshakeFailure.plainHTTP.reason)
        _ = pointee.socket.send(BorrowedBytes(plainHTTPAnswer))
        pointee.socket.shutdownWrite()
        pointee.phase = .lingering
        loop.pointee.timers.set(timer, at: loop.pointee.now + Limits.lingerNanoseconds)
        readAndForget()
    }

    private func readAndForget() {
        for _ in 0..<8 {
            switch pointee.socket.receive(into: loop.pointee.scratch) {
            case .bytes: continue
            case .wouldBlock: return
            case .end, .failed: return close()
            }
        }
        // Who sends so much after a 400 need not read it.
        close()
    }

    private func timerExpired() {
        if pointee.phase == .lingering { return close() }
        fail(.broken(.timedOut))
    }

    /// Gives the connection up, without a further word.
    func close() {
        guard pointee.phase != .closed else { return }
        if let tls = pointee.tls { tls.close(silently: true) } else { pointee.socket.close() }
        pointee.tls = nil
        leave()
        pointee.server.connectionClosed()
    }

    private func leave() {
        pointee.phase = .closed
        loop.pointee.timers.remove(timer)
        pointee.server.forget(self)
        if !pointee.isQueued { release() }
    }

    func release() {
        loop.atEndOfTurn(self) { pointer in
            let handshake = pointer.assumingMemoryBound(to: HandshakeConnection.self)
            let server = handshake.pointee.server
            handshake.deinitialize(count: 1)
            server.pointee.handshakes.give(back: handshake)
        }
    }
}
