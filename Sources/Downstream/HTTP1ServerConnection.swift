import Bytes
import HTTP
import Net

/// One client's HTTP/1 connection: reads requests, hands their parts to the handler, writes responses.
///
/// It lives in a slab of its server and is reached by pointer. Between requests it owns no buffer. Bytes are read into
/// the loop's scratch and handled in place; only what cannot be handled yet (a part of a head, a body nobody takes, the
/// next request) is kept in `input`.
///
/// Reads happen in events, timers and ends of turns, never below a call that holds bytes of the scratch.
///
/// What seldom happens is kept out of line: the code of a usual request then fills fewer lines of the cache.
struct HTTP1ServerConnection: ~Copyable {
    enum Phase {
        /// No byte of the next request has come.
        case idle
        /// A part of a head has come.
        case head
        /// The request's body, or what a tunnel carries, is coming.
        case body
        /// The request is complete, its response is not.
        case waiting
        /// The response has gone and the connection will close: input is thrown away, so that the close does not reset
        /// the connection before the client has read the response.
        case lingering
        case closed
    }

    private var source: EventSource
    var timer = TimerNode()
    var transport: Transport
    let server: UnsafeMutablePointer<Server>
    var next: UnsafeMutablePointer<HTTP1ServerConnection>?
    var previous: UnsafeMutablePointer<HTTP1ServerConnection>?
    var exchange: UnsafeMutableRawPointer?
    var input = ByteBuffer()
    var outbox = Outbox()
    var body = BodyDecoder()
    var headEnd = HeadEnd()
    let peer: SocketAddress

    var phase = Phase.idle
    /// The socket may have bytes: an edge came that was not read to the end.
    var isReadable = true
    /// The client sends no more: its last bytes and the end behind them came as one edge.
    var isEnding = false
    /// Nobody takes the request's body; or, between requests, more have come than one turn answers, or answers are not taken.
    var isPaused = false
    /// What comes of the request's body may go by a pipe.
    var pipesBody = false
    var isProcessing = false
    var isResumeScheduled = false
    var isPersistent = true
    var isHTTP10 = false
    var isTunnel = false
    /// Of the current response.
    var isResponding = false
    var isChunked = false
    var closesAfterResponse = false
    /// Nothing but the connection's end tells the client that the response is complete.
    var endsWithConnection = false
    /// It could not be read to its end, so more of it may come after the answer.
    var isRefused = false
    /// The client holds the request's body back until it is asked for it.
    var awaitsContinue = false

    var requestCount = 0
    let openedAt: UInt64
    /// When the current phase's time limit began to run.
    var phaseStart: UInt64
    var lastProgress: UInt64 = 0
    /// With the kernel when the response last moved.
    var unacknowledgedBytes = 0
    var writeTimeoutOverride: UInt64 = 0
    var readTimeoutOverride: UInt64 = 0

    init(_ transport: Transport, peer: SocketAddress, server: UnsafeMutablePointer<Server>) {
        self.transport = transport
        self.peer = peer
        self.server = server
        openedAt = server.pointee.loop.pointee.now
        phaseStart = openedAt
        source = EventSource { pointer, bits in
            pointer.assumingMemoryBound(to: HTTP1ServerConnection.self).ready(Readiness(rawValue: bits))
        }
    }

    /// Whether nothing of the current request is still to come.
    var isRequestComplete: Bool { phase != .body }

    /// Whether the next request is awaited, and nothing else would be done with what comes.
    fileprivate var awaitsRequest: Bool {
        get { source.awaits >= 0 }
        set { source.awaits = newValue && transport.isPlain ? transport.descriptor : -1 }
    }
}

// MARK: - Events

extension UnsafeMutablePointer where Pointee == HTTP1ServerConnection {
    var loop: UnsafeMutablePointer<EventLoop> { pointee.server.pointee.loop }
    var options: ServerOptions { _read { yield pointee.server.pointee.options } }
    var handler: ServerHandlerReference { pointee.server.pointee.handler }
    private var stream: ServerStream { ServerStream(connection: self) }

    func opened() {
        timer.pointee.owner = UnsafeMutableRawPointer(self)
        timer.pointee.expired = { $0.assumingMemoryBound(to: HTTP1ServerConnection.self).timerExpired() }
        setDeadline()
        pointee.awaitsRequest = true
        read()
    }

    fileprivate func ready(_ readiness: Readiness) {
        guard pointee.phase != .closed else { return }
        // Both ends have said theirs where the last answer lingers; unread bytes would reset what the client has not taken.
        if !readiness.isDisjoint(with: [.error, .hangup]), pointee.phase != .lingering || readiness.contains(.error) { return peerIsGone() }
        let hasInput = !readiness.isDisjoint(with: [.readable, .readHangup])
        if hasInput { pointee.isReadable = true }
        if readiness.contains(.writable), !pointee.outbox.isEmpty {
            flush()
            guard pointee.phase != .closed else { return }
        }
        if hasInput {
            if readiness.contains(.readHangup) { pointee.isEnding = true }
            read()
            if pointee.isEnding, pointee.phase == .waiting { inputEnding() }
        }
    }

    /// A client that sends no more may still read, or may be gone: it gets what comes soon.
    @inline(never)
    private func inputEnding() {
        pointee.phaseStart = loop.pointee.now
        setDeadline()
    }

    /// Reads until the socket is empty, the handler pauses, or others should have their turn.
    private func read() {
        var turns = 0
        while pointee.isReadable, wantsInput {
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
                process(UnsafeMutableRawBufferPointer(rebasing: received.buffer[0..<count]), received.headroom)
            case .wouldBlock: pointee.isReadable = false
            case .end: return inputEnded()
            case .failed: return peerIsGone()
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
            handler.requestBody(exchange, pipe)
        case .wouldBlock:
            pointee.isReadable = false
            pipe.giveBack()
        case .end: inputEnded()
        case .failed: peerIsGone()
        }
    }

    /// A request that waits for its response is not followed by reading the next one.
    private var wantsInput: Bool {
        switch pointee.phase {
        case .idle, .head, .body: !pointee.isPaused
        case .lingering: true
        case .waiting, .closed: false
        }
    }

    private func process(_ bytes: UnsafeMutableRawBufferPointer, _ headroom: Int) {
        if pointee.phase == .lingering { return }
        if pointee.input.isEmpty {
            let used = process(bytes, headroom: headroom)
            if used < bytes.count, pointee.phase != .closed, pointee.phase != .lingering {
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
        guard pointee.phase != .closed, pointee.phase != .lingering else { return }
        pointee.input.consume(used)
        if pointee.input.isEmpty { pointee.input.release() }
    }

    /// Handles bytes from the front until one thing needs something else to happen first.
    private func process(_ bytes: UnsafeMutableRawBufferPointer, headroom: Int) -> Int {
        pointee.isProcessing = true
        defer { pointee.isProcessing = false }
        var used = 0
        var requests = 0
        while used < bytes.count {
            let rest = UnsafeMutableRawBufferPointer(rebasing: bytes[used...])
            switch pointee.phase {
            case .idle, .head:
                if pointee.isPaused { return used }
                requests += 1
                if requests > Limits.pipelinedPerTurn {
                    pointee.isPaused = true
                    pointee.awaitsRequest = false
                    scheduleResume()
                    return used
                }
                guard let count = processHead(BorrowedBytes(rest), tailroom: headroom > 0 ? Limits.tailroomBytes : 0) else { return used }
                used += count
            case .body:
                if pointee.isPaused { return used }
                used += processBody(rest, headroom: headroom > 0 ? headroom + used : 0)
            case .waiting: return used
            case .lingering, .closed: return bytes.count
            }
        }
        if pointee.phase == .body, !pointee.isPaused, let exchange = pointee.exchange { handler.requestStalled(exchange) }
        return used
    }

    /// - Returns: the head's length, nil if it is not complete.
    private func processHead(_ bytes: BorrowedBytes, tailroom: Int) -> Int? {
        if pointee.phase == .head, !pointee.headEnd.isReached(in: bytes), bytes.count < options.head.bytesMax { return nil }
        let head = handler.requestPlace ?? pointee.server.incoming
        switch RequestParser.parse(bytes, into: &head.pointee, options: options.head, tailroom: tailroom) {
        case .needMore: return waitForHead(bytes)
        case .complete(let count):
            begin(head, refusal: nil)
            return count
        case .failed(let error):
            if error == .unsupportedVersion || error == .malformedRequestLine, pointee.requestCount == 0, let result = recognizeHTTP2(bytes) { return result }
            head.pointee.reset()
            begin(head, refusal: error)
            return bytes.count
        }
    }

    @inline(never)
    private func waitForHead(_ bytes: BorrowedBytes) -> Int? {
        if pointee.phase == .idle {
            pointee.phase = .head
            pointee.headEnd = HeadEnd()
            _ = pointee.headEnd.isReached(in: bytes)
            pointee.phaseStart = loop.pointee.now
            setDeadline()
        }
        return nil
    }

    /// HTTP/2 with prior knowledge begins with what HTTP/1 refuses, RFC 9113 §3.3.
    ///
    /// - Returns: what `processHead` returns; `.none` if this is something else.
    @inline(never)
    private func recognizeHTTP2(_ bytes: BorrowedBytes) -> Int?? {
        let preface = BorrowedBytes(HTTP2Session.preface)
        let count = Swift.min(bytes.count, preface.count)
        guard bytes.slice(0, count).equals(preface.slice(0, count)) else { return .none }
        if count < preface.count { return .some(waitForHead(bytes)) }
        let transport = pointee.transport
        leaveTransport()
        pointee.server.adoptHTTP2(transport, peer: pointee.peer, UnsafeMutableRawBufferPointer(mutating: bytes))
        return .some(bytes.count)
    }

    /// Gives the transport up; the connection's place is freed at the end of the turn.
    private func leaveTransport() {
        pointee.phase = .closed
        pointee.awaitsRequest = false
        loop.pointee.timers.remove(timer)
        pointee.server.unlink(self)
        freeLater()
    }

    private func begin(_ head: UnsafeMutablePointer<RequestHead>, refusal: HTTPError?) {
        let isComplete = head.pointee.framing.isEmpty || refusal != nil
        pointee.awaitsRequest = false
        pointee.requestCount += 1
        pointee.server.pointee.counters.requests += 1
        pointee.isPersistent = head.pointee.isPersistent && refusal == nil
        pointee.isHTTP10 = head.pointee.version == .http10
        pointee.isPaused = false
        pointee.pipesBody = false
        pointee.isResponding = false
        pointee.closesAfterResponse = refusal != nil
        pointee.isRefused = refusal != nil
        pointee.awaitsContinue = head.pointee.expectsContinue && !isComplete
        pointee.writeTimeoutOverride = 0
        pointee.readTimeoutOverride = 0
        if isComplete {
            requestEnded()
        } else {
            if pointee.phase == .idle { pointee.phaseStart = loop.pointee.now }
            pointee.phase = .body
            pointee.body.begin(head.pointee.framing)
            setDeadline()
        }
        handler.requestReceived(head, on: stream, refusal: refusal)
    }

    /// The request is complete: its response comes next.
    @inline(__always)
    private func requestEnded() {
        pointee.phase = .waiting
        if pointee.isEnding { inputEnding() }
    }

    private func processBody(_ bytes: UnsafeMutableRawBufferPointer, headroom: Int) -> Int {
        let decoded: (consumed: Int, data: Range<Int>)
        do throws(HTTPError) {
            decoded = try pointee.body.decode(bytes)
        } catch {
            failRequest(.malformed(error))
            return bytes.count
        }
        pointee.awaitsContinue = false
        let isLast = pointee.body.isComplete
        if isLast, pointee.isResponding || pointee.exchange != nil { requestEnded() }
        if let exchange = pointee.exchange {
            var piece = BodyPiece(start: bytes.baseAddress! + decoded.data.lowerBound, count: decoded.data.count, headroom: 0, tailroom: 0)
            if headroom > 0 {
                piece.headroom = headroom + decoded.data.lowerBound
                piece.tailroom = decoded.consumed - decoded.data.upperBound + (decoded.consumed == bytes.count ? Limits.tailroomBytes : 0)
            }
            if isLast || piece.count > 0 { handler.requestBody(exchange, piece, isLast: isLast, trailers: TrailerLines(pointee.body.trailers)) }
        } else if isLast {
            // The response went before the request was complete; the rest was thrown away.
            if pointee.closesAfterResponse { pointee.phase = .waiting } else { becomeIdle() }
        }
        return decoded.consumed
    }

    /// The client sends no more: proper between requests and in a tunnel, and after a complete request (half-close).
    @inline(never)
    private func inputEnded() {
        pointee.isReadable = false
        switch pointee.phase {
        case .idle, .head: closeWhenFlushed()
        case .lingering: close()
        case .body where pointee.exchange == nil: closeWhenFlushed()
        case .body:
            guard pointee.body.endsWithConnection, let exchange = pointee.exchange else { return failRequest(.gone) }
            pointee.phase = .waiting
            handler.requestBody(exchange, .empty, isLast: true, trailers: .none)
        case .waiting, .closed: break
        }
    }

    /// No other request follows; what the client has not taken of the last answer it gets.
    @inline(never)
    private func closeWhenFlushed() {
        sendGathered()
        guard pointee.phase != .closed else { return }
        if pointee.outbox.isEmpty { return close() }
        pointee.phase = .idle
        pointee.awaitsRequest = false
        pointee.input.release()
        pointee.closesAfterResponse = true
    }

    @inline(never)
    private func peerIsGone() { failRequest(.gone) }

    @inline(never)
    private func failRequest(_ failure: ServerFailure) {
        if case .malformed = failure {
            pointee.closesAfterResponse = true
            pointee.isRefused = true
            pointee.phase = .waiting
        }
        guard let exchange = pointee.exchange else { return close() }
        handler.requestFailed(exchange, failure)
        if case .malformed = failure { return }
        close()
    }

    // MARK: Continuing

    func resumeRequest() {
        guard pointee.isPaused, pointee.phase != .closed else { return }
        pointee.isPaused = false
        // Who calls may stand in the middle of bytes that another connection has received.
        if !pointee.isProcessing { scheduleResume() }
    }

    /// Handles what has come meanwhile: kept input first, then the socket.
    @inline(never)
    private func proceed() {
        guard pointee.phase != .closed else { return }
        if pointee.phase == .idle || pointee.phase == .head { pointee.isPaused = isFull }
        processInput()
        read()
        if pointee.phase == .body, !pointee.isPaused, pointee.input.isEmpty, let exchange = pointee.exchange { handler.requestStalled(exchange) }
        closeIfDrained()
    }

    @inline(never)
    private func scheduleResume() {
        guard !pointee.isResumeScheduled else { return }
        pointee.isResumeScheduled = true
        loop.atEndOfTurn(self) { pointer in
            let connection = pointer.assumingMemoryBound(to: HTTP1ServerConnection.self)
            connection.pointee.isResumeScheduled = false
            connection.proceed()
        }
    }
}

// MARK: - Responses

extension UnsafeMutablePointer where Pointee == HTTP1ServerConnection {
    func respond(
        _ head: borrowing ResponseHead, framing: BodyFraming, _ piece: BodyPiece, isLast: Bool, trailers: TrailerLines
    ) -> WriteOutcome {
        guard pointee.phase != .closed else { return .failed(.brokenPipe) }
        var framing = framing
        if framing == .chunked && pointee.isHTTP10 || framing == .untilClose {
            framing = .untilClose
            pointee.closesAfterResponse = true
        }
        decidePersistence(isLast: isLast)
        pointee.isChunked = framing == .chunked
        pointee.endsWithConnection = framing == .untilClose
        pointee.isResponding = true
        var headFraming = HeadSerializer.Framing(body: framing, closes: pointee.closesAfterResponse)
        headFraming.keepsAlive = pointee.isHTTP10
        writeHead(head, headFraming)
        return send(piece, isLast: isLast, trailers: trailers, withHead: true)
    }

    func write(_ piece: BodyPiece, isLast: Bool, trailers: TrailerLines) -> WriteOutcome {
        guard pointee.phase != .closed else { return .failed(.brokenPipe) }
        pointee.server.pointee.headBuffer.removeAll()
        return send(piece, isLast: isLast, trailers: trailers, withHead: false)
    }

    /// Sends more of a body with a declared length, not its end.
    func write(_ pipe: Pipe) -> WriteOutcome {
        guard pointee.phase != .closed else { return .failed(.brokenPipe) }
        let wasEmpty = pointee.outbox.isEmpty
        let outcome = pointee.outbox.send(pipe, over: pointee.transport)
        if case .blocked = outcome { blocked(wasEmpty) }
        return outcome
    }

    func respondInterim(_ head: borrowing ResponseHead) {
        guard pointee.phase != .closed, !pointee.isHTTP10 else { return }
        if head.status == 100 { pointee.awaitsContinue = false }
        writeHead(head, HeadSerializer.Framing(body: .none))
        let wasEmpty = pointee.outbox.isEmpty
        if case .blocked = pointee.outbox.send(pointee.server.pointee.headBuffer.readable, over: pointee.transport) { blocked(wasEmpty) }
    }

    func upgrade(_ head: borrowing ResponseHead) -> WriteOutcome {
        guard pointee.phase != .closed else { return .failed(.brokenPipe) }
        pointee.isTunnel = true
        pointee.isChunked = false
        pointee.isResponding = true
        pointee.closesAfterResponse = true
        writeHead(head, HeadSerializer.Framing(body: .none, upgrades: head.status == 101))
        pointee.body.begin(.untilClose)
        pointee.phase = .body
        loop.pointee.timers.cancel(timer)
        let wasEmpty = pointee.outbox.isEmpty
        let outcome = pointee.outbox.send(pointee.server.pointee.headBuffer.readable, over: pointee.transport)
        if case .blocked = outcome { blocked(wasEmpty) }
        // Bytes the client sent ahead, and an edge that came while the response was awaited.
        scheduleResume()
        return outcome
    }

    private func writeHead(_ head: borrowing ResponseHead, _ framing: HeadSerializer.Framing) {
        let server = pointee.server
        server.pointee.headBuffer.removeAll()
        server.pointee.date.withText(loop.pointee.wallTime) { date in
            HeadSerializer.write(head, framing: framing, date: date, to: &server.pointee.headBuffer)
        }
    }

    private func decidePersistence(isLast: Bool) {
        let server = pointee.server
        if !pointee.isPersistent || server.pointee.isDraining { pointee.closesAfterResponse = true }
        if options.requestsMax > 0, pointee.requestCount >= options.requestsMax, !pointee.closesAfterResponse {
            pointee.closesAfterResponse = true
            server.pointee.counters.closedByRequests += 1
        }
        if options.keepAliveMax > 0, loop.pointee.now - pointee.openedAt >= options.keepAliveMax, !pointee.closesAfterResponse {
            pointee.closesAfterResponse = true
            server.pointee.counters.closedByAge += 1
        }
        // RFC 9110 §10.1.1: whether the body still comes, or the next request, only the client knows.
        if pointee.awaitsContinue { pointee.closesAfterResponse = true }
        // An answer before the end of a long request: reading on for the next one would cost more than a connection.
        if pointee.phase == .body, !pointee.isTunnel, (pointee.body.lengthLeft ?? .max) > UInt64(Limits.outputBytesPaused) {
            pointee.closesAfterResponse = isLast || pointee.closesAfterResponse
        }
    }

    /// Sends the head buffer's contents and a piece of body with its framing, by one call if the piece has room around.
    private func send(_ piece: BodyPiece, isLast: Bool, trailers: TrailerLines, withHead: Bool) -> WriteOutcome {
        let server = pointee.server
        let before = pointee.outbox.isEmpty ? 0 : pointee.outbox.count
        var outcome: WriteOutcome
        if pointee.isChunked {
            outcome = ChunkedEncoder.withFraming(piece.count, isLast: isLast, trailers: trailers.bytes) { before, behind in
                server.pointee.headBuffer.append(before)
                return transmit(piece, behind)
            }
        } else {
            outcome = transmit(piece, BorrowedBytes(start: nil, count: 0))
        }
        if case .blocked = outcome {
            blocked(before == 0 || pointee.outbox.count < before + piece.count)
            if pointee.outbox.count < Limits.outputBytesPaused { outcome = .flushed }
        }
        if isLast { responseEnded(outcome) }
        return outcome
    }

    private func transmit(_ piece: BodyPiece, _ behind: BorrowedBytes) -> WriteOutcome {
        pointee.outbox.send(pointee.server.pointee.headBuffer.readable, piece, behind, over: pointee.transport, by: sender)
    }

    /// Nil if what is sent decides whether to close.
    @inline(__always)
    private var sender: BatchedSender? {
        if pointee.closesAfterResponse { return nil }
        return BatchedSender(loop, owner: self) { $0.assumingMemoryBound(to: HTTP1ServerConnection.self).sendGathered() }
    }

    private func sendGathered() {
        switch pointee.outbox.sendGathered(over: pointee.transport) {
        case .flushed: break
        case .blocked: blocked(true)
        case .failed: peerIsGone()
        }
    }

    private func responseEnded(_ outcome: WriteOutcome) {
        pointee.exchange = nil
        if case .failed = outcome { return close() }
        if pointee.isTunnel { return endTunnel() }
        if pointee.closesAfterResponse {
            sendGathered()
            return pointee.phase != .closed && pointee.outbox.isEmpty ? finishAndClose() : ()
        }
        if pointee.phase == .body {
            // The rest of the request is thrown away as it comes.
            pointee.isPaused = false
            if pointee.server.pointee.isDraining {
                pointee.phaseStart = loop.pointee.now
                setDeadline()
            }
            return scheduleResume()
        }
        becomeIdle()
    }

    /// A client that asks and takes no answers is not heard until it does.
    private var isFull: Bool { pointee.outbox.count >= Limits.unreadOutputBytesMax }

    private func becomeIdle() {
        pointee.isResponding = false
        pointee.server.pointee.counters.becameIdle += 1
        pointee.phase = .idle
        pointee.phaseStart = loop.pointee.now
        if pointee.outbox.isEmpty {
            pointee.isPaused = false
            pointee.awaitsRequest = true
            if options.idleTimeout > 0 { loop.pointee.timers.set(timer, at: pointee.phaseStart + options.idleTimeout) }
        } else {
            pointee.isPaused = isFull
            pointee.awaitsRequest = !pointee.isPaused
            setDeadline()
        }
        if pointee.isReadable || !pointee.input.isEmpty, !pointee.isProcessing { scheduleResume() }
        closeIfDrained()
    }

    /// The upstream's side of a tunnel ended: what is written is flushed, then the client is told.
    private func endTunnel() {
        if pointee.outbox.isEmpty { finishAndClose() }
    }

    /// Closes once the client has everything; lingers if it may still be sending, as all do that have not said that this was
    /// their last request: what comes to a closed socket would have the kernel throw away what the client has not taken yet.
    @inline(never)
    private func finishAndClose() {
        if pointee.phase == .waiting, !pointee.isPersistent, !pointee.isRefused, !pointee.isReadable, pointee.input.isEmpty { return close() }
        pointee.transport.shutdownWrite()
        pointee.phase = .lingering
        pointee.phaseStart = loop.pointee.now
        pointee.input.release()
        setDeadline()
        if !pointee.isProcessing { scheduleResume() }
    }

    @inline(never)
    private func flush() {
        let before = pointee.outbox.count
        switch pointee.outbox.flush(over: pointee.transport) {
        case .flushed:
            if pointee.exchange == nil, pointee.closesAfterResponse { return finishAndClose() }
            if pointee.phase == .idle || pointee.phase == .head { goOn() }
            closeIfDrained()
            if let exchange = pointee.exchange { handler.clientWritable(exchange) }
        case .blocked:
            if pointee.outbox.count < before { noteProgress() }
        case .failed: peerIsGone()
        }
    }

    /// The client has taken all answers: time runs for its next request, which may have come already.
    private func goOn() {
        pointee.phaseStart = loop.pointee.now
        setDeadline()
        pointee.awaitsRequest = !pointee.isPaused
        if pointee.isPaused || pointee.isReadable || !pointee.input.isEmpty { scheduleResume() }
    }

    // MARK: Ending

    /// Ends the connection in the middle of a response. A body with a length or in chunks is visibly cut by an end in
    /// order, which comes behind what the client has not taken yet, answers to its earlier requests among it; one that the
    /// connection's end completes takes a reset.
    func abortResponse() {
        guard pointee.phase != .closed else { return }
        pointee.exchange = nil
        if pointee.isTunnel || pointee.endsWithConnection || !pointee.isResponding {
            pointee.transport.abort()
            return close()
        }
        pointee.closesAfterResponse = true
        sendGathered()
        if pointee.phase != .closed, pointee.outbox.isEmpty { finishAndClose() }
    }

    @inline(never)
    func closeIfIdle() {
        guard pointee.phase == .idle, pointee.input.isEmpty else { return }
        sendGathered()
        guard pointee.phase == .idle else { return }
        if !pointee.outbox.isEmpty { return pointee.closesAfterResponse = true }
        // What comes to a closed socket would have the kernel throw away what the client has not taken yet.
        if pointee.transport.unacknowledgedBytes > 0 { finishAndClose() } else { close() }
    }

    /// From now on the process ends, and waits a moment only for what is owed of a request that nobody answers (any more).
    func drain() {
        if pointee.phase == .idle {
            // A request that has come in this very turn.
            pointee.isReadable = true
            read()
        }
        closeIfIdle()
        guard pointee.phase == .head || pointee.phase == .body, pointee.exchange == nil else { return }
        pointee.phaseStart = loop.pointee.now
        setDeadline()
    }

    /// Its handshake was under way when the process began to end: it has a moment for the request that it was made for.
    func drainOpened() {
        guard pointee.phase == .idle else { return }
        pointee.phase = .head
        pointee.headEnd = HeadEnd()
        pointee.phaseStart = loop.pointee.now
        setDeadline()
    }

    /// At the end of the process, a response that said nothing of it may have been the last one still.
    @inline(__always)
    private func closeIfDrained() {
        if pointee.server.pointee.isDraining, !pointee.isReadable { closeIfIdle() }
    }

    @inline(never)
    func close() {
        guard pointee.phase != .closed else { return }
        pointee.phase = .closed
        pointee.awaitsRequest = false
        pointee.exchange = nil
        _ = pointee.outbox.sendGathered(over: pointee.transport)
        pointee.transport.close()
        loop.pointee.timers.remove(timer)
        pointee.server.forget(self)
        freeLater()
    }

    private func freeLater() {
        loop.atEndOfTurn(self) { pointer in
            let connection = pointer.assumingMemoryBound(to: HTTP1ServerConnection.self)
            let server = connection.pointee.server
            connection.deinitialize(count: 1)
            server.pointee.connections.give(back: connection)
        }
    }

    // MARK: Time limits

    private var timer: UnsafeMutablePointer<TimerNode> {
        withUnsafeMutablePointer(to: &pointee.timer) { $0 }
    }

    func setReadTimeout(_ timeout: UInt64) {
        pointee.readTimeoutOverride = timeout
        pointee.phaseStart = loop.pointee.now
        setDeadline()
    }

    /// When the state the connection is in has lasted too long; nil if it may last.
    private var deadline: UInt64? {
        let write = pointee.writeTimeoutOverride > 0 ? pointee.writeTimeoutOverride : options.writeTimeout
        let writeDeadline = !pointee.outbox.isEmpty && write > 0 ? pointee.lastProgress + write : nil
        var limit: UInt64 = 0
        switch pointee.phase {
        case .idle: limit = pointee.outbox.isEmpty ? options.idleTimeout : 0
        case .head: limit = pointee.outbox.isEmpty ? atTheEnd(options.readHeaderTimeout) : 0
        case .body where !pointee.isTunnel:
            limit = pointee.readTimeoutOverride > 0 ? pointee.readTimeoutOverride : options.readTimeout
            if pointee.exchange == nil { limit = atTheEnd(limit) }
        case .waiting where pointee.isEnding && !pointee.isResponding && !pointee.isTunnel && pointee.outbox.isEmpty: limit = Limits.halfClosedNanoseconds
        case .lingering: limit = Limits.lingerNanoseconds
        default: break
        }
        let phaseDeadline = limit > 0 ? pointee.phaseStart + limit : nil
        guard let writeDeadline else { return phaseDeadline }
        return min(writeDeadline, phaseDeadline ?? .max)
    }

    /// The usual limit, or a short one while the process ends.
    private func atTheEnd(_ limit: UInt64) -> UInt64 {
        guard pointee.server.pointee.isDraining else { return limit }
        return limit == 0 ? Limits.lingerNanoseconds : Swift.min(limit, Limits.lingerNanoseconds)
    }

    func setDeadline() {
        if let deadline { loop.pointee.timers.set(timer, at: deadline) }
    }

    /// - Parameter hasMoved: whether the client has taken something since it was last blocked, if it was.
    private func blocked(_ hasMoved: Bool) {
        if hasMoved { noteProgress() }
        setDeadline()
    }

    private func noteProgress() {
        pointee.lastProgress = loop.pointee.now
        pointee.unacknowledgedBytes = pointee.transport.unacknowledgedBytes
    }

    private func timerExpired() {
        guard let deadline else { return }
        if loop.pointee.now < deadline { return loop.pointee.timers.set(timer, at: deadline) }
        let isWrite = !pointee.outbox.isEmpty
        if isWrite, pointee.transport.unacknowledgedBytes < pointee.unacknowledgedBytes {
            noteProgress()
            return setDeadline()
        }
        guard let exchange = pointee.exchange else { return close() }
        if pointee.phase == .waiting, !isWrite {
            // One that still takes earlier answers is there.
            let before = pointee.unacknowledgedBytes
            noteProgress()
            if pointee.unacknowledgedBytes == 0 || pointee.unacknowledgedBytes == before { return failRequest(.gone) }
            pointee.phaseStart = loop.pointee.now
            return setDeadline()
        }
        pointee.closesAfterResponse = true
        handler.requestFailed(exchange, isWrite ? .writeTimeout : .readTimeout)
        if isWrite { close() }
    }
}
