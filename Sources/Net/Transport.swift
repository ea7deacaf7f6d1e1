public import Bytes
import CLinux

/// How the bytes of one connection travel: a socket, or whatever `operations` make of it (TLS, a simulation).
public struct Transport {
    /// -1 once closed.
    public private(set) var descriptor: Int32
    private let operations: UnsafePointer<TransportOperations>?
    private let context: UnsafeMutableRawPointer?

    /// A connected or connecting socket in the clear; owned until `close()`.
    public init(socket descriptor: Int32) {
        self.descriptor = descriptor
        operations = nil
        context = nil
    }

    /// - Parameter operations: lives as long as the program.
    public init(_ operations: UnsafePointer<TransportOperations>, context: UnsafeMutableRawPointer, descriptor: Int32) {
        self.descriptor = descriptor
        self.operations = operations
        self.context = context
    }

    public var isClosed: Bool { descriptor < 0 }

    /// Whether bytes pass as they are, so that `splice` may move them.
    public var isPlain: Bool { operations == nil }

    @inline(__always)
    public func receive(into buffer: UnsafeMutableRawBufferPointer) -> IOResult {
        if let operations { return operations.pointee.receive(context!, buffer) }
        return IOResult(read: clinux_recv(descriptor, buffer.baseAddress, buffer.count))
    }

    @inline(__always)
    public func send(_ bytes: BorrowedBytes) -> IOResult {
        if let operations { return operations.pointee.send(context!, bytes) }
        return IOResult(write: clinux_send(descriptor, bytes.baseAddress, bytes.count))
    }

    /// Sends two pieces by one call; the count covers both.
    public func send(_ first: BorrowedBytes, _ second: BorrowedBytes) -> IOResult {
        if let operations {
            let result = operations.pointee.send(context!, first)
            guard result == .bytes(first.count), case .bytes(let more) = operations.pointee.send(context!, second) else { return result }
            return .bytes(first.count + more)
        }
        var parts = (
            iovec(iov_base: UnsafeMutableRawPointer(mutating: first.baseAddress), iov_len: first.count),
            iovec(iov_base: UnsafeMutableRawPointer(mutating: second.baseAddress), iov_len: second.count)
        )
        return withUnsafePointer(to: &parts) { pointer in
            pointer.withMemoryRebound(to: iovec.self, capacity: 2) { IOResult(write: clinux_send_vector(descriptor, $0, 2)) }
        }
    }

    /// Bytes the kernel has taken and the peer's has not acknowledged: they shrink while a slow peer reads, long before
    /// there is room for more.
    public var unacknowledgedBytes: Int { Int(clinux_unacknowledged(descriptor)) }

    /// Tells the peer that nothing more will be sent.
    public func shutdownWrite() {
        if let operations { operations.pointee.shutdownWrite(context!) } else { _ = clinux_shutdown_write(descriptor) }
    }

    public mutating func close() {
        guard descriptor >= 0 else { return }
        if let operations { operations.pointee.close(context!) } else { _ = clinux_close(descriptor) }
        descriptor = -1
    }

    /// Closes with a reset, so that the peer cannot take a cut message for a whole one.
    public mutating func abort() {
        if descriptor >= 0, operations == nil { _ = clinux_set_linger_zero(descriptor) }
        close()
    }
}

/// What a transport that is no plain socket does instead.
public struct TransportOperations: Sendable {
    public var receive: @Sendable (UnsafeMutableRawPointer, UnsafeMutableRawBufferPointer) -> IOResult
    public var send: @Sendable (UnsafeMutableRawPointer, BorrowedBytes) -> IOResult
    public var shutdownWrite: @Sendable (UnsafeMutableRawPointer) -> Void
    public var close: @Sendable (UnsafeMutableRawPointer) -> Void

    public init(
        receive: @escaping @Sendable (UnsafeMutableRawPointer, UnsafeMutableRawBufferPointer) -> IOResult,
        send: @escaping @Sendable (UnsafeMutableRawPointer, BorrowedBytes) -> IOResult,
        shutdownWrite: @escaping @Sendable (UnsafeMutableRawPointer) -> Void,
        close: @escaping @Sendable (UnsafeMutableRawPointer) -> Void
    ) {
        self.receive = receive
        self.send = send
        self.shutdownWrite = shutdownWrite
        self.close = close
    }
}
