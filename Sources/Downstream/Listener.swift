import Bytes
public import Net

/// Accepts connections of one address for one worker, in turn with the other workers (`AcceptShare`). Lives as long as its
/// loop; reached by pointer.
public struct Listener: ~Copyable {
    private let source: EventSource
    fileprivate var retry = TimerNode()
    fileprivate let server: UnsafeMutablePointer<Server>
    fileprivate var descriptor: Int32
    fileprivate let share: AcceptShare
    fileprivate let worker: Int
    /// Its connections begin with a handshake.
    fileprivate let isEncrypted: Bool
    fileprivate var isWaiting = false
    /// The address bound to, with the port the kernel chose if none was asked for.
    public let address: SocketAddress

    /// - Parameters:
    ///   - socket: listening; owned from here on.
    ///   - worker: this worker's place in `share`.
    ///   - isEncrypted: clients speak TLS, for which the server has a context.
    public init(
        _ socket: consuming FileDescriptor, server: UnsafeMutablePointer<Server>, share: AcceptShare, worker: Int, isEncrypted: Bool = false
    ) {
        self.isEncrypted = isEncrypted
        self.server = server
        self.share = share
        self.worker = worker
        let number = socket.release()
        address = Sockets.localAddress(number) ?? SocketAddress(.unspecifiedV4, port: 0)
        descriptor = number
        source = EventSource { pointer, _ in
            pointer.assumingMemoryBound(to: Listener.self).woken()
        }
    }
}

/// A listener as its worker's mailbox names it: only the worker's thread uses it.
private struct ListenerReference: @unchecked Sendable {
    let listener: UnsafeMutablePointer<Listener>
}

extension UnsafeMutablePointer where Pointee == Listener {
    public func start() throws(SystemError) {
        pointee.retry.owner = UnsafeMutableRawPointer(self)
        pointee.retry.expired = { $0.assumingMemoryBound(to: Listener.self).tryAgain() }
        pointee.server.pointee.share = pointee.share
        pointee.server.pointee.shareWorker = pointee.worker
        try join()
        guard pointee.worker == 0 else { return }
        let mailbox = pointee.server.pointee.loop.pointee.mailbox
        let reference = ListenerReference(listener: self)
        pointee.share.setLeader { mailbox.send { reference.listener.acceptWaiting() } }
    }

    fileprivate func woken() {
        guard pointee.share.asksLeader(insteadOf: pointee.worker) else { return acceptWaiting() }
        tryAgain(after: Limits.acceptDeferredNanoseconds)
    }

    private func join() throws(SystemError) {
        try pointee.server.pointee.loop.pointee.registerShared(pointee.descriptor, self)
        pointee.share.joined()
        pointee.isWaiting = true
    }

    /// Leaves new connections to the workers that have fewer.
    private func stepBackIfAhead() {
        guard pointee.isWaiting, pointee.share.isAhead(pointee.worker), pointee.share.mayLeave() else { return }
        pointee.server.pointee.loop.pointee.remove(pointee.descriptor)
        pointee.isWaiting = false
        tryAgainLater()
    }

    fileprivate func tryAgain() {
        guard pointee.descriptor >= 0 else { return }
        if !pointee.isWaiting {
            if pointee.share.isAhead(pointee.worker) { return tryAgainLater() }
            guard (try? join()) != nil else { return tryAgainLater() }
        }
        acceptWaiting()
    }

    /// Closes the socket; connections already accepted go on.
    public func stop() {
        guard pointee.descriptor >= 0 else { return }
        if pointee.worker == 0 { pointee.share.setLeader(nil) }
        pointee.server.pointee.loop.pointee.remove(pointee.descriptor)
        _ = FileDescriptor(owning: pointee.descriptor)
        pointee.descriptor = -1
        pointee.server.pointee.loop.pointee.timers.remove(timer)
    }

    private var timer: UnsafeMutablePointer<TimerNode> {
        withUnsafeMutablePointer(to: &pointee.retry) { $0 }
    }

    fileprivate func acceptWaiting() {
        guard pointee.descriptor >= 0 else { return }
        for _ in 0..<Limits.acceptsPerTurn {
            do throws(SystemError) {
                guard let accepted = try Sockets.accept(pointee.descriptor) else { return stepBackIfAhead() }
                take(Transport(socket: accepted.descriptor), peer: accepted.peer ?? SocketAddress(.unspecifiedV4, port: 0))
            } catch {
                // Out of descriptors the connection stays in the kernel's queue: trying again at once would spin.
                if error == .tooManyFiles || error == .systemTooManyFiles { return exhausted() }
            }
        }
        tryAgainAtOnce()
    }

    private func take(_ socket: Transport, peer: SocketAddress) {
        if let policy = pointee.server.pointee.options.proxyProtocol {
            return pointee.server.accept(socket, peer: peer, isEncrypted: pointee.isEncrypted, proxyProtocol: policy)
        }
        if pointee.isEncrypted { pointee.server.acceptTLS(socket, peer: peer) } else { pointee.server.accept(socket, peer: peer) }
    }

    private func exhausted() {
        pointee.server.pointee.counters.exhausted += 1
        tryAgainLater()
    }

    private func tryAgainLater() { tryAgain(after: 100_000_000) }

    private func tryAgain(after nanoseconds: UInt64) {
        let loop = pointee.server.pointee.loop
        loop.pointee.timers.set(timer, at: loop.pointee.now + nanoseconds)
    }

    private func tryAgainAtOnce() {
        pointee.server.pointee.loop.atEndOfTurn(self) { $0.assumingMemoryBound(to: Listener.self).acceptWaiting() }
    }
}
