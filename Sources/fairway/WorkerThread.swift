import CLinux
import Downstream
import Net
import Proxy

/// A worker with its listener and the thread it runs on; other threads speak to it through its mailbox.
final class WorkerThread: @unchecked Sendable {
    // Unchecked: after `start` only the thread itself touches the worker.
    private let worker: ProxyWorker
    private let listener: UnsafeMutablePointer<Listener>
    private let mailbox: Mailbox
    private static let stackBytes = 512 * 1024

    var connections: ConnectionCounts { worker.connections }

    /// - Parameter socket: listening, shared with the other workers.
    init(_ worker: ProxyWorker, socket: borrowing FileDescriptor, share: AcceptShare, index: Int) throws(SystemError) {
        self.worker = worker
        mailbox = worker.loop.pointee.mailbox
        listener = .allocate(capacity: 1)
        listener.initialize(to: Listener(try Sockets.duplicate(socket), server: worker.server, share: share, worker: index))
        try listener.start()
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

    /// The health path fails from now on, so that load balancers turn away.
    func failHealth() {
        mailbox.send { self.worker.isHealthy = false }
    }

    /// Ends whatever is still under way.
    func cut() {
        mailbox.send { self.worker.cut() }
    }

    /// Accepts nothing more and lets what is under way end; calls `done` when the last connection has gone.
    func drain(_ done: @escaping @Sendable () -> Void) {
        mailbox.send {
            self.listener.stop()
            self.worker.drain(done)
        }
    }
}
