import Bytes
import HTTP
import Net
import TLS

/// One HTTP/2 connection to an upstream, with many exchanges at once.
///
/// It lives in a slab of its client and is reached by pointer; it keeps its origin alive. Another connection dials for it
/// and hands its transport over; exchanges may reserve streams before that.
struct HTTP2ClientConnection: ~Copyable {
    enum Phase {
        case connecting
        case open
        case closed
    }

    private let source: EventSource
    var timer = TimerNode()
    var transport = Transport(socket: -1)
    /// What the transport is made of, and under whose rules, to an `https` origin.
    var tls: UnsafeMutablePointer<TLSConnection>?
    var security: TLSClientContext?
    let client: UnsafeMutablePointer<Client>
    let origin: Unmanaged<Origin>
    var poolNext: UnsafeMutablePointer<HTTP2ClientConnection>?
    var poolPrevious: UnsafeMutablePointer<HTTP2ClientConnection>?
    var session: HTTP2Session
    /// The beginning of a frame, or the backlog.
    var input = ByteBuffer()
    /// What was received was more than one turn's share.
    var hasBacklog = false

    var phase = Phase.connecting
    var isPooled = false
    var isFreed = false
    var isReadable = true
    var isEnding = false
    var isProcessing = false
    var isTurnScheduled = false
    var isTransportBlocked = false
    /// Sending failed, or the upstream has ended the connection: closed at the end of the turn, never below a writer.
    var failure: ClientFailure?
    /// Heads have come whose bodies have not begun to, in the bytes at hand.
    var stalled: HTTP2StreamPointer?
    var hasServed = false
    /// The first stream of which the transport was given nothing.
    var firstUnsent: UInt32 = 1
    /// Some streams may wait to hear from the upstream how many it takes, and whether it takes tunnels.
    var awaitsSettings = true
    var idleSince: UInt64 = 0
    var lastProgress: UInt64 = 0
    /// When the upstream last said something.
    var receivedAt: UInt64 = 0

    init(origin: Origin, client: UnsafeMutablePointer<Client>) {
        self.origin = Unmanaged.passRetained(origin)
        self.client = client
        var options = HTTP2Options()
        options.headerListMax = Limits.responseHeadBytesMax
        options.streamsMax = Limits.streamsPerUpstreamConnectionMax
        session = HTTP2Session(.client, options: options, workspace: client.pointee.workspace)
        source = EventSource { pointer, bits in
            pointer.assumingMemoryBound(to: HTTP2ClientConnection.self).ready(Readiness(rawValue: bits))
        }
    }

    deinit { origin.release() }
}

typealias HTTP2ClientConnectionPointer = UnsafeMutablePointer<HTTP2ClientConnection>

// MARK: - Connecting

extension UnsafeMutablePointer where Pointee == HTTP2ClientConnection {
    private var loop: UnsafeMutablePointer<EventLoop> { pointee.client.pointee.loop }
    private var options: ClientOptions { _read { yield pointee.client.pointee.options } }
    private var handler: ClientHandlerReference { pointee.client.pointee.handler }
    private var timer: UnsafeMutablePointer<TimerNode> { withUnsafeMutablePointer(to: &pointee.timer) { $0 } }

    /// Whether an exchange may reserve a stream. Before the upstream has said how many it takes, what it said on an earlier
    /// connection counts.
    var hasRoom: Bool {
        guard pointee.phase != .closed, pointee.failure == nil, pointee.session.hasRoom, pointee.session.output.count < Limits.unreadOutputBytesMax else { return false }
        return pointee.session.isEstablished || pointee.session.streamCount < pointee.client.pointee.pools.streamsMax(pointee.origin)
    }

    /// Whether extended CONNECT may be sent, RFC 8441 §3; nil before the upstream has said so.
    var takesTunnels: Bool? { pointee.phase == .open && pointee.session.isEstablished ? pointee.session.peer.allowsExtendedConnect : nil }

    /// A stream for an exchange, and whether it may send its request at once; if not, `upstreamConnected` follows. The first
    /// may once the connection stands, the others once the upstream has said how many it takes (a server may end the
    /// connection of who opens more), and a tunnel once it has said that it takes those.
    func reserve(for exchange: UnsafeMutableRawPointer, asTunnel: Bool = false) -> (stream: HTTP2StreamPointer, isReady: Bool) {
        // What an idle connection has to say, its end perhaps, is read ahead of the first bytes of the turn.
        if pointee.session.streamCount == 0 { pointee.isReadable = true }
        let isFirst = !pointee.hasServed && pointee.session.streamCount == 0
        let isReady = pointee.phase == .open && (asTunnel ? takesTunnels == true : pointee.session.isEstablished || isFirst)
        let stream = pointee.session.reserve(owner: UnsafeMutableRawPointer(self))
        stream.pointee.exchange = exchange
        stream.pointee.isReused = pointee.hasServed
        stream.pointee.isTunnelAsked = asTunnel
        stream.pointee.isWaiting = !isReady
        if !isReady, pointee.phase == .open { awaitSettings(stream) }
        return (stream, isReady)
    }

    private func awaitSettings(_ stream: HTTP2StreamPointer) {
        pointee.awaitsSettings = true
        stream.pointee.lastProgress = loop.pointee.now
        arm(after: options.connectTimeout)
        scheduleTurn()
    }

    /// The upstream's settings have come: those who waited for them send their requests, or look elsewhere.
    private func tellWaiting() {
        guard pointee.awaitsSettings, pointee.session.isEstablished else { return }
        pointee.awaitsSettings = false
        var room = pointee.session.peer.streamsMax
        pointee.client.pointee.pools.noteStreamsMax(room, of: pointee.origin)
        let streams = streams()
        for stream in streams where !stream.pointee.isWaiting { room -= 1 }
        for stream in streams where stream.pointee.isWaiting {
            if stream.pointee.isTunnelAsked, takesTunnels == false {
                abandon(stream, .noTunnels)
            } else if room <= 0 {
                abandon(stream, .leftOut(hasServed: pointee.session.peer.streamsMax > 0))
            } else {
                room -= 1
                begin(stream)
            }
        }
    }

    private func begin(_ stream: HTTP2StreamPointer) {
        stream.pointee.isWaiting = false
        if let exchange = stream.pointee.exchange { handler.upstreamConnected(exchange, ClientStream(stream)) }
    }

    private func abandon(_ stream: HTTP2StreamPointer, _ failure: ClientFailure) {
        pointee.session.close(stream)
        lost(stream, failure)
    }

    /// The connection stands: those who wait send their requests.
    func connected(_ transport: Transport) {
        timer.pointee.owner = UnsafeMutableRawPointer(self)
        timer.pointee.expired = { $0.assumingMemoryBound(to: HTTP2ClientConnection.self).timerExpired() }
        pointee.transport = transport
        pointee.phase = .open
        do throws(SystemError) {
            try loop.pointee.hand(transport.descriptor, to: self)
        } catch {
            return failLater(.broken(error))
        }
        scheduleTurn()
        let streams = streams()
        let first = streams.first { !$0.pointee.isTunnelAsked }
        for stream in streams where stream != first { awaitSettings(stream) }
        if let first { begin(first) }
    }

    /// Servers give sessions with the handshake or at any time behind it.
    private func keepSession() {
        guard let session = pointee.tls?.takeSession(), let security = pointee.security else { return }
        pointee.client.keepSession(session, for: pointee.origin.takeUnretainedValue(), under: security)
    }

    /// No connection could be made.
    func connectFailed(_ failure: ClientFailure) {
        pointee.failure = failure
        close()
    }

    // MARK: Events

    fileprivate func ready(_ readiness: Readiness) {
        guard pointee.phase == .open else { return }
        if readiness.contains(.writable), pointee.isTransportBlocked {
            pointee.isTransportBlocked = false
            scheduleTurn()
        }
        if !readiness.isDisjoint(with: [.readable, .readHangup, .error, .hangup]) {
            if !readiness.isDisjoint(with: [.readHangup, .error, .hangup]) { pointee.isEnding = true }
            pointee.isReadable = true
            read()
        }
    }

    private func read() {
        if pointee.hasBacklog { takeBacklog() }
        var turns = 0
        while pointee.isReadable, !pointee.hasBacklog, pointee.phase == .open, pointee.failure == nil {
            turns += 1
            if turns > 8 { return scheduleTurn() }
            let buffer = loop.pointee.scratch
            switch pointee.transport.receive(into: buffer) {
            case .bytes(let count):
                pointee.receivedAt = loop.pointee.now
                if pointee.transport.isDrained(count, of: buffer.count), !pointee.isEnding { pointee.isReadable = false }
                received(UnsafeMutableRawBufferPointer(rebasing: buffer[0..<count]))
            case .wouldBlock: pointee.isReadable = false
            case .end: return failLater(.closed)
            case .failed(let error): return failLater(pointee.tls?.failureReason.map { .tls($0) } ?? .broken(error))
            }
        }
    }

    private func received(_ bytes: UnsafeMutableRawBufferPointer) {
        if pointee.input.isEmpty {
            let used = process(bytes, isScratch: true)
            if used < bytes.count { pointee.input.append(BorrowedBytes(rebasing: UnsafeRawBufferPointer(bytes)[used...])) }
        } else {
            pointee.input.append(BorrowedBytes(bytes))
            takeBacklog()
        }
    }

    private func takeBacklog() {
        pointee.hasBacklog = false
        let used = process(UnsafeMutableRawBufferPointer(mutating: pointee.input.readable), isScratch: false)
        pointee.input.consume(used)
        if pointee.input.isEmpty { pointee.input.release() }
    }

    private func process(_ bytes: UnsafeMutableRawBufferPointer, isScratch: Bool) -> Int {
        pointee.isProcessing = true
        pointee.session.now = loop.pointee.now
        var used = 0
        var eventCount = 0
        events: while true {
            if eventCount == Limits.streamEventsPerTurn {
                pointee.hasBacklog = used < bytes.count
                break
            }
            eventCount += 1
            switch pointee.session.next(BorrowedBytes(bytes), &used) {
            case .starving: break events
            case .head(let block): readHead(block)
            case .data(let stream, let range, let isLast):
                var piece = BodyPiece(start: bytes.baseAddress.map { $0 + range.lowerBound }, count: range.count, headroom: 0, tailroom: 0)
                if isScratch {
                    piece.headroom = Limits.headroomBytes + range.lowerBound
                    piece.tailroom = used == bytes.count ? Limits.tailroomBytes : 0
                }
                deliver(stream, piece, isLast: isLast)
            case .reset(let stream, let code, let isMalformed):
                lost(stream, isMalformed ? .malformed(.malformedMessage) : code == .refusedStream ? .refused : .reset(code))
            case .goingAway(let last, _): leave(after: last)
            case .pong: break
            case .failed(let failure): failLater(.protocolError(failure.reason))
            }
        }
        tellStalled()
        pointee.isProcessing = false
        scheduleTurn()
        return used
    }

    // MARK: Responses

    private func readHead(_ block: HTTP2HeaderBlock) {
        let client = pointee.client
        switch pointee.session.readResponse(block, into: &client.pointee.incoming) {
        case .head(let stream, _): receive(stream)
        case .trailers(let stream, let lines): deliverEnd(stream, lines)
        case .reset(let stream, _): lost(stream, .malformed(.malformedMessage))
        case .ignored: break
        case .failed(let failure): failLater(.protocolError(failure.reason))
        }
    }

    private func receive(_ stream: HTTP2StreamPointer) {
        guard let exchange = stream.pointee.exchange else { return }
        let client = pointee.client
        stream.pointee.isResponding = true
        guard client.pointee.incoming.status >= 200 else {
            stream.pointee.interimCount += 1
            if stream.pointee.interimCount > Limits.interimResponsesMax { return giveUp(stream, .interimWithoutEnd) }
            return handler.responseReceived(exchange, client.incoming)
        }
        stream.pointee.hasFinalHead = true
        if stream.pointee.isTunnelAsked, client.pointee.incoming.status < 300 {
            // What an upgrade's 101 says, RFC 8441 §5.
            stream.pointee.isTunnel = true
            client.pointee.incoming.status = 101
        }
        handler.responseReceived(exchange, client.incoming)
        guard stream.pointee.exchange != nil else { return }
        if stream.pointee.isRemoteClosed { deliver(stream, .empty, isLast: true) } else { noteStalled(stream) }
    }

    /// The exchange is told at the end of the bytes at hand that no body has come with the head.
    private func noteStalled(_ stream: HTTP2StreamPointer) {
        if stream.pointee.isStallNoted { return }
        stream.pointee.isStallNoted = true
        stream.pointee.stallNext = pointee.stalled
        pointee.stalled = stream
    }

    private func tellStalled() {
        while let stream = pointee.stalled {
            pointee.stalled = stream.pointee.stallNext
            stream.pointee.isStallNoted = false
            if !stream.pointee.isPaused { deliverHeld(stream) }
        }
    }

    private func deliver(_ stream: HTTP2StreamPointer, _ piece: BodyPiece, isLast: Bool) {
        guard let exchange = stream.pointee.exchange else { return pointee.session.credit(stream, piece.count) }
        if stream.pointee.isPaused || !stream.pointee.input.isEmpty || stream.pointee.isDelivering {
            stream.pointee.input.append(piece.bytes)
            stream.pointee.isInputEnding = isLast
            return
        }
        if isLast { finish(stream) }
        handler.responseBody(exchange, piece, isLast: isLast, trailers: .none)
        credit(stream, piece.count)
    }

    private func deliverEnd(_ stream: HTTP2StreamPointer, _ lines: TrailerLines) {
        guard let exchange = stream.pointee.exchange else { return }
        if stream.pointee.isPaused || !stream.pointee.input.isEmpty || stream.pointee.isDelivering {
            stream.pointee.incomingTrailers.append(lines.bytes)
            stream.pointee.isInputEnding = true
            return
        }
        finish(stream)
        handler.responseBody(exchange, .empty, isLast: true, trailers: lines)
    }

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
        guard !stream.pointee.isDelivering, stream.pointee.hasFinalHead, let exchange = stream.pointee.exchange else { return }
        pointee.session.credit(stream, stream.pointee.heldCredit)
        stream.pointee.heldCredit = 0
        let isLast = stream.pointee.isInputEnding
        guard !stream.pointee.input.isEmpty || isLast else { return handler.responseStalled(exchange) }
        let bytes = stream.pointee.input.readable
        stream.pointee.isDelivering = true
        if isLast { finish(stream) }
        handler.responseBody(exchange, BodyPiece(constant: bytes), isLast: isLast, trailers: TrailerLines(stream.pointee.incomingTrailers.readable))
        stream.pointee.isDelivering = false
        stream.pointee.input.release()
        credit(stream, bytes.count)
        freeIfUnused()
    }

    /// The response is complete. An upstream that has answered needs no more of the request.
    private func finish(_ stream: HTTP2StreamPointer) {
        stream.pointee.exchange = nil
        if !stream.pointee.isLocalClosed { pointee.session.reset(stream, .cancel) }
    }

    private func lost(_ stream: HTTP2StreamPointer, _ failure: ClientFailure) {
        guard let exchange = stream.pointee.exchange else { return }
        // A whole response is one, whatever becomes of the rest of the request (RFC 9113 §8.1), and of the connection.
        if stream.pointee.isInputEnding { return pointee.session.close(stream) }
        stream.pointee.exchange = nil
        handler.upstreamFailed(exchange, failure)
    }

    private func giveUp(_ stream: HTTP2StreamPointer, _ failure: ClientFailure) {
        pointee.session.reset(stream, .cancel)
        lost(stream, failure)
    }

    /// GOAWAY: streams behind the last one named were not begun with, RFC 9113 §6.8. They go elsewhere in their order, so that
    /// none is passed over again and again by an upstream that takes few with each connection.
    private func leave(after last: UInt32) {
        unpool()
        let hasServed = pointee.hasServed && last > 0
        for stream in streams() where stream.pointee.id > last || stream.pointee.id == 0 { abandon(stream, .leftOut(hasServed: hasServed)) }
    }
}

// MARK: - Requests

extension UnsafeMutablePointer where Pointee == HTTP2ClientConnection {
    func request(
        _ stream: HTTP2StreamPointer, _ head: borrowing RequestHead, host: BorrowedBytes, framing: HeadSerializer.Framing, _ piece: BodyPiece, isLast: Bool,
        trailers: TrailerLines
    ) -> WriteOutcome {
        guard pointee.phase == .open, !stream.pointee.isClosed else { return .failed(.brokenPipe) }
        pointee.hasServed = true
        let scheme: StaticString = framing.scheme ?? (pointee.origin._withUnsafeGuaranteedRef { $0.scheme.isSecure } ? "https" : "http")
        if stream.pointee.isTunnelAsked { return askForTunnel(stream, head, host: host, scheme: scheme) }
        let endsWithHead = isLast && piece.count == 0 && trailers.bytes.isEmpty
        pointee.session.request(stream, head, host: host, scheme: scheme, framing: framing.body, isLast: endsWithHead)
        return write(stream, piece, isLast: isLast, trailers: trailers)
    }

    private func askForTunnel(_ stream: HTTP2StreamPointer, _ head: borrowing RequestHead, host: BorrowedBytes, scheme: StaticString) -> WriteOutcome {
        pointee.session.requestTunnel(stream, head, host: host, scheme: scheme)
        stream.pointee.lastProgress = loop.pointee.now
        arm(after: options.responseHeaderTimeout)
        scheduleTurn()
        return .flushed
    }

    func write(_ stream: HTTP2StreamPointer, _ piece: BodyPiece, isLast: Bool, trailers: TrailerLines) -> WriteOutcome {
        guard pointee.phase == .open, !stream.pointee.isClosed else { return .failed(.brokenPipe) }
        if piece.count > 0 || isLast { pointee.session.send(stream, piece.bytes, isLast: isLast, trailers: trailers.bytes) }
        if pointee.session.output.count >= Limits.outputBytesPaused { flush(mayRead: false) }
        scheduleTurn()
        stream.pointee.lastProgress = loop.pointee.now
        if isLast || stream.pointee.pendingOutput > 0 { arm(after: options.responseHeaderTimeout) }
        return pointee.session.isBlocked(stream) ? .blocked : .flushed
    }

    /// Gives a stream up; the others go on.
    func cancel(_ stream: HTTP2StreamPointer) {
        stream.pointee.exchange = nil
        let isAnswerAwaited = stream.pointee.id != 0 && stream.pointee.isLocalClosed && !stream.pointee.hasFinalHead
        if isAnswerAwaited, isSilent(since: stream.pointee.lastProgress), loop.pointee.now - stream.pointee.lastProgress >= Limits.silentNanoseconds { unpool() }
        pointee.session.reset(stream, .cancel)
        scheduleTurn()
        freeIfUnused()
    }

    /// Whether nothing at all has come since: a peer that is gone without a word would be asked until the kernel gives up, a quarter of
    /// an hour.
    private func isSilent(since time: UInt64) -> Bool { pointee.receivedAt <= time }

    // MARK: The end of a turn

    private func scheduleTurn() {
        if pointee.isTurnScheduled || pointee.phase != .open { return }
        pointee.isTurnScheduled = true
        loop.atEndOfTurn(self) { pointer in
            let connection = pointer.assumingMemoryBound(to: HTTP2ClientConnection.self)
            connection.pointee.isTurnScheduled = false
            connection.endTurn()
        }
    }

    private func endTurn() {
        guard pointee.phase == .open else { return }
        read()
        tellWaiting()
        repeat {
            flush(mayRead: true)
            if pointee.failure != nil { return close() }
            while let stream = pointee.session.nextWritable() {
                if let exchange = stream.pointee.exchange { handler.upstreamWritable(exchange) }
            }
        } while !pointee.session.output.isEmpty && !pointee.isTransportBlocked
        pointee.session.freeClosed()
        if pointee.session.streamCount == 0 { becomeIdle() }
    }

    private func becomeIdle() {
        if !pointee.isPooled || options.closesAfterUse && pointee.hasServed { return close() }
        keepSession()
        pointee.idleSince = loop.pointee.now
        arm(after: options.idleTimeout)
    }

    /// - Parameter mayRead: whether nobody up the stack is in the middle of bytes that were received.
    private func flush(mayRead: Bool) {
        pointee.session.now = loop.pointee.now
        while !pointee.isTransportBlocked, pointee.failure == nil {
            pointee.session.pump()
            let bytes = pointee.session.output.readable
            if bytes.isEmpty { return }
            pointee.firstUnsent = pointee.session.nextStream
            switch pointee.transport.send(bytes) {
            case .bytes(let count):
                pointee.session.sent(count)
                if count < bytes.count { blocked() }
            case .wouldBlock: blocked()
            case .failed(let error):
                // What the upstream said before stands in the socket still; below a writer it is read at the end of the turn, and
                // with it the end of the connection.
                pointee.isReadable = true
                if !mayRead {
                    pointee.isTransportBlocked = true
                    return scheduleTurn()
                }
                repeat { read() } while pointee.failure == nil && (pointee.isReadable || pointee.hasBacklog)
                failLater(.broken(error))
            case .end: failLater(.closed)
            }
        }
    }

    private func blocked() {
        pointee.isTransportBlocked = true
        pointee.lastProgress = loop.pointee.now
        arm(after: options.responseHeaderTimeout)
    }

    // MARK: Ending

    private func failLater(_ failure: ClientFailure) {
        if pointee.failure == nil { pointee.failure = failure }
        unpool()
        scheduleTurn()
    }

    /// The open streams in the order in which they came, for loops that close some of them.
    private func streams() -> [HTTP2StreamPointer] {
        var streams: [HTTP2StreamPointer] = []
        pointee.session.forEachStream { streams.append($0) }
        // Those without a number come the other way round.
        let waiting = streams.filter { $0.pointee.id == 0 }.reversed()
        return streams.filter { $0.pointee.id != 0 }.sorted { $0.pointee.id < $1.pointee.id } + waiting
    }

    private func unpool() {
        if pointee.isPooled { pointee.client.pointee.pools.removeHTTP2(self) }
        pointee.isPooled = false
    }

    func close() {
        guard pointee.phase != .closed else { return }
        let wasOpen = pointee.phase == .open
        pointee.phase = .closed
        unpool()
        for stream in streams() { lost(stream, failure(of: stream)) }
        // GOAWAY says which rule's breach it is, as far as the socket takes it, and if no request stands before it that has failed now.
        if case .protocolError = pointee.failure, !pointee.isTransportBlocked, pointee.firstUnsent == pointee.session.nextStream {
            _ = pointee.transport.send(pointee.session.output.readable)
        }
        keepSession()
        pointee.tls = nil
        pointee.transport.close()
        // One that never stood is counted by the one that dialled for it.
        if wasOpen {
            loop.pointee.timers.remove(timer)
            pointee.client.pointee.counters.closed += 1
        }
        freeIfUnused()
    }

    /// Nothing has left of a request that came to a used connection just as that ended: it may go again, whatever it is.
    private func failure(of stream: HTTP2StreamPointer) -> ClientFailure {
        let failure = pointee.failure ?? .closed
        guard stream.pointee.isReused, pointee.firstUnsent > 1, stream.pointee.id >= pointee.firstUnsent else { return failure }
        switch failure {
        case .closed, .broken: return .leftOut(hasServed: true)
        default: return failure
        }
    }

    /// A closed connection's place is kept while responses that have come wait for their clients.
    private func freeIfUnused() {
        guard pointee.phase == .closed, !pointee.isFreed, !pointee.session.hasHeldStreams else { return }
        pointee.isFreed = true
        loop.atEndOfTurn(self) { pointer in
            let connection = pointer.assumingMemoryBound(to: HTTP2ClientConnection.self)
            let client = connection.pointee.client
            connection.deinitialize(count: 1)
            client.pointee.http2Connections.give(back: connection)
        }
    }

    // MARK: Time limits

    private func arm(after limit: UInt64) {
        guard limit > 0, pointee.phase == .open else { return }
        let deadline = loop.pointee.now + limit
        if !pointee.timer.isSet || deadline < pointee.timer.deadline { loop.pointee.timers.set(timer, at: deadline) }
    }

    private func timerExpired() {
        guard pointee.phase == .open else { return }
        let now = loop.pointee.now
        var next = UInt64.max
        if pointee.session.streamCount == 0, options.idleTimeout > 0 {
            if pointee.idleSince + options.idleTimeout <= now { return close() }
            next = pointee.idleSince + options.idleTimeout
        }
        if pointee.isTransportBlocked, options.responseHeaderTimeout > 0 {
            next = Swift.min(next, pointee.lastProgress + options.responseHeaderTimeout)
            if next <= now {
                pointee.failure = .timeout
                return close()
            }
        }
        for stream in streams() {
            guard let limit = deadline(of: stream) else { continue }
            guard limit <= now else {
                next = Swift.min(next, limit)
                continue
            }
            if isSilent(since: stream.pointee.lastProgress) { unpool() }
            giveUp(stream, stream.pointee.id == 0 ? .connectTimeout : .timeout)
        }
        scheduleTurn()
        if next < .max, pointee.phase == .open { loop.pointee.timers.set(timer, at: next) }
    }

    /// For the head once the request is out, for progress of a request that is not taken, and for one that waits to hear
    /// whether it may be sent.
    private func deadline(of stream: HTTP2StreamPointer) -> UInt64? {
        if stream.pointee.isWaiting, options.connectTimeout > 0 { return stream.pointee.lastProgress + options.connectTimeout }
        guard options.responseHeaderTimeout > 0, !stream.pointee.hasFinalHead, stream.pointee.exchange != nil, stream.pointee.id != 0 else { return nil }
        return stream.pointee.isLocalClosed || stream.pointee.isTunnelAsked || stream.pointee.pendingOutput > 0 ? stream.pointee.lastProgress + options.responseHeaderTimeout : nil
    }
}
