import CLinux
import Downstream
import Net
import Proxy
import TLS

/// A worker with its listener and the thread it runs on; other threads speak to it through its mailbox.
final class WorkerThread: @unchecked Sendable {
    // Unchecked: after `start` only the thread itself touches the worker.
    private let worker: ProxyWorker
    private var listeners: [UnsafeMutablePointer<Listener>] = []
    private let mailbox: Mailbox
    private static let stackBytes = 512 * 1024

    var connections: ConnectionCounts { worker.connections }

    /// - Parameter tls: what handshakes begin with, if a listener asks for them.
    init(_ worker: ProxyWorker, tls: TLSServerContext?) {
        self.worker = worker
        mailbox = worker.loop.pointee.mailbox
        if let tls { worker.server.setTLS(tls) }
    }

    /// Before `start`.
    ///
    /// - Parameter socket: listening, shared with the other workers.
    func listen(_ socket: borrowing FileDescriptor, share: AcceptShare, index: Int, isEncrypted: Bool) throws(SystemError) {
        let listener = UnsafeMutablePointer<Listener>.allocate(capacity: 1)
        listener.initialize(to: Listener(
            try Sockets.duplicate(socket), server: worker.server, share: share, worker: index, isEncrypted: isEncrypted))
        listeners.append(listener)
        try listener.start()
    }

    /// Certificates have changed: handshakes from now on show the new ones.
    func replaceTLS(_ context: TLSServerContext) {
        mailbox.send { self.worker.server.setTLS(context) }
    }

    func start() {
        var thread = pthread_t()
        let argument = Unmanaged.passRetained(self).toOpaque()
        let result = clinux_thread_start(&thread, WorkerThread.stackBytes, { argument in
            Unmanaged<WorkerThread>.fromOpaque(argument!).takeRetainedValue().worker.run()
            return nil
        }, argument)
        precondition(result == 0, "no thread for a worker: \(SystemError(-result))")
    }

    /// Ends the worker's current turn or its wait: it takes the newest routing table and lets the former go.
    func wake() { mailbox.wakeUp() }

    /// The health path fails from now on, so that load balancers turn away.
    func failHealth() {
        mailbox.send { self.worker.isHealthy = false }
    }

    /// Accepts nothing more and lets what is under way end; calls `done` when the last connection has gone.
    func drain(_ done: @escaping @Sendable () -> Void) {
        mailbox.send {
            for listener in self.listeners { listener.stop() }
            self.worker.drain(done)
        }
    }
}
