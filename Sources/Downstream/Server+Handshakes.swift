import Bytes
public import Net
public import TLS

// Connections on their way from a TLS port to the server.
extension UnsafeMutablePointer where Pointee == Server {
    /// Certificates and rules for handshakes that begin from here on.
    public func setTLS(_ context: TLSServerContext) {
        if pointee.recordScratch == nil { pointee.recordScratch = RecordScratch.make(pointee.loop) }
        pointee.tls = context
    }

    /// Takes over a connection that was accepted on a TLS port, before its first byte is read.
    public func acceptTLS(_ socket: Transport, peer: SocketAddress) {
        let handshake = pointee.handshakes.allocate()
        handshake.initialize(to: HandshakeConnection(socket, peer: peer, server: self))
        connectionOpened()
        append(handshake)
        do {
            try pointee.loop.pointee.register(socket.descriptor, handshake)
        } catch {
            return handshake.close()
        }
        handshake.opened()
        // The oldest has had the most time of all that wait.
        if pointee.handshakeCount > Limits.handshakesMax { pointee.oldestHandshake?.close() }
    }

    private func append(_ handshake: UnsafeMutablePointer<HandshakeConnection>) {
        handshake.pointee.previous = pointee.youngestHandshake
        pointee.youngestHandshake?.pointee.next = handshake
        pointee.youngestHandshake = handshake
        if pointee.oldestHandshake == nil { pointee.oldestHandshake = handshake }
        pointee.handshakeCount += 1
    }

    func forget(_ handshake: UnsafeMutablePointer<HandshakeConnection>) {
        let (next, previous) = (handshake.pointee.next, handshake.pointee.previous)
        if let previous { previous.pointee.next = next } else { pointee.oldestHandshake = next }
        if let next { next.pointee.previous = previous } else { pointee.youngestHandshake = previous }
        pointee.handshakeCount -= 1
    }

    /// Leaves a handshake to the next turn.
    func queue(_ handshake: UnsafeMutablePointer<HandshakeConnection>) {
        handshake.pointee.isQueued = true
        pointee.queuedHandshakes.append(handshake)
        if pointee.queuedHandshakes.count == 1 { scheduleQueue() }
    }

    private func scheduleQueue() {
        pointee.loop.atEndOfTurn(self) { $0.assumingMemoryBound(to: Server.self).runQueue() }
    }

    fileprivate func runQueue() {
        let count = Swift.min(pointee.queuedHandshakes.count, Limits.handshakesPerTurn)
        for index in 0..<count {
            let handshake = pointee.queuedHandshakes[index]
            handshake.pointee.isQueued = false
            if handshake.pointee.phase == .closed { handshake.release() } else { handshake.step() }
        }
        pointee.queuedHandshakes.removeFirst(count)
        if !pointee.queuedHandshakes.isEmpty { scheduleQueue() }
    }

    /// Ends the handshakes whose client has not said anything.
    func closeWaitingHandshakes() {
        var next = pointee.oldestHandshake
        while let handshake = next {
            next = handshake.pointee.next
            if handshake.pointee.phase == .waiting { handshake.close() }
        }
    }
}
