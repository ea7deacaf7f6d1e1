import Bytes
import HTTP
import Net

// Time limits: one timer for all of a connection's. It is set early rather than late and looks again when it expires.

extension UnsafeMutablePointer where Pointee == HTTP2ServerConnection {
    var timer: UnsafeMutablePointer<TimerNode> { withUnsafeMutablePointer(to: &pointee.timer) { $0 } }

    /// - Parameter limit: nanoseconds; 0 for none.
    func arm(after limit: UInt64) {
        if limit == 0 { return }
        let deadline = loop.pointee.now + limit
        if !pointee.timer.isSet || deadline < pointee.timer.deadline { loop.pointee.timers.set(timer, at: deadline) }
    }

    func timerExpired() {
        let now = loop.pointee.now
        if pointee.isTransportBlocked { noteSlowProgress() }
        if let limit = connectionDeadline(), limit <= now { return expire() }
        if pointee.isTransportBlocked, options.writeTimeout > 0, pointee.lastProgress + options.writeTimeout <= now {
            endStreams(.writeTimeout)
            return close()
        }
        for stream in streams() where stream.pointee.exchange != nil || stream.pointee.pendingOutput > 0 {
            if let limit = deadline(of: stream), limit.time <= now { expire(stream, limit.failure) }
        }
        setNextDeadline()
    }

    /// A slow client moves although the kernel has no room yet. Streams that wait for windows of their own gain nothing by it.
    private func noteSlowProgress() {
        let count = pointee.transport.unacknowledgedBytes
        guard count < pointee.unacknowledgedBytes else { return }
        pointee.unacknowledgedBytes = count
        pointee.lastProgress = loop.pointee.now
        pointee.session.forEachStream { if $0.pointee.pendingOutput > 0, $0.pointee.hasSendWindow { $0.pointee.lastProgress = loop.pointee.now } }
    }

    private func setNextDeadline() {
        guard pointee.phase != .closed else { return }
        var next = connectionDeadline() ?? .max
        if pointee.isTransportBlocked, options.writeTimeout > 0 { next = Swift.min(next, pointee.lastProgress + options.writeTimeout) }
        pointee.session.forEachStream { next = Swift.min(next, deadline(of: $0)?.time ?? .max) }
        if next < .max { loop.pointee.timers.set(timer, at: next) }
    }

    /// When the state the connection is in has lasted too long; nil if it may last.
    private func connectionDeadline() -> UInt64? {
        func limit(_ start: UInt64, _ time: UInt64) -> UInt64? { time > 0 ? start + time : nil }
        if pointee.phase == .lingering { return limit(pointee.phaseStart, Limits.lingerNanoseconds) }
        if !pointee.session.isEstablished, pointee.leaving == .refusing { return limit(pointee.phaseStart, Limits.lingerNanoseconds) }
        if !pointee.session.isEstablished, pointee.leaving == .no { return limit(pointee.openedAt, options.readHeaderTimeout) }
        if pointee.blockStart > 0 { return limit(pointee.blockStart, options.readHeaderTimeout) }
        if pointee.leaving == .announced { return limit(pointee.phaseStart, Limits.farewellNanoseconds) }
        return pointee.isIdle ? limit(pointee.phaseStart, options.idleTimeout) : nil
    }

    private func expire() {
        if pointee.phase == .lingering || !pointee.session.isEstablished { return close() }
        if pointee.blockStart > 0 { return close() }
        // Nobody has asked for anything in time, or answered our farewell.
        refuseStreams()
        if pointee.session.streamCount > 0 { setNextDeadline() }
    }

    private func deadline(of stream: HTTP2StreamPointer) -> (time: UInt64, failure: ServerFailure)? {
        let write = stream.pointee.writeTimeout > 0 ? stream.pointee.writeTimeout : options.writeTimeout
        if stream.pointee.pendingOutput > 0 { return write > 0 ? (stream.pointee.lastProgress + write, .writeTimeout) : nil }
        if stream.pointee.isInputComplete || stream.pointee.isTunnel || stream.pointee.isTunnelAsked || stream.pointee.exchange == nil { return nil }
        let read = stream.pointee.readTimeout > 0 ? stream.pointee.readTimeout : options.readTimeout
        return read > 0 ? (stream.pointee.startedAt + read, .readTimeout) : nil
    }

    private func expire(_ stream: HTTP2StreamPointer, _ failure: ServerFailure) {
        // The exchange may answer a late request, once.
        stream.pointee.isInputComplete = true
        if let exchange = stream.pointee.exchange { handler.requestFailed(exchange, failure) }
        if failure == .writeTimeout { abort(stream) }
        scheduleTurn()
    }

    func setReadTimeout(_ stream: HTTP2StreamPointer, _ timeout: UInt64) {
        stream.pointee.readTimeout = timeout
        stream.pointee.startedAt = loop.pointee.now
        arm(after: timeout)
    }
}
