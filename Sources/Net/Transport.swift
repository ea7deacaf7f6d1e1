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

    /// What the transport's operations are called with, if they are these.
    public func context(of operations: UnsafePointer<TransportOperations>) -> UnsafeMutableRawPointer? {
        self.operations == operations ? context : nil
    }

    @inline(__always)
    public func receive(into buffer: UnsafeMutableRawBufferPointer) -> IOResult {
        if let operations { return operations.pointee.receive(context!, buffer) }
        return IOResult(read: clinux_recv(descriptor, buffer.baseAddress, buffer.count))
    }

    /// Reads what the next `receive` will read again; of a plain socket.
    public func peek(into buffer: UnsafeMutableRawBufferPointer) -> IOResult {
        IOResult(read: clinux_peek(descriptor, buffer.baseAddress, buffer.count))
    }

    @inline(__always)
    public func send(_ bytes: BorrowedBytes) -> IOResult {
        if let operations { return operations.pointee.sendPair(context!, bytes, BorrowedBytes(start: nil, count: 0)) }
        return IOResult(write: clinux_send(descriptor, bytes.baseAddress, bytes.count))
    }

    /// Sends two pieces by one call; the count covers both.
    public func send(_ first: BorrowedBytes, _ second: BorrowedBytes) -> IOResult {
        if let operations { return operations.pointee.sendPair(context!, first, second) }
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

    /// Whether a receive that brought `count` bytes for a buffer of `capacity` has left nothing to receive, so that the
    /// next edge says when there is more.
    @inline(__always)
    public func isDrained(_ count: Int, of capacity: Int) -> Bool {
        if let operations { return !operations.pointee.hasMore(context!) }
        return count < capacity
    }

    /// Whether the peer's end came in a way that anybody on the path could have made: what has no length of its own may
    /// not be taken as whole then.
    public var isCutShort: Bool { operations.map { $0.pointee.isCutShort(context!) } ?? false }

    /// Tells the peer that nothing more will be sent.
    public func shutdownWrite() {
        if let operations { operations.pointee.shutdownWrite(context!) } else { _ = clinux_shutdown_write(descriptor) }
    }

    public mutating func close() {
        guard descriptor >= 0 else { return }
        if let operations { operations.pointee.close(context!, false) } else { _ = clinux_close(descriptor) }
        descriptor = -1
    }

    /// Closes with a reset, so that the peer cannot take a cut message for a whole one.
    public mutating func abort() {
        guard descriptor >= 0 else { return }
        _ = clinux_set_linger_zero(descriptor)
        if let operations { operations.pointee.close(context!, true) } else { _ = clinux_close(descriptor) }
        descriptor = -1
    }
}

/// What a transport that is no plain socket does instead. Each is called with the transport's context.
public struct TransportOperations: Sendable {
    public var receive: @Sendable (UnsafeMutableRawPointer, UnsafeMutableRawBufferPointer) -> IOResult
    /// Sends one piece and another, which may be empty, behind it. What it does not count it must be given again, as the
    /// start of the next call.
    public var sendPair: @Sendable (UnsafeMutableRawPointer, BorrowedBytes, BorrowedBytes) -> IOResult
    /// See `Transport.isDrained`.
    public var hasMore: @Sendable (UnsafeMutableRawPointer) -> Bool
    /// See `Transport.isCutShort`.
    public var isCutShort: @Sendable (UnsafeMutableRawPointer) -> Bool
    public var shutdownWrite: @Sendable (UnsafeMutableRawPointer) -> Void
    /// Closes and frees the context; without a word to the peer if the flag is set.
    public var close: @Sendable (UnsafeMutableRawPointer, Bool) -> Void

    public init(
        receive: @escaping @Sendable (UnsafeMutableRawPointer, UnsafeMutableRawBufferPointer) -> IOResult,
        sendPair: @escaping @Sendable (UnsafeMutableRawPointer, BorrowedBytes, BorrowedBytes) -> IOResult,
        hasMore: @escaping @Sendable (UnsafeMutableRawPointer) -> Bool,
        isCutShort: @escaping @Sendable (UnsafeMutableRawPointer) -> Bool,
        shutdownWrite: @escaping @Sendable (UnsafeMutableRawPointer) -> Void,
        close: @escaping @Sendable (UnsafeMutableRawPointer, Bool) -> Void
    ) {
        self.receive = receive
        self.sendPair = sendPair
        self.hasMore = hasMore
        self.isCutShort = isCutShort
        self.shutdownWrite = shutdownWrite
        self.close = close
    }
}
