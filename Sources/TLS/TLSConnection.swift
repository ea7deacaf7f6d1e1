internal import Bytes
internal import COpenSSL
internal import Crypto
public import Net

/// One encrypted connection over a socket, of either side: first its handshake, then its transport. Reached by pointer;
/// `close` frees it.
///
/// OpenSSL never blocks and never writes to the socket by itself: what it writes is gathered in the loop's scratch and
/// sent at the end of the call. If the socket does not take it all, the rest is kept here and the caller is told of a few
/// bytes less than were encrypted, so that it comes again with them when the socket is writable.
public struct TLSConnection: ~Copyable {
    enum End: Equatable {
        /// The peer said that nothing follows.
        case closed
        /// The socket ended without such a word.
        case cut
        case failed(SystemError)
    }

    let ssl: OpaquePointer
    let socket: Transport
    let scratch: UnsafeMutablePointer<RecordScratch>
    /// Whose callbacks OpenSSL may call as long as the connection lives.
    private let owner: AnyObject
    /// Received records that OpenSSL has not taken.
    var input = ByteBuffer()
    /// Encrypted bytes that the socket has not taken; control records in the clear once the kernel encrypts.
    var output = ByteBuffer()
    /// Bytes of the caller's that are encrypted already but were not counted to it.
    var heldBack = 0
    /// What the kernel may be asked to encrypt.
    let kernel: KernelTLS
    /// It does.
    var isSentByKernel = false
    /// Of the record that OpenSSL writes next for the kernel.
    var recordType: UInt8 = 0
    /// Bytes that the kernel took since it was asked whether the socket is full.
    var sentUnasked = 0
    /// How receiving ended.
    var end: End?
    /// Nothing more can be sent; what the peer said before stands in the socket still.
    var sendError: SystemError?
    /// What is known of a failure behind the handshake.
    var failure: String?
    /// A server looks at the first bytes: who speaks HTTP in the clear is told so.
    var isFirstReceive: Bool
    fileprivate var isPlainHTTP = false
    fileprivate let isServer: Bool
    /// What is kept are a server's tickets, which nobody waits for: they go with its first bytes, or when it waits.
    fileprivate var isWithheld = false
    /// The turn in which what is kept of the input was all that the socket had.
    fileprivate var drainedTurn: UInt64 = 0
    fileprivate var hasMore = true
    fileprivate var isEstablished = false
    /// Given by the server and not yet taken by whoever keeps sessions.
    var newSession: TLSSession?
    /// Nil until somebody asks, and without certificates.
    var shown: PeerCertificates?
    var isShownKnown = false

    init(
        ssl: OpaquePointer, socket: Transport, scratch: UnsafeMutablePointer<RecordScratch>, owner: AnyObject, kernel: KernelTLS, isServer: Bool
    ) {
        self.ssl = ssl
        self.owner = owner
        self.kernel = kernel
        self.socket = socket
        self.scratch = scratch
        isFirstReceive = isServer
        self.isServer = isServer
        let sending = kernel == .none ? scratch.pointee.bio : scratch.pointee.offeringBIO
        BIO_up_ref(scratch.pointee.bio)
        BIO_up_ref(sending)
        // Each takes one reference; SSL_set_bio would take one less if both are the same.
        SSL_set0_rbio(ssl, scratch.pointee.bio)
        SSL_set0_wbio(ssl, sending)
    }

    deinit { SSL_free(ssl) }

    static func make(
        ssl: OpaquePointer, socket: Transport, scratch: UnsafeMutablePointer<RecordScratch>, owner: AnyObject, kernel: KernelTLS, isServer: Bool
    ) -> UnsafeMutablePointer<TLSConnection> {
        let connection = UnsafeMutablePointer<TLSConnection>.allocate(capacity: 1)
        connection.initialize(to: TLSConnection(ssl: ssl, socket: socket, scratch: scratch, owner: owner, kernel: kernel, isServer: isServer))
        SSL_set_ex_data(ssl, 0, connection)
        return connection
    }

    nonisolated(unsafe) static let operations: UnsafePointer<TransportOperations> = {
        @Sendable func connection(_ context: UnsafeMutableRawPointer) -> UnsafeMutablePointer<TLSConnection> {
            context.assumingMemoryBound(to: TLSConnection.self)
        }
        let place = UnsafeMutablePointer<TransportOperations>.allocate(capacity: 1)
        place.initialize(to: TransportOperations(
            receive: { connection($0).receive(into: $1) },
            sendPair: { connection($0).send($1, $2) },
            hasMore: { connection($0).pointee.hasMore },
            isCutShort: { connection($0).pointee.end == .cut },
            shutdownWrite: { connection($0).shutdownWrite() },
            close: { connection($0).close(silently: $1) }))
        return UnsafePointer(place)
    }()
}

/// How far the bytes at hand brought a handshake.
public enum HandshakeStep: Equatable, Sendable {
    /// The socket's next edge brings it on.
    case waiting
    case done
    case failed(HandshakeFailure)
}

/// Why there is no encrypted connection.
public enum HandshakeFailure: Equatable, Sendable {
    /// A client that speaks HTTP in the clear; it has had no answer yet.
    case plainHTTP
    /// The peer closed the connection.
    case closed
    case broken(SystemError)
    /// What OpenSSL says of it.
    case refused(String)

    public var reason: String {
        switch self {
        case .plainHTTP: "HTTP in the clear on a TLS port"
        case .closed: "the peer closed the connection"
        case .broken(let error): error.description
        case .refused(let reason): reason
        }
    }
}

/// What both sides agreed to speak, RFC 7301.
public enum ApplicationProtocol: Sendable {
    case http1, http2
}

extension UnsafeMutablePointer where Pointee == TLSConnection {
    // MARK: Handshake

    /// Goes on with the handshake, at first and after each edge of the socket.
    ///
    /// - Parameter isEnding: the edge said that the peer sends no more.
    public func handshake(isEnding: Bool = false) -> HandshakeStep {
        guard flushKept() else { return .failed(.broken(sendFailure ?? .brokenPipe)) }
        let scratch = pointee.scratch
        scratch.begin(self)
        var result = SSL_do_handshake(pointee.ssl)
        if result != 1, isEnding, wantsRead(result) {
            // The end came by the same edge as the bytes just read, and nothing will tell of it again.
            scratch.pointee.isSocketDrained = false
            result = SSL_do_handshake(pointee.ssl)
        }
        let step: HandshakeStep = result == 1 ? .done : wantsRead(result) ? .waiting : .failed(failure)
        if step == .done { established(scratch) }
        scratch.end()
        if step == .waiting, let error = pointee.sendError { return .failed(.broken(error)) }
        return step
    }

    private func established(_ scratch: UnsafeMutablePointer<RecordScratch>) {
        pointee.isEstablished = true
        // In TLS 1.2 the client waits for the server's last word.
        guard pointee.isServer, SSL_version(pointee.ssl) == TLS1_3_VERSION else { return }
        if scratch.pointee.isSocketDrained { pointee.drainedTurn = scratch.pointee.loop.pointee.now }
        guard pointee.output.isEmpty, !scratch.pointee.outgoing.isEmpty else { return }
        pointee.output.append(scratch.pointee.outgoing.readable)
        scratch.pointee.outgoing.removeAll()
        pointee.isWithheld = true
    }

    private func wantsRead(_ result: Int32) -> Bool { SSL_get_error(pointee.ssl, result) == SSL_ERROR_WANT_READ }

    private var failure: HandshakeFailure {
        if pointee.isPlainHTTP { return .plainHTTP }
        if case .failed(let error) = pointee.end { return .broken(error) }
        if let reason = TLSReason.ofLastFailure(pointee.ssl) { return .refused(reason) }
        return .closed
    }

    /// Looks at the first bytes a client sends. OpenSSL knows but a few methods, and answers none of them.
    func startsWithTLS(_ bytes: BorrowedBytes) -> Bool {
        pointee.isFirstReceive = false
        let method = bytes.prefix { (0x41...0x5a).contains($0) }
        pointee.isPlainHTTP = method.count >= 3 && (method.count == bytes.count || bytes[method.count] == 0x20)
        return !pointee.isPlainHTTP
    }

    /// The established connection; it owns this and the socket.
    public var transport: Transport {
        Transport(TLSConnection.operations, context: UnsafeMutableRawPointer(self), descriptor: pointee.socket.descriptor)
    }

    /// What the connection carries; HTTP/1 if nothing was agreed on.
    public var applicationProtocol: ApplicationProtocol {
        var name: UnsafePointer<UInt8>?
        var count: UInt32 = 0
        SSL_get0_alpn_selected(pointee.ssl, &name, &count)
        return BorrowedBytes(start: name, count: Int(count)).equals("h2") ? .http2 : .http1
    }

    /// Whether keys of an earlier connection served, without certificates and signatures.
    public var isResumed: Bool { SSL_session_reused(pointee.ssl) == 1 }

    /// Whether the kernel makes the records that are sent.
    public var isSentByKernel: Bool { pointee.isSentByKernel }

    /// Why an established connection broke, if not by the socket: a server may refuse a client's certificate behind its
    /// handshake (RFC 8446 §4.4.2.4).
    public var failureReason: String? { pointee.failure }

    /// What the server gave since the last call to resume a connection with.
    public func takeSession() -> TLSSession? {
        guard let session = pointee.newSession else { return nil }
        pointee.newSession = nil
        return session
    }

    // MARK: Receiving

    fileprivate func receive(into buffer: UnsafeMutableRawBufferPointer) -> IOResult {
        if let end = pointee.end { return result(of: end) }
        let scratch = pointee.scratch
        scratch.begin(self)
        // Within the turn of the handshake no edge was taken since; for what has come meanwhile there will be one.
        if pointee.drainedTurn == scratch.pointee.loop.pointee.now, !pointee.input.isEmpty { scratch.pointee.isSocketDrained = true }
        let count = decrypt(into: buffer, scratch)
        let isDrained = scratch.pointee.isSocketDrained
        scratch.end()
        pointee.hasMore = count == buffer.count || !isDrained || pointee.end != nil || !pointee.input.isEmpty
        if pointee.isSentByKernel, pointee.end == nil, SSL_get_key_update_type(pointee.ssl) != SSL_KEY_UPDATE_NONE { refuseNewKey() }
        if count > 0 { return .bytes(count) }
        if pointee.isWithheld { _ = flushKept() }
        return pointee.end.map { result(of: $0) } ?? .wouldBlock
    }

    /// Takes records until the buffer is full or the socket is empty.
    private func decrypt(into buffer: UnsafeMutableRawBufferPointer, _ scratch: UnsafeMutablePointer<RecordScratch>) -> Int {
        var total = 0
        while total < buffer.count {
            var count = 0
            guard SSL_read_ex(pointee.ssl, buffer.baseAddress! + total, buffer.count - total, &count) == 1 else {
                guard wantsRead(0) else {
                    endReading()
                    return total
                }
                // A receive that filled the scratch, or one that brought no byte for the caller: its edge told of what
                // may stand behind it.
                if !scratch.pointee.isSocketDrained { continue }
                guard total == 0, scratch.pointee.hasReceived else { return total }
                scratch.pointee.hasReceived = false
                scratch.pointee.isSocketDrained = false
                continue
            }
            total += count
            if scratch.pointee.isSocketDrained, scratch.pointee.received.isEmpty, pointee.input.isEmpty { return total }
        }
        return total
    }

    private func endReading() {
        guard pointee.end == nil else { return }
        // A fatal alert too counts as a received shutdown, but says why.
        if SSL_get_error(pointee.ssl, 0) == SSL_ERROR_ZERO_RETURN {
            pointee.end = .closed
        } else {
            pointee.end = .failed(.connectionReset)
            pointee.failure = TLSReason.ofLastFailure(pointee.ssl)
        }
    }

    private func result(of end: TLSConnection.End) -> IOResult {
        if case .failed(let error) = end { return .failed(error) }
        return .end
    }

    // MARK: Sending

    fileprivate func send(_ first: BorrowedBytes, _ second: BorrowedBytes) -> IOResult {
        if let sendFailure { return .failed(sendFailure) }
        if pointee.isSentByKernel { return sendByKernel(first, second) }
        let scratch = pointee.scratch
        let total = first.count + second.count
        scratch.begin(self)
        if pointee.isWithheld, total > 0 {
            pointee.isWithheld = false
            scratch.pointee.outgoing.append(pointee.output.readable)
            pointee.output.release()
        }
        guard flushKept() else { return .failed(sendFailure ?? .brokenPipe) }
        if !pointee.output.isEmpty { return countProgress() }
        var done = min(pointee.heldBack, total)
        while done < total, pointee.output.isEmpty, pointee.sendError == nil {
            let piece = done < first.count ? first.slice(done, first.count) : second.slice(done - first.count, second.count)
            let count = Swift.min(piece.count, TLSLimits.sendBytesMax)
            var written = 0
            guard SSL_write_ex(pointee.ssl, piece.baseAddress, count, &written) == 1 else {
                scratch.pointee.outgoing.removeAll()
                return .failed(sendFailure ?? .brokenPipe)
            }
            done += written
            // A short piece goes out together with what follows it.
            if done == total || scratch.pointee.outgoing.count >= TLSLimits.sendBytesMax { scratch.flush() }
        }
        if let sendFailure { return .failed(sendFailure) }
        pointee.heldBack = min(held, done)
        return .bytes(done - pointee.heldBack)
    }

    /// How many of the caller's bytes stand for what is kept: at least one, and fewer the more the socket takes, so that
    /// the caller sees progress.
    private var held: Int { (pointee.output.count + 1023) / 1024 }

    private func countProgress() -> IOResult {
        let held = min(held, pointee.heldBack)
        let count = pointee.heldBack - held
        pointee.heldBack = held
        return count > 0 ? .bytes(count) : .wouldBlock
    }

    /// Sends what is kept, as far as the socket takes it.
    ///
    /// - Returns: false if the socket is broken.
    func flushKept() -> Bool {
        pointee.isWithheld = false
        guard pointee.sendError == nil else { return false }
        while !pointee.output.isEmpty {
            switch pointee.isSentByKernel ? sendKeptRecord() : pointee.socket.send(pointee.output.readable) {
            case .bytes(let count): pointee.output.consume(count)
            case .wouldBlock, .end: return true
            case .failed(let error):
                pointee.sendError = error
                return false
            }
        }
        pointee.output.release()
        return true
    }

    /// Why nothing can be sent, if that is known.
    var sendFailure: SystemError? {
        if let error = pointee.sendError { return error }
        if case .failed(let error) = pointee.end { return error }
        return nil
    }

    // MARK: Ending

    fileprivate func shutdownWrite() {
        sayEnd()
        // With bytes kept, here or by the kernel's TLS, ending the socket's direction would cut them off.
        if pointee.output.isEmpty, !pointee.isSentByKernel { pointee.socket.shutdownWrite() }
    }

    /// Tells the peer that nothing follows, unless it has been told or the connection is broken.
    private func sayEnd() {
        guard pointee.isEstablished else { return }
        if case .failed = pointee.end { return }
        guard flushKept(), SSL_get_shutdown(pointee.ssl) & SSL_SENT_SHUTDOWN == 0 else { return }
        pointee.scratch.begin(self)
        SSL_shutdown(pointee.ssl)
        pointee.scratch.end()
    }

    /// Closes the socket and frees the connection, whatever it has come to.
    ///
    /// - Parameter silently: without a word to the peer, which must not take what it has for all.
    public func close(silently: Bool) {
        if !silently { sayEnd() }
        var socket = pointee.socket
        socket.close()
        deinitialize(count: 1)
        deallocate()
    }
}
