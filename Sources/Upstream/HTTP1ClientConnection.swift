import Bytes
import HTTP
import Net
import TLS

/// One HTTP/1 connection to an upstream: one exchange at a time, idle in its pool between them.
///
/// It lives in a slab of its client and is reached by pointer; it keeps its origin alive.
///
/// What seldom happens is kept out of line: the code of a usual request then fills fewer lines of the cache.
struct HTTP1ClientConnection: ~Copyable {
    enum Phase {
        case resolving
        case connecting
        /// A forward proxy makes a tunnel to the origin.
        case tunneling
        /// The TLS handshake is under way.
        case securing
        /// The request is being sent or the response's head is awaited.
        case waiting
        case body
        case idle
        case closed
    }

    private var source: EventSource
    var timer = TimerNode()
    var transport = Transport(socket: -1)
    /// What the transport is made of, and under whose rules, to an `https` origin.
    var tls: UnsafeMutablePointer<TLSConnection>?
    var security: TLSClientContext?
    let client: UnsafeMutablePointer<Client>
    let origin: Unmanaged<Origin>
    var exchange: UnsafeMutableRawPointer?
    /// Who gets the transport once it stands, if this connection only dials.
    var http2: UnsafeMutablePointer<HTTP2ClientConnection>?
    var poolNext: UnsafeMutablePointer<HTTP1ClientConnection>?
    var poolPrevious: UnsafeMutablePointer<HTTP1ClientConnection>?
    var idleNext: UnsafeMutablePointer<HTTP1ClientConnection>?
    var idlePrevious: UnsafeMutablePointer<HTTP1ClientConnection>?
    /// Addresses not yet tried, of a resolved name.
    var addresses: [IPAddress] = []
    var input = ByteBuffer()
    var outbox = Outbox()
    var body = BodyDecoder()

    var phase = Phase.connecting
    var isReadable = false
    /// The upstream sends no more: its last bytes and the end behind them came as one edge.
    var isEnding = false
    var isPaused = false
    /// What comes of the response's body may go by a pipe.
    var pipesBody = false
    var isProcessing = false
    var isResumeScheduled = false
    var isReused = false
    var isRequestComplete = false
    var isChunkedRequest = false
    var isTunnel = false
    var isFreshAsked = false
    /// Sent first; the connection then is one client's, and serves nobody else.
    var proxyHeader: ConnectionNeeds.ProxyHeader?
    /// By ALPN; what the upstream chooses decides what becomes of the transport.
    var offersHTTP2 = false
    /// The request asked for an upgrade, so that a 101 is an answer to it.
    var isTunnelAsked = false
    var hasResponseBytes = false
    var staysOpen = true
    var method = Method.get
    var interimCount = 0
    /// Why the connection attempt ended, to be told at the end of the turn.
    var failure: ClientFailure?
    /// Writing failed; the response that may have come before is read still.
    var writeFailure: SystemError?
    var idleSince: UInt64 = 0

    /// One that dials for HTTP/2: it resolves, connects and hands its transport over.
    init(origin: Origin, client: UnsafeMutablePointer<Client>, dialingFor http2: UnsafeMutablePointer<HTTP2ClientConnection>) {
        self.init(origin: origin, client: client, exchange: nil)
        self.http2 = http2
    }

    init(origin: Origin, client: UnsafeMutablePointer<Client>, exchange: UnsafeMutableRawPointer?) {
        self.origin = Unmanaged.passRetained(origin)
        self.client = client
        self.exchange = exchange
        source = EventSource { pointer, bits in
            pointer.assumingMemoryBound(to: HTTP1ClientConnection.self).ready(Readiness(rawValue: bits))
        }
    }

    deinit { origin.release() }

    /// Whether a response is awaited, and nothing else would be done with what comes.
    fileprivate var awaitsResponse: Bool {
        get { source.awaits >= 0 }
        set { source.awaits = newValue && transport.isPlain ? transport.descriptor : -1 }
    }
}

// MARK: - Connecting

extension UnsafeMutablePointer where Pointee == HTTP1ClientConnection {
    var loop: UnsafeMutablePointer<EventLoop> { pointee.client.pointee.loop }
    private var options: ClientOptions { _read { yield pointee.client.pointee.options } }
    private var handler: ClientHandlerReference { pointee.client.pointee.handler }
    private var timer: UnsafeMutablePointer<TimerNode> { withUnsafeMutablePointer(to: &pointee.timer) { $0 } }

    /// Failures are reported at the end of the turn, never below the caller.
    func connect(within limit: UInt64? = nil) {
        timer.pointee.owner = UnsafeMutableRawPointer(self)
        timer.pointee.expired = { $0.assumingMemoryBound(to: HTTP1ClientConnection.self).timerExpired() }
        setTimer(limit ?? options.connectTimeout)
        let hop = hop
        if let address = hop.address {
            pointee.addresses = [address]
            return connectNext()
        }
        pointee.phase = .resolving
        let connection = self
        pointee.client.pointee.resolver.resolve(hop.host) { result in connection.resolved(result) }
    }

    private func resolved(_ result: Result<[IPAddress], ResolveError>) {
        guard pointee.phase == .resolving else { return release() }
        pointee.phase = .connecting
        switch result {
        case .success(let addresses):
            pointee.addresses = addresses.reversed()
            connectNext()
        case .failure(let error): failLater(.unresolved(error))
        }
    }

    private func connectNext() {
        var failure = ClientFailure.connect(.connectionRefused)
        while let address = pointee.addresses.popLast() {
            let target = SocketAddress(address, port: hop.port)
            do throws(SystemError) {
                let socket = try Sockets.connect(target)
                let probeSeconds = Int32(clamping: options.probeInterval / 1_000_000_000)
                if probeSeconds > 0 { Sockets.keepAlive(socket.descriptor, seconds: Swift.min(probeSeconds, 32_767)) }
                pointee.transport = Transport(socket: socket.descriptor)
                // An established connection is reported by its first writable edge, like any other.
                try loop.pointee.register(socket.descriptor, self)
                return
            } catch {
                pointee.transport.close()
                failure = .connect(error)
            }
        }
        failLater(failure)
    }

    private func failLater(_ failure: ClientFailure) {
        pointee.failure = failure
        loop.atEndOfTurn(self) { pointer in
            let connection = pointer.assumingMemoryBound(to: HTTP1ClientConnection.self)
            if connection.pointee.phase != .closed { connection.fail(connection.pointee.failure ?? .closed) }
        }
    }

    @inline(never)
    private func connectionSettled() {
        if let error = Sockets.connectionError(pointee.transport.descriptor) {
            pointee.transport.close()
            if !pointee.addresses.isEmpty { return connectNext() }
            return fail(.connect(error))
        }
        if let header = pointee.proxyHeader, !send(header) { return fail(.broken(.brokenPipe)) }
        if pointee.origin._withUnsafeGuaranteedRef({ $0.proxy }) == nil { encryptOrGoOn() } else { askForTunnel() }
    }

    func encryptOrGoOn() {
        if pointee.origin._withUnsafeGuaranteedRef({ $0.scheme.isSecure }) { startHandshake() } else { connected() }
    }

    /// Whom to connect to on the way to the origin.
    private var hop: Origin {
        let origin = pointee.origin.takeUnretainedValue()
        return origin.proxy ?? origin
    }

    /// The buffer of a new socket takes it whole.
    private func send(_ header: ConnectionNeeds.ProxyHeader) -> Bool {
        let client = pointee.client
        client.pointee.headBuffer.removeAll()
        ProxyProtocol.write(client: header.client, destination: header.destination, to: &client.pointee.headBuffer)
        return pointee.transport.send(client.pointee.headBuffer.readable) == .bytes(client.pointee.headBuffer.count)
    }

    private func connected() {
        pointee.phase = .waiting
        loop.pointee.timers.cancel(timer)
        if let http2 = pointee.http2 { return handOver(to: http2) }
        if let exchange = pointee.exchange { handler.upstreamConnected(exchange, ClientStream(connection: self)) }
    }

    /// The transport goes on without this connection.
    private func handOver(to http2: UnsafeMutablePointer<HTTP2ClientConnection>) {
        let transport = pointee.transport
        http2.pointee.tls = pointee.tls
        http2.pointee.security = pointee.security
        http2.pointee.isEnding = pointee.isEnding
        pointee.tls = nil
        pointee.http2 = nil
        pointee.phase = .closed
        loop.pointee.timers.remove(timer)
        release()
        http2.connected(transport)
    }

    // MARK: TLS

    private func startHandshake() {
        switch pointee.client.encrypt(pointee.transport, for: pointee.origin.takeUnretainedValue(), offersHTTP2: pointee.offersHTTP2) {
        case .failed(let reason): return fail(.tls(reason))
        case .begun(let tls, let security):
            pointee.tls = tls
            pointee.security = security
            pointee.transport = tls.transport
        }
        pointee.phase = .securing
        setTimer(options.handshakeTimeout)
        continueHandshake()
    }

    @inline(never)
    private func continueHandshake() {
        guard let tls = pointee.tls else { return }
        switch tls.handshake(isEnding: pointee.isEnding) {
        case .waiting: if pointee.isEnding { fail(.tls(HandshakeFailure.closed.reason)) }
        case .failed(let failure): fail(.tls(failure.reason))
        case .done:
            pointee.client.pointee.counters.handshakes += 1
            if tls.isSentByKernel { pointee.client.pointee.counters.handshakesToKernel += 1 }
            keepSession()
            if pointee.offersHTTP2 { protocolChosen(tls.applicationProtocol) } else { connected() }
            // The edge that told of the end does not come again.
            guard pointee.isEnding, pointee.phase == .waiting else { return }
            pointee.isReadable = true
            scheduleResume()
        }
    }

    /// The next exchanges go by what the upstream chose, those that wait by what they can.
    private func protocolChosen(_ chosen: ApplicationProtocol) {
        pointee.client.pointee.pools.noteChoice(of: pointee.origin, isHTTP2: chosen == .http2)
        switch (chosen, pointee.http2) {
        case (.http2, _?), (.http1, nil): connected()
        case (.http2, nil): shareTransport()
        case (.http1, let waiting?): declined(waiting)
        }
    }

    private func shareTransport() {
        guard let exchange = pointee.exchange else { return close() }
        pointee.exchange = nil
        let http2 = pointee.client.share(pointee.origin.takeUnretainedValue(), with: exchange, isFresh: pointee.isFreshAsked)
        if let http2 { handOver(to: http2) } else { close() }
    }

    /// Exchanges wait for streams, but there are none: each finds its connection anew, the first of them this one.
    private func declined(_ waiting: UnsafeMutablePointer<HTTP2ClientConnection>) {
        pointee.http2 = nil
        loop.pointee.timers.cancel(timer)
        if pointee.isEnding || options.closesAfterUse { close() } else { becomeIdle() }
        waiting.connectFailed(.downgraded)
    }

    /// Servers give sessions with the handshake or at any time behind it.
    private func keepSession() {
        guard let session = pointee.tls?.takeSession(), let security = pointee.security else { return }
        pointee.client.keepSession(session, for: pointee.origin.takeUnretainedValue(), under: security)
    }

    /// What comes on an idle connection may be about the encryption only.
    @inline(never)
    private func isOnlyTLS() -> Bool {
        guard pointee.tls != nil, pointee.transport.receive(into: loop.pointee.scratch) == .wouldBlock else { return false }
        keepSession()
        return true
    }
}

// MARK: - Events

extension UnsafeMutablePointer where Pointee == HTTP1ClientConnection {
    fileprivate func ready(_ readiness: Readiness) {
        switch pointee.phase {
        case .closed, .resolving: return
        case .securing:
            if !readiness.isDisjoint(with: [.readHangup, .error, .hangup]) { pointee.isEnding = true }
            return continueHandshake()
        case .tunneling: return tunnelProgressed(readiness)
        case .connecting:
            guard !readiness.isDisjoint(with: [.writable, .error, .hangup]) else { return }
            pointee.isEnding = readiness.contains(.readHangup)
            connectionSettled()
            // An upstream that speaks before it is asked, as one that is full may: no other edge will tell of it.
            guard pointee.phase == .waiting, readiness.contains(.readable) else { return }
        // Whatever an upstream says on an idle connection, it is not the answer to a request of ours.
        case .idle:
            if !readiness.isDisjoint(with: [.readHangup, .error, .hangup]) { return close() }
            if readiness.contains(.readable), !isOnlyTLS() { close() }
            return
        case .waiting, .body: break
        }
        if readiness.contains(.writable), !pointee.outbox.isEmpty {
            flush()
            guard pointee.phase != .closed else { return }
        }
        if !readiness.isDisjoint(with: [.readable, .readHangup, .error, .hangup]) {
            if !readiness.isDisjoint(with: [.readHangup, .error, .hangup]) { pointee.isEnding = true }
            pointee.isReadable = true
            read()
        }
    }

    private func read() {
        var turns = 0
        while pointee.isReadable, !pointee.isPaused, pointee.phase == .waiting || pointee.phase == .body {
            turns += 1
            if turns > 8 { return scheduleResume() }
            if pointee.pipesBody, pointee.input.isEmpty, let left = pointee.body.lengthLeft, left >= UInt64(Limits.pipedBytesMin) {
                pipe(left)
                continue
            }
            let received = loop.receive(over: pointee.transport, for: self)
            switch received.result {
            case .bytes(let count):
                if pointee.transport.isDrained(count, of: received.buffer.count), !pointee.isEnding { pointee.isReadable = false }
                pointee.hasResponseBytes = true
                process(UnsafeMutableRawBufferPointer(rebasing: received.buffer[0..<count]), received.headroom)
            case .wouldBlock: pointee.isReadable = false
            case .end: return inputEnded()
            case .failed(let error): return fail(pointee.tls?.failureReason.map { .tls($0) } ?? .broken(error))
            }
        }
    }

    /// Passes a part of the body on in a pipe; never its end, with which more has to be done.
    @inline(never)
    private func pipe(_ left: UInt64) {
        guard let pipe = loop.pointee.pipes.take(), let exchange = pointee.exchange else { return pointee.pipesBody = false }
        switch pipe.fill(from: pointee.transport, upTo: Int(clamping: left - 1)) {
        case .bytes(let count):
            pointee.body.skip(UInt64(count))
            handler.responseBody(exchange, pipe)
        case .wouldBlock:
            pointee.isReadable = false
            pipe.giveBack()
        case .end: inputEnded()
        case .failed(let error): fail(.broken(error))
        }
    }

    private func process(_ bytes: UnsafeMutableRawBufferPointer, _ headroom: Int) {
        if pointee.input.isEmpty {
            let used = process(bytes, headroom: headroom)
            if used < bytes.count, pointee.phase != .closed {
                pointee.input.append(BorrowedBytes(rebasing: UnsafeRawBufferPointer(bytes)[used...]))
            }
        } else {
            pointee.input.append(BorrowedBytes(bytes))
            processInput()
        }
    }

    private func processInput() {
        let readable = pointee.input.readable
        guard !readable.isEmpty else { return }
        let used = process(UnsafeMutableRawBufferPointer(mutating: readable), headroom: 0)
        guard pointee.phase != .closed else { return }
        pointee.input.consume(used)
        if pointee.input.isEmpty { pointee.input.release() }
    }

    private func process(_ bytes: UnsafeMutableRawBufferPointer, headroom: Int) -> Int {
        pointee.isProcessing = true
        defer { pointee.isProcessing = false }
        var used = 0
        while used < bytes.count {
            let rest = UnsafeMutableRawBufferPointer(rebasing: bytes[used...])
            switch pointee.phase {
            case .waiting:
                guard let count = processHead(BorrowedBytes(rest), tailroom: headroom > 0 ? Limits.tailroomBytes : 0) else { return used }
                used += count
            case .body:
                if pointee.isPaused { return used }
                used += processBody(rest, headroom: headroom > 0 ? headroom + used : 0)
            case .idle:
                // More than one response to one request: nothing on this connection can be trusted.
                close()
                return bytes.count
            case .closed, .connecting, .tunneling, .securing, .resolving: return bytes.count
            }
        }
        if pointee.phase == .body, !pointee.isPaused, let exchange = pointee.exchange { handler.responseStalled(exchange) }
        return used
    }

    /// - Returns: the head's length, nil if it is not complete.
    private func processHead(_ bytes: BorrowedBytes, tailroom: Int) -> Int? {
        let head = pointee.exchange.flatMap { handler.responsePlace($0) } ?? pointee.client.incoming
        switch ResponseParser.parse(bytes, into: &head.pointee, method: pointee.method, tailroom: tailroom) {
        case .needMore: return nil
        case .failed(let error):
            fail(.malformed(error))
            return bytes.count
        case .complete(let count):
            let status = head.pointee.status
            if status < 200, status != 101 { return processInterim(head, count, bytes) }
            if status == 101, !pointee.isTunnelAsked {
                fail(.malformed(.malformedStatusLine))
                return bytes.count
            }
            receive(head)
            return count
        }
    }

    @inline(never)
    private func processInterim(_ head: UnsafeMutablePointer<ResponseHead>, _ count: Int, _ bytes: BorrowedBytes) -> Int {
        pointee.interimCount += 1
        guard pointee.interimCount <= Limits.interimResponsesMax else {
            fail(.interimWithoutEnd)
            return bytes.count
        }
        if let exchange = pointee.exchange { handler.responseReceived(exchange, head) }
        return count
    }

    private func receive(_ head: UnsafeMutablePointer<ResponseHead>) {
        let framing = head.pointee.framing
        if !head.pointee.isPersistent { pointee.staysOpen = false }
        pointee.phase = .body
        pointee.awaitsResponse = false
        pointee.pipesBody = false
        pointee.body.begin(framing)
        loop.pointee.timers.cancel(timer)
        guard let exchange = pointee.exchange else { return close() }
        handler.responseReceived(exchange, head)
        guard pointee.phase == .body, pointee.exchange != nil, pointee.body.isComplete, !pointee.isTunnel else { return }
        finish(.empty)
    }

    private func processBody(_ bytes: UnsafeMutableRawBufferPointer, headroom: Int) -> Int {
        let decoded: (consumed: Int, data: Range<Int>)
        do throws(HTTPError) {
            decoded = try pointee.body.decode(bytes)
        } catch {
            fail(.malformed(error))
            return bytes.count
        }
        var piece = BodyPiece(start: bytes.baseAddress! + decoded.data.lowerBound, count: decoded.data.count, headroom: 0, tailroom: 0)
        if headroom > 0 {
            piece.headroom = headroom + decoded.data.lowerBound
            piece.tailroom = decoded.consumed - decoded.data.upperBound + (decoded.consumed == bytes.count ? Limits.tailroomBytes : 0)
        }
        if pointee.body.isComplete {
            if decoded.consumed < bytes.count { pointee.staysOpen = false }
            finish(piece)
        } else if piece.count > 0, let exchange = pointee.exchange {
            handler.responseBody(exchange, piece, isLast: false, trailers: .none)
        }
        return decoded.consumed
    }

    /// The response is complete: the connection goes back to its pool before the handler acts on it, unless the
    /// request is still being sent.
    private func finish(_ piece: BodyPiece) {
        guard let exchange = pointee.exchange else { return close() }
        let trailers = TrailerLines(pointee.body.trailers)
        pointee.exchange = nil
        let mayStay = pointee.staysOpen && pointee.proxyHeader == nil && pointee.isRequestComplete && pointee.outbox.isEmpty && !options.closesAfterUse
        handler.responseBody(exchange, piece, isLast: true, trailers: trailers)
        guard pointee.phase != .closed else { return }
        if mayStay, !pointee.isReadable || isQuiet() { becomeIdle() } else { close() }
    }

    /// Whether nothing has come behind a complete response: it would be the connection's end, or nothing that a next request should get.
    @inline(never)
    private func isQuiet() -> Bool {
        guard !pointee.isEnding, pointee.transport.receive(into: loop.pointee.scratch) == .wouldBlock else { return false }
        pointee.isReadable = false
        return true
    }

    /// Closes an idle connection if its end has come, which the loop would see in its next turn.
    ///
    /// - Returns: whether it may be used. What has come may be about the encryption only.
    @inline(never)
    func isStillOpen() -> Bool {
        var byte: UInt8 = 0
        guard withUnsafeMutableBytes(of: &byte, { pointee.transport.receive(into: $0) }) == .wouldBlock else {
            close()
            return false
        }
        keepSession()
        return true
    }

    private func becomeIdle() {
        if options.idlePerOriginMax <= 0 { return close() }
        keepSession()
        pointee.phase = .idle
        pointee.idleSince = loop.pointee.now
        pointee.client.keepIdle(self)
    }

    @inline(never)
    private func inputEnded() {
        pointee.isReadable = false
        if pointee.phase == .body, pointee.body.endsWithConnection, !pointee.transport.isCutShort, !isBroken {
            pointee.staysOpen = false
            finish(.empty)
        } else {
            fail(pointee.writeFailure.map { .broken($0) } ?? .closed)
        }
    }

    /// What ends a connection out of order is told once by the kernel; if a write heard of it, reads see an end in order. A
    /// broken pipe is what writes get behind such an end.
    private var isBroken: Bool { pointee.writeFailure.map { $0 != .brokenPipe } ?? false }

    func reuse(for exchange: UnsafeMutableRawPointer) {
        pointee.exchange = exchange
        pointee.phase = .waiting
        pointee.isReused = true
        pointee.isRequestComplete = false
        pointee.hasResponseBytes = false
        pointee.isPaused = false
        pointee.interimCount = 0
    }

    // MARK: Continuing

    func pause() {
        pointee.isPaused = true
        pointee.awaitsResponse = false
    }

    func resumeResponse() {
        guard pointee.isPaused, pointee.phase != .closed else { return }
        pointee.isPaused = false
        // Who calls may stand in the middle of bytes that another connection has received.
        if !pointee.isProcessing { scheduleResume() }
    }

    @inline(never)
    private func proceed() {
        guard pointee.phase == .waiting || pointee.phase == .body else { return }
        processInput()
        read()
        // A head that filters held back goes out, although nothing of the body has come.
        if pointee.phase == .body, !pointee.isPaused, pointee.input.isEmpty, let exchange = pointee.exchange { handler.responseStalled(exchange) }
    }

    @inline(never)
    private func scheduleResume() {
        guard !pointee.isResumeScheduled else { return }
        pointee.isResumeScheduled = true
        loop.atEndOfTurn(self) { pointer in
            let connection = pointer.assumingMemoryBound(to: HTTP1ClientConnection.self)
            connection.pointee.isResumeScheduled = false
            connection.proceed()
        }
    }

    func startTunnel() {
        pointee.isTunnel = true
        pointee.isRequestComplete = false
        pointee.isChunkedRequest = false
        pointee.staysOpen = false
        pointee.body.begin(.untilClose)
        pointee.phase = .body
        loop.pointee.timers.cancel(timer)
    }
}

// MARK: - Requests

extension UnsafeMutablePointer where Pointee == HTTP1ClientConnection {
    func request(
        _ head: borrowing RequestHead, host: BorrowedBytes, framing: HeadSerializer.Framing, _ piece: BodyPiece, isLast: Bool,
        trailers: TrailerLines
    ) -> WriteOutcome {
        guard pointee.phase == .waiting else { return .failed(.brokenPipe) }
        let client = pointee.client
        var framing = framing
        if pointee.proxyHeader != nil || options.closesAfterUse, !framing.upgrades, !framing.asksForTunnel { framing.closes = true }
        pointee.method = head.method
        pointee.isChunkedRequest = framing.body == .chunked
        pointee.isTunnelAsked = framing.upgrades
        // Whatever comes of it, who was asked for a tunnel may take what follows for its contents.
        pointee.staysOpen = !framing.closes && head.method != .connect
        client.pointee.headBuffer.removeAll()
        HeadSerializer.write(head, host: host, framing: framing, to: &client.pointee.headBuffer)
        pointee.awaitsResponse = true
        return send(piece, isLast: isLast, trailers: trailers)
    }

    func write(_ piece: BodyPiece, isLast: Bool, trailers: TrailerLines) -> WriteOutcome {
        guard pointee.phase == .waiting || pointee.phase == .body else { return .failed(.brokenPipe) }
        pointee.client.pointee.headBuffer.removeAll()
        return send(piece, isLast: isLast, trailers: trailers)
    }

    /// Sends more of a body with a declared length, not its end.
    func write(_ pipe: Pipe) -> WriteOutcome {
        guard pointee.phase == .waiting || pointee.phase == .body else { return .failed(.brokenPipe) }
        let outcome = pointee.outbox.send(pipe, over: pointee.transport)
        switch outcome {
        case .flushed: break
        case .blocked: if pointee.phase == .waiting { setTimer(options.responseHeaderTimeout) }
        case .failed(let error):
            writeFailed(error)
            return .flushed
        }
        return outcome
    }

    private func send(_ piece: BodyPiece, isLast: Bool, trailers: TrailerLines) -> WriteOutcome {
        let client = pointee.client
        var outcome: WriteOutcome
        if pointee.isChunkedRequest {
            outcome = ChunkedEncoder.withFraming(piece.count, isLast: isLast, trailers: trailers.bytes) { before, behind in
                client.pointee.headBuffer.append(before)
                return pointee.outbox.send(client.pointee.headBuffer.readable, piece, behind, over: pointee.transport, by: sender)
            }
        } else {
            let none = BorrowedBytes(start: nil, count: 0)
            outcome = pointee.outbox.send(client.pointee.headBuffer.readable, piece, none, over: pointee.transport, by: sender)
        }
        if isLast { pointee.isRequestComplete = true }
        if case .failed(let error) = outcome {
            writeFailed(error)
            return .flushed
        }
        if case .blocked = outcome {
            if pointee.phase == .waiting { setTimer(options.responseHeaderTimeout) }
            if pointee.outbox.count < Limits.outputBytesPaused { outcome = .flushed }
        } else if isLast, pointee.phase == .waiting {
            setTimer(options.responseHeaderTimeout)
        }
        if isLast, pointee.isTunnel, pointee.outbox.isEmpty { pointee.transport.shutdownWrite() }
        return outcome
    }

    /// Nil in a tunnel, whose end follows what is sent.
    @inline(__always)
    private var sender: BatchedSender? {
        if pointee.isTunnel { return nil }
        return BatchedSender(loop, owner: self) { $0.assumingMemoryBound(to: HTTP1ClientConnection.self).sendGathered() }
    }

    private func sendGathered() {
        switch pointee.outbox.sendGathered(over: pointee.transport) {
        case .flushed: break
        case .blocked: if pointee.phase == .waiting { setTimer(options.responseHeaderTimeout) }
        case .failed(let error): writeFailed(error)
        }
    }

    @inline(never)
    private func flush() {
        let before = pointee.outbox.count
        switch pointee.outbox.flush(over: pointee.transport) {
        case .flushed:
            if pointee.phase == .waiting { setTimer(options.responseHeaderTimeout) }
            if pointee.isRequestComplete, pointee.isTunnel { pointee.transport.shutdownWrite() }
            if let exchange = pointee.exchange { handler.upstreamWritable(exchange) }
        case .blocked:
            if pointee.outbox.count < before, pointee.phase == .waiting { setTimer(options.responseHeaderTimeout) }
        case .failed(let error): writeFailed(error)
        }
    }

    /// The upstream takes no more, but it may have answered before it closed: what it said stands in the socket still,
    /// and is read at the end of the turn.
    @inline(never)
    private func writeFailed(_ error: SystemError) {
        pointee.outbox = Outbox()
        pointee.staysOpen = false
        pointee.isReadable = true
        pointee.writeFailure = pointee.writeFailure ?? error
        scheduleResume()
    }

    // MARK: Ending

    @inline(never)
    func fail(_ failure: ClientFailure) {
        let exchange = pointee.exchange
        let http2 = pointee.http2
        close()
        if let http2 { return http2.connectFailed(failure) }
        if let exchange { handler.upstreamFailed(exchange, failure) }
    }

    func cancel() {
        pointee.exchange = nil
        close()
    }

    @inline(never)
    func close() {
        guard pointee.phase != .closed else { return }
        let isResolving = pointee.phase == .resolving
        if pointee.phase == .idle { pointee.client.forgetIdle(self) }
        pointee.phase = .closed
        pointee.awaitsResponse = false
        pointee.exchange = nil
        _ = pointee.outbox.sendGathered(over: pointee.transport)
        keepSession()
        pointee.tls = nil
        pointee.transport.close()
        loop.pointee.timers.remove(timer)
        pointee.client.pointee.counters.closed += 1
        // The resolver's answer still names this place; it is given back when that has come.
        if !isResolving { release() }
    }

    private func release() {
        loop.atEndOfTurn(self) { pointer in
            let connection = pointer.assumingMemoryBound(to: HTTP1ClientConnection.self)
            let client = connection.pointee.client
            connection.deinitialize(count: 1)
            client.pointee.connections.give(back: connection)
        }
    }

    // MARK: Time limits

    private func setTimer(_ limit: UInt64) {
        guard limit > 0 else { return loop.pointee.timers.cancel(timer) }
        loop.pointee.timers.set(timer, at: loop.pointee.now + limit)
    }

    private func timerExpired() {
        switch pointee.phase {
        case .resolving, .connecting, .tunneling: fail(.connectTimeout)
        case .securing: fail(.tlsTimeout)
        // While the request is being sent the limit is for what the upstream does not take; a slow client has limits of its own.
        case .waiting: if pointee.isRequestComplete || !pointee.outbox.isEmpty { fail(.timeout) }
        case .body, .idle, .closed: break
        }
    }
}
