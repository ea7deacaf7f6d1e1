import Bytes
import HTTP
import Net

/// One client's HTTP/2 connection: its session's events become calls of the handler, one exchange for each stream.
///
/// It lives in a slab of its server and is reached by pointer. What all streams have to say in one turn goes out at its
/// end by one call. An idle connection owns no buffer.
struct HTTP2ServerConnection: ~Copyable {
    enum Phase {
        case open
        /// GOAWAY has gone: input is thrown away, so that the close does not reset the connection before the client has
        /// read it.
        case lingering
        case closed
    }

    /// How far the connection's orderly end is, RFC 9113 §6.8.
    enum Leaving {
        case no
        /// GOAWAY for no stream has gone, and a PING whose answer shows that the client has seen it.
        case announced
        /// New streams are ignored.
        case refusing
    }

    private let source: EventSource
    var timer = TimerNode()
    var transport: Transport
    let server: UnsafeMutablePointer<Server>
    var next: UnsafeMutablePointer<HTTP2ServerConnection>?
    var previous: UnsafeMutablePointer<HTTP2ServerConnection>?
    var session: HTTP2Session
    /// The beginning of a frame, or the backlog.
    var input = ByteBuffer()
    /// What was received was more than one turn's share.
    var hasBacklog = false
    let peer: SocketAddress

    var phase = Phase.open
    var leaving = Leaving.no
    /// The socket may have bytes: an edge came that was not read to the end.
    var isReadable = true
    var isEnding = false
    var isProcessing = false
    var isTurnScheduled = false
    /// The kernel takes no more at present.
    var isTransportBlocked = false
    /// Requests whose body has not begun to come, in the bytes at hand.
    var stalled: HTTP2StreamPointer?
    /// Sending failed; the connection is closed at the end of the turn, never below a writer.
    var isBroken = false
    var isIdle = false
    var requestCount = 0
    let openedAt: UInt64
    /// Since when it waits for a request, for the client's answer to our farewell or for its close.
    var phaseStart: UInt64
    /// Since when a header block is incomplete; 0 if none is.
    var blockStart: UInt64 = 0
    var lastProgress: UInt64 = 0
    /// With the kernel when the connection last moved.
    var unacknowledgedBytes = 0

    init(_ transport: Transport, peer: SocketAddress, server: UnsafeMutablePointer<Server>) {
        self.transport = transport
        self.peer = peer
        self.server = server
        openedAt = server.pointee.loop.pointee.now
        phaseStart = openedAt
        var options = HTTP2Options()
        options.headerListMax = server.pointee.options.head.bytesMax
        session = HTTP2Session(.server, options: options, workspace: server.pointee.workspace)
        source = EventSource { pointer, bits in
            pointer.assumingMemoryBound(to: HTTP2ServerConnection.self).ready(Readiness(rawValue: bits))
        }
    }
}

typealias HTTP2ServerConnectionPointer = UnsafeMutablePointer<HTTP2ServerConnection>

// MARK: - Events

extension UnsafeMutablePointer where Pointee == HTTP2ServerConnection {
    var loop: UnsafeMutablePointer<EventLoop> { pointee.server.pointee.loop }
    var options: ServerOptions { _read { yield pointee.server.pointee.options } }
    var handler: ServerHandlerReference { pointee.server.pointee.handler }

    /// - Parameter bytes: what the client has sent already.
    func opened(_ bytes: UnsafeMutableRawBufferPointer) {
        timer.pointee.owner = UnsafeMutableRawPointer(self)
        timer.pointee.expired = { $0.assumingMemoryBound(to: HTTP2ServerConnection.self).timerExpired() }
        arm(after: options.readHeaderTimeout)
        scheduleTurn()
        if !bytes.isEmpty { received(bytes, isScratch: false) }
    }

    fileprivate func ready(_ readiness: Readiness) {
        guard pointee.phase != .closed else { return }
        if !readiness.isDisjoint(with: [.error, .hangup]) { return close() }
        if readiness.contains(.writable), pointee.isTransportBlocked {
            pointee.isTransportBlocked = false
            scheduleTurn()
        }
        if !readiness.isDisjoint(with: [.readable, .readHangup]) {
            if readiness.contains(.readHangup) { pointee.isEnding = true }
            pointee.isReadable = true
            read()
        }
    }

    /// A client that asks and takes no answers is not read until it does: what answers it is kept.
    private var isFull: Bool { pointee.session.output.count >= Limits.unreadOutputBytesMax }

    private func read() {
        if pointee.hasBacklog, !isFull { takeBacklog() }
        var turns = 0
        while pointee.isReadable, !pointee.hasBacklog, !isFull || pointee.phase == .lingering, pointee.phase != .closed {
            turns += 1
            if turns > 8 { return scheduleTurn() }
            let buffer = loop.pointee.scratch
            switch pointee.transport.receive(into: buffer) {
            case .bytes(let count):
                if pointee.transport.isDrained(count, of: buffer.count), !pointee.isEnding { pointee.isReadable = false }
                received(UnsafeMutableRawBufferPointer(rebasing: buffer[0..<count]), isScratch: true)
            case .wouldBlock: pointee.isReadable = false
            case .end, .failed: return close()
            }
        }
    }

    private func received(_ bytes: UnsafeMutableRawBufferPointer, isScratch: Bool) {
        if pointee.phase == .lingering { return }
        if pointee.input.isEmpty {
            let used = process(bytes, isScratch: isScratch)
            if used < bytes.count, pointee.phase == .open {
                pointee.input.append(BorrowedBytes(rebasing: UnsafeRawBufferPointer(bytes)[used...]))
            }
        } else {
            pointee.input.append(BorrowedBytes(bytes))
            takeBacklog()
        }
    }

    private func takeBacklog() {
        pointee.hasBacklog = false
        let used = process(UnsafeMutableRawBufferPointer(mutating: pointee.input.readable), isScratch: false)
        guard pointee.phase == .open else { return }
        pointee.input.consume(used)
        if pointee.input.isEmpty { pointee.input.release() }
    }

    private func process(_ bytes: UnsafeMutableRawBufferPointer, isScratch: Bool) -> Int {
        pointee.isProcessing = true
        pointee.session.now = loop.pointee.now
        var used = 0
        var eventCount = 0
        while pointee.phase == .open {
            if eventCount == Limits.streamEventsPerTurn || isFull {
                pointee.hasBacklog = used < bytes.count
                finishProcessing()
                return used
            }
            eventCount += 1
            switch pointee.session.next(BorrowedBytes(bytes), &used) {
            case .starving:
                finishProcessing()
                return used
            case .head(let block): readHead(block)
            case .data(let stream, let range, let isLast):
                var piece = BodyPiece(start: bytes.baseAddress.map { $0 + range.lowerBound }, count: range.count, headroom: 0, tailroom: 0)
                if isScratch {
                    piece.headroom = Limits.headroomBytes + range.lowerBound
                    piece.tailroom = used == bytes.count ? Limits.tailroomBytes : 0
                }
                deliver(stream, piece, isLast: isLast)
            case .reset(let stream, _, let isMalformed): lost(stream, isMalformed ? .malformed(.malformedMessage) : .gone)
            case .goingAway: break
            case .pong: if pointee.leaving == .announced { refuseStreams() }
            case .failed(let failure): fail(failure)
            }
        }
        pointee.isProcessing = false
        return bytes.count
    }

    private func finishProcessing() {
        tellStalled()
        pointee.isProcessing = false
        if !pointee.session.isInsideBlock {
            pointee.blockStart = 0
        } else if pointee.blockStart == 0 {
            pointee.blockStart = loop.pointee.now
            arm(after: options.readHeaderTimeout)
        }
        scheduleTurn()
    }

    private func tellStalled() {
        while let stream = pointee.stalled {
            pointee.stalled = stream.pointee.stallNext
            stream.pointee.isStallNoted = false
            if !stream.pointee.isPaused { deliverHeld(stream) }
        }
    }

    // MARK: Requests

    private func readHead(_ block: HTTP2HeaderBlock) {
        let server = pointee.server
        switch pointee.session.readRequest(block, owner: UnsafeMutableRawPointer(self), into: &server.pointee.incoming, options: options.head) {
        case .head(let stream, let refusal): begin(stream, refusal: refusal)
        case .trailers(let stream, let lines): deliverEnd(stream, lines)
        case .reset(let stream, _): lost(stream, .malformed(.malformedMessage))
        case .ignored: break
        case .failed(let failure): fail(failure)
        }
    }

    private func begin(_ stream: HTTP2StreamPointer, refusal: HTTPError?) {
        let server = pointee.server
        pointee.requestCount += 1
        pointee.isIdle = false
        server.pointee.counters.requests += 1
        stream.pointee.startedAt = loop.pointee.now
        let isTunnelAsked = server.pointee.incoming.isUpgrade
        stream.pointee.isTunnelAsked = isTunnelAsked
        stream.pointee.isPaused = isTunnelAsked
        let hasBody = !server.pointee.incoming.framing.isEmpty && refusal == nil
        stream.pointee.isInputComplete = !hasBody && !isTunnelAsked
        if hasBody { arm(after: options.readTimeout) }
        handler.requestReceived(server.incoming, on: ServerStream(stream), refusal: refusal)
        if hasBody, stream.pointee.exchange != nil { noteStalled(stream) }
        limitAge()
    }

    /// The exchange is told at the end of the bytes at hand that no body has come with the head.
    private func noteStalled(_ stream: HTTP2StreamPointer) {
        if stream.pointee.isStallNoted { return }
        stream.pointee.isStallNoted = true
        stream.pointee.stallNext = pointee.stalled
        pointee.stalled = stream
    }

    private func deliver(_ stream: HTTP2StreamPointer, _ piece: BodyPiece, isLast: Bool) {
        guard let exchange = stream.pointee.exchange, !stream.pointee.isInputComplete else {
            return pointee.session.credit(stream, piece.count)
        }
        if stream.pointee.isPaused || !stream.pointee.input.isEmpty || stream.pointee.isDelivering {
            stream.pointee.input.append(piece.bytes)
            stream.pointee.isInputEnding = isLast
            return
        }
        stream.pointee.isInputComplete = isLast
        handler.requestBody(exchange, piece, isLast: isLast, trailers: .none)
        credit(stream, piece.count)
    }

    private func deliverEnd(_ stream: HTTP2StreamPointer, _ lines: TrailerLines) {
        guard let exchange = stream.pointee.exchange, !stream.pointee.isInputComplete else { return }
        if stream.pointee.isPaused || !stream.pointee.input.isEmpty || stream.pointee.isDelivering {
            stream.pointee.incomingTrailers.append(lines.bytes)
            stream.pointee.isInputEnding = true
            return
        }
        stream.pointee.isInputComplete = true
        handler.requestBody(exchange, .empty, isLast: true, trailers: lines)
    }

    /// Backpressure: the window is given back once the taker goes on.
    private func credit(_ stream: HTTP2StreamPointer, _ count: Int) {
        if stream.pointee.isPaused { stream.pointee.heldCredit += count } else { pointee.session.credit(stream, count) }
    }

    func resume(_ stream: HTTP2StreamPointer) {
        guard stream.pointee.isPaused else { return }
        stream.pointee.isPaused = false
        if pointee.isProcessing { noteStalled(stream) } else { deliverHeld(stream) }
        scheduleTurn()
    }

    /// Passes on what came during a pause.
    private func deliverHeld(_ stream: HTTP2StreamPointer) {
        guard !stream.pointee.isDelivering, !stream.pointee.isInputComplete, let exchange = stream.pointee.exchange else { return }
        pointee.session.credit(stream, stream.pointee.heldCredit)
        stream.pointee.heldCredit = 0
        guard !stream.pointee.input.isEmpty || stream.pointee.isInputEnding else { return handler.requestStalled(exchange) }
        let bytes = stream.pointee.input.readable
        stream.pointee.isDelivering = true
        stream.pointee.isInputComplete = stream.pointee.isInputEnding
        let trailers = TrailerLines(stream.pointee.incomingTrailers.readable)
        handler.requestBody(exchange, BodyPiece(constant: bytes), isLast: stream.pointee.isInputEnding, trailers: trailers)
        stream.pointee.isDelivering = false
        stream.pointee.input.release()
        credit(stream, bytes.count)
    }

    /// The stream is over before its exchange.
    private func lost(_ stream: HTTP2StreamPointer, _ failure: ServerFailure) {
        guard let exchange = stream.pointee.exchange else { return }
        detach(stream)
        handler.requestFailed(exchange, failure)
    }

    private func detach(_ stream: HTTP2StreamPointer) {
        guard stream.pointee.exchange != nil else { return }
        stream.pointee.exchange = nil
        pointee.server.pointee.counters.becameIdle += 1
    }
}

// MARK: - Responses

extension UnsafeMutablePointer where Pointee == HTTP2ServerConnection {
    func respond(
        _ stream: HTTP2StreamPointer, _ head: borrowing ResponseHead, framing: BodyFraming, _ piece: BodyPiece, isLast: Bool, trailers: TrailerLines
    ) -> WriteOutcome {
        guard pointee.phase == .open, !stream.pointee.isLocalClosed else { return .failed(.brokenPipe) }
        if stream.pointee.isTunnelAsked, head.status >= 200, head.status < 300 { return declineTunnel(stream, isLast: isLast) }
        let server = pointee.server
        let endsWithHead = isLast && piece.count == 0 && trailers.bytes.isEmpty
        server.pointee.date.withText(loop.pointee.wallTime) { date in
            pointee.session.respond(stream, head, framing: framing, date: date, isLast: endsWithHead)
        }
        return send(stream, piece, isLast: isLast, trailers: trailers)
    }

    /// An upstream that answers an upgrade with an ordinary success has not upgraded, RFC 8441 §5: its answer would look
    /// like a tunnel.
    private func declineTunnel(_ stream: HTTP2StreamPointer, isLast: Bool) -> WriteOutcome {
        var head = ResponseHead()
        head.reset(status: 502)
        pointee.session.respond(stream, head, framing: .length(0), date: BorrowedBytes(start: nil, count: 0), isLast: true)
        if isLast { detach(stream) }
        scheduleTurn()
        return isLast ? .flushed : .failed(.brokenPipe)
    }

    func send(_ stream: HTTP2StreamPointer, _ piece: BodyPiece, isLast: Bool, trailers: TrailerLines) -> WriteOutcome {
        guard pointee.phase == .open else { return .failed(.brokenPipe) }
        scheduleTurn()
        if stream.pointee.isClosed {
            guard isLast, stream.pointee.exchange != nil else { return .failed(.brokenPipe) }
            detach(stream)
            return .flushed
        }
        if piece.count > 0 || isLast { pointee.session.send(stream, piece.bytes, isLast: isLast, trailers: trailers.bytes) }
        if pointee.session.output.count >= Limits.outputBytesPaused { flush() }
        guard pointee.phase == .open else { return .failed(.brokenPipe) }
        if stream.pointee.pendingOutput > 0 { noteProgress(stream) }
        if isLast {
            detach(stream)
            return .flushed
        }
        return pointee.session.isBlocked(stream) ? .blocked : .flushed
    }

    private func noteProgress(_ stream: HTTP2StreamPointer) {
        stream.pointee.lastProgress = loop.pointee.now
        arm(after: stream.pointee.writeTimeout > 0 ? stream.pointee.writeTimeout : options.writeTimeout)
    }

    func respondInterim(_ stream: HTTP2StreamPointer, _ head: borrowing ResponseHead) {
        guard pointee.phase == .open else { return }
        pointee.session.respond(stream, head, framing: .none, date: BorrowedBytes(start: nil, count: 0), isLast: false)
        scheduleTurn()
    }

    /// The 101 of an upgrade is the 200 of extended CONNECT, RFC 8441 §5.
    func upgrade(_ stream: HTTP2StreamPointer, _ head: borrowing ResponseHead) -> WriteOutcome {
        guard pointee.phase == .open, !stream.pointee.isLocalClosed else { return .failed(.brokenPipe) }
        stream.pointee.isTunnel = true
        stream.pointee.isTunnelAsked = false
        pointee.session.acceptTunnel(stream, head)
        stream.pointee.isPaused = false
        // Bytes the client sent ahead.
        noteStalled(stream)
        scheduleTurn()
        return .flushed
    }

    func abort(_ stream: HTTP2StreamPointer) {
        detach(stream)
        pointee.session.reset(stream, .internalError)
        scheduleTurn()
    }

    // MARK: The end of a turn

    func scheduleTurn() {
        if pointee.isTurnScheduled || pointee.phase == .closed { return }
        pointee.isTurnScheduled = true
        loop.atEndOfTurn(self) { pointer in
            let connection = pointer.assumingMemoryBound(to: HTTP2ServerConnection.self)
            connection.pointee.isTurnScheduled = false
            connection.endTurn()
        }
    }

    /// Sends what the turn brought, lets writers go on that waited, and frees what is over.
    private func endTurn() {
        guard pointee.phase != .closed else { return }
        read()
        guard pointee.phase != .closed else { return }
        tellStalled()
        repeat {
            flush()
            if pointee.isBroken { return close() }
            while let stream = pointee.session.nextWritable() {
                if let exchange = stream.pointee.exchange { handler.clientWritable(exchange) }
            }
        } while !pointee.session.output.isEmpty && !pointee.isTransportBlocked && pointee.phase != .closed
        guard pointee.phase != .closed else { return }
        pointee.session.freeClosed()
        if pointee.session.streamCount == 0 { becomeIdle() }
        if pointee.isReadable || pointee.hasBacklog, !isFull { scheduleTurn() }
    }

    private func becomeIdle() {
        if pointee.leaving == .refusing { return pointee.session.output.isEmpty ? linger() : () }
        if pointee.isIdle { return }
        pointee.isIdle = true
        pointee.phaseStart = loop.pointee.now
        arm(after: options.idleTimeout)
    }

    private func flush() {
        pointee.session.now = loop.pointee.now
        while !pointee.isTransportBlocked, !pointee.isBroken {
            pointee.session.pump()
            let bytes = pointee.session.output.readable
            if bytes.isEmpty { return }
            switch pointee.transport.send(bytes) {
            case .bytes(let count):
                pointee.session.sent(count)
                pointee.lastProgress = loop.pointee.now
                if count < bytes.count { blocked() }
            case .wouldBlock: blocked()
            case .failed, .end:
                pointee.isBroken = true
                scheduleTurn()
            }
        }
    }

    private func blocked() {
        pointee.isTransportBlocked = true
        pointee.lastProgress = loop.pointee.now
        pointee.unacknowledgedBytes = pointee.transport.unacknowledgedBytes
        arm(after: options.writeTimeout)
    }

    // MARK: Ending

    /// The client broke the connection's rules: GOAWAY says so.
    private func fail(_ failure: HTTP2Failure) {
        pointee.server.pointee.counters.protocolErrors += 1
        endStreams(.gone)
        flush()
        guard pointee.phase == .open else { return }
        if pointee.session.output.isEmpty { return linger() }
        // The socket is full: it lingers when GOAWAY is out, which stands behind what was under way.
        for stream in streams() { pointee.session.close(stream) }
        pointee.leaving = .refusing
        pointee.phaseStart = loop.pointee.now
        arm(after: Limits.lingerNanoseconds)
        scheduleTurn()
    }

    /// Everything is said; what the client still says does not matter.
    private func linger() {
        guard pointee.phase == .open else { return }
        pointee.phase = .lingering
        pointee.phaseStart = loop.pointee.now
        pointee.input.release()
        pointee.hasBacklog = false
        pointee.transport.shutdownWrite()
        arm(after: Limits.lingerNanoseconds)
        pointee.isReadable = true
        scheduleTurn()
    }

    func endStreams(_ failure: ServerFailure) {
        for stream in streams() { lost(stream, failure) }
    }

    /// The open streams, for loops that close some of them.
    func streams() -> [HTTP2StreamPointer] {
        var streams: [HTTP2StreamPointer] = []
        pointee.session.forEachStream { streams.append($0) }
        return streams
    }

    var carriesOnlyTunnels: Bool {
        var hasOthers = pointee.session.streamCount == 0
        pointee.session.forEachStream { if !$0.pointee.isTunnel { hasOthers = true } }
        return !hasOthers
    }

    private func limitAge() {
        guard pointee.leaving == .no else { return }
        if options.requestsMax > 0, pointee.requestCount >= options.requestsMax {
            pointee.server.pointee.counters.closedByRequests += 1
            leave()
        } else if options.keepAliveMax > 0, loop.pointee.now - pointee.openedAt >= options.keepAliveMax {
            pointee.server.pointee.counters.closedByAge += 1
            leave()
        }
    }

    /// Begins the connection's orderly end: streams under way are served, and those the client opens before it hears.
    func leave() {
        guard pointee.phase == .open, pointee.leaving == .no else { return }
        pointee.leaving = .announced
        pointee.phaseStart = loop.pointee.now
        pointee.session.announceEnd()
        arm(after: Limits.farewellNanoseconds)
        scheduleTurn()
    }

    func refuseStreams() {
        pointee.leaving = .refusing
        pointee.session.refuseStreams()
        scheduleTurn()
    }

    func close() {
        guard pointee.phase != .closed else { return }
        pointee.phase = .closed
        endStreams(.gone)
        pointee.transport.close()
        loop.pointee.timers.remove(timer)
        pointee.server.forget(self)
        loop.atEndOfTurn(self) { pointer in
            let connection = pointer.assumingMemoryBound(to: HTTP2ServerConnection.self)
            let server = connection.pointee.server
            connection.deinitialize(count: 1)
            server.pointee.http2Connections.give(back: connection)
        }
    }
}
