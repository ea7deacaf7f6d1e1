internal import Bytes
internal import COpenSSL
public import Net

/// What the TLS connections of one loop share: memory for received and for outgoing records, and the BIO through which
/// OpenSSL reads and writes them. Reached by pointer, lives as long as its loop, used by its thread only.
///
/// Records of a whole turn come by one receive and go by one send. Between calls it holds nothing: what OpenSSL did not
/// take, or the socket, moves to the connection.
public struct RecordScratch: ~Copyable {
    /// One for all connections, which is why it knows whose turn it is. OpenSSL notes nothing of a connection in it, except
    /// for a moment of the handshake the address of a BIO that it then never follows.
    let bio: OpaquePointer
    /// The same for sending, of connections whose records the kernel may make: OpenSSL asks several times per record
    /// whether it does.
    let offeringBIO: OpaquePointer
    let loop: UnsafeMutablePointer<EventLoop>
    private let memory: UnsafeMutableRawPointer
    var received = 0..<0
    /// The last receive has left nothing in the socket.
    var isSocketDrained = false
    /// The socket gave something in this call.
    var hasReceived = false
    var outgoing = ByteBuffer()
    var connection: UnsafeMutablePointer<TLSConnection>?

    private init(_ loop: UnsafeMutablePointer<EventLoop>) {
        self.loop = loop
        memory = .allocate(byteCount: TLSLimits.receiveBytesMax, alignment: 64)
        bio = BIO_new(RecordScratch.method)
        offeringBIO = BIO_new(RecordScratch.offeringMethod)
    }

    public static func make(_ loop: UnsafeMutablePointer<EventLoop>) -> UnsafeMutablePointer<RecordScratch> {
        let scratch = UnsafeMutablePointer<RecordScratch>.allocate(capacity: 1)
        scratch.initialize(to: RecordScratch(loop))
        BIO_set_data(scratch.pointee.bio, scratch)
        BIO_set_data(scratch.pointee.offeringBIO, scratch)
        return scratch
    }

    deinit {
        BIO_free(bio)
        BIO_free(offeringBIO)
        memory.deallocate()
    }

    /// Flushing is for the end of the call; nothing else is asked for that matters.
    private nonisolated(unsafe) static let method = makeMethod { _, command, _, _ in command == BIO_CTRL_FLUSH ? 1 : 0 }
    private nonisolated(unsafe) static let offeringMethod = makeMethod { bio, command, number, argument in
        command == BIO_CTRL_FLUSH ? 1 : RecordScratch.scratch(of: bio).control(command, number, argument)
    }

    private static func makeMethod(
        _ control: @convention(c) (OpaquePointer?, Int32, Int, UnsafeMutableRawPointer?) -> Int
    ) -> OpaquePointer {
        let method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "records of one loop")!
        BIO_meth_set_read(method) { bio, target, count in
            RecordScratch.scratch(of: bio).read(into: UnsafeMutableRawBufferPointer(start: target, count: Int(count)))
        }
        BIO_meth_set_write(method) { bio, source, count in
            RecordScratch.scratch(of: bio).write(UnsafeRawBufferPointer(start: source, count: Int(count)))
        }
        BIO_meth_set_ctrl(method, control)
        BIO_meth_set_create(method) { bio in
            BIO_set_init(bio, 1)
            return 1
        }
        return method
    }

    private static func scratch(of bio: OpaquePointer?) -> UnsafeMutablePointer<RecordScratch> {
        BIO_get_data(bio).assumingMemoryBound(to: RecordScratch.self)
    }

    fileprivate var room: UnsafeMutableRawBufferPointer { UnsafeMutableRawBufferPointer(start: memory, count: TLSLimits.receiveBytesMax) }
    var unread: BorrowedBytes { BorrowedBytes(start: memory + received.lowerBound, count: received.count) }
}

extension UnsafeMutablePointer where Pointee == RecordScratch {
    /// Before a call into OpenSSL for this connection.
    @inline(__always)
    func begin(_ connection: UnsafeMutablePointer<TLSConnection>) {
        pointee.connection = connection
        pointee.received = 0..<0
        pointee.isSocketDrained = false
        pointee.hasReceived = false
        // Whatever an earlier call left, it must not go to this one's socket.
        pointee.outgoing.removeAll()
        // What an earlier failure left there would be taken for this call's.
        ERR_clear_error()
    }

    /// Behind the last call: what OpenSSL has not read stays with the connection, what it wrote goes out.
    @inline(__always)
    func end() {
        let connection = pointee.connection.unsafelyUnwrapped
        if !pointee.received.isEmpty { connection.pointee.input.append(pointee.unread) }
        if !pointee.outgoing.isEmpty { flush() }
    }

    fileprivate func read(into target: UnsafeMutableRawBufferPointer) -> Int32 {
        copenssl_clear_retry(pointee.bio)
        let connection = pointee.connection.unsafelyUnwrapped
        if !connection.pointee.input.isEmpty { return takeKept(into: target, of: connection) }
        if pointee.received.isEmpty, let answer = receive(for: connection) { return answer }
        let count = min(target.count, pointee.received.count)
        target.copyMemory(from: BorrowedBytes(rebasing: pointee.unread[..<count]))
        pointee.received = pointee.received.lowerBound + count..<pointee.received.upperBound
        return Int32(count)
    }

    private func takeKept(into target: UnsafeMutableRawBufferPointer, of connection: UnsafeMutablePointer<TLSConnection>) -> Int32 {
        let count = min(target.count, connection.pointee.input.count)
        target.copyMemory(from: BorrowedBytes(rebasing: connection.pointee.input.readable[..<count]))
        connection.pointee.input.consume(count)
        if connection.pointee.input.isEmpty { connection.pointee.input.release() }
        return Int32(count)
    }

    /// - Returns: nil if bytes came, otherwise what OpenSSL is told.
    private func receive(for connection: UnsafeMutablePointer<TLSConnection>) -> Int32? {
        if pointee.isSocketDrained { return wait() }
        let room = pointee.room
        switch connection.pointee.socket.receive(into: room) {
        case .bytes(let count):
            pointee.received = 0..<count
            pointee.hasReceived = true
            if count < room.count { pointee.isSocketDrained = true }
            if connection.pointee.isFirstReceive { return connection.startsWithTLS(pointee.unread) ? nil : -1 }
            return nil
        case .wouldBlock:
            pointee.isSocketDrained = true
            return wait()
        case .end:
            connection.pointee.end = .cut
            return 0
        case .failed(let error):
            connection.pointee.end = .failed(error)
            return -1
        }
    }

    private func wait() -> Int32 {
        copenssl_set_retry_read(pointee.bio)
        return -1
    }

    /// What OpenSSL asks and says about the kernel; 0 is no.
    fileprivate func control(_ command: Int32, _ number: Int, _ argument: UnsafeMutableRawPointer?) -> Int {
        switch command {
        case BIO_CTRL_GET_KTLS_SEND: return pointee.connection.unsafelyUnwrapped.pointee.isSentByKernel ? 1 : 0
        // Receiving stays with OpenSSL.
        case Int32(COPENSSL_CTRL_SET_KTLS): return number != 0 && pointee.connection.unsafelyUnwrapped.handOver(argument) ? 1 : 0
        case Int32(COPENSSL_CTRL_SET_RECORD_TYPE): pointee.connection.unsafelyUnwrapped.pointee.recordType = UInt8(truncatingIfNeeded: number)
        default: break
        }
        return 0
    }

    fileprivate func write(_ bytes: UnsafeRawBufferPointer) -> Int32 {
        copenssl_clear_retry(pointee.bio)
        let connection = pointee.connection.unsafelyUnwrapped
        // Answers to a peer that asks much and reads nothing.
        guard connection.pointee.output.count < TLSLimits.blockedOutputBytesMax else { return -1 }
        if connection.pointee.isSentByKernel {
            connection.sendControl(bytes)
        } else {
            pointee.outgoing.append(bytes)
        }
        return Int32(bytes.count)
    }

    /// Sends what is in hand; the connection keeps the rest.
    func flush() {
        let connection = pointee.connection.unsafelyUnwrapped
        guard connection.pointee.sendError == nil else { return pointee.outgoing.removeAll() }
        if connection.pointee.output.isEmpty {
            switch connection.pointee.socket.send(pointee.outgoing.readable) {
            case .bytes(let count): pointee.outgoing.consume(count)
            case .wouldBlock, .end: break
            case .failed(let error):
                connection.pointee.sendError = error
                pointee.outgoing.removeAll()
            }
        }
        guard !pointee.outgoing.isEmpty else { return }
        connection.pointee.output.append(pointee.outgoing.readable)
        pointee.outgoing.removeAll()
    }
}
