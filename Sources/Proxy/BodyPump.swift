import Bytes
import Downstream
import Filters
import HTTP
import Net
import Upstream

// Bodies through the exchange: the plain way is one call per piece; transforms and producers take the long way. A side
// that cannot take more pauses the other, so an exchange never holds more than one piece per stage.

extension UnsafeMutablePointer where Pointee == Exchange {
    // MARK: Requests

    /// Sends a piece of the request's body, the head first if it still waits.
    func transmitRequest(_ piece: BodyPiece, isLast: Bool, trailers: TrailerLines) {
        guard let client = pointee.client else { return }
        let outcome: WriteOutcome
        if pointee.isRequestHeadSent {
            if pointee.isReplayable { keepForReplay(piece, isLast: isLast, trailers) }
            outcome = client.write(piece, isLast: isLast, trailers: trailers)
        } else {
            pointee.isRequestHeadSent = true
            pointee.attemptCount += 1
            if client.isHTTP2, !pointee.isReplayable { beginReplay(piece, isLast: isLast, trailers) }
            var framing = HeadSerializer.Framing(body: upstreamFraming(), upgrades: pointee.filter.request.isUpgrade)
            if pointee.filter.settings.backendIsProxy, pointee.origin?._withUnsafeGuaranteedRef({ $0.proxy }) == nil {
                if asksForTunnel { framing.asksForTunnel = true } else { framing.scheme = "http" }
            }
            if case .length(let length) = framing.body, length >= UInt64(Limits.pipedBytesMin) { pipeRequest(client) }
            outcome = withUpstreamHost { host in
                client.request(pointee.filter.request, host: host, framing: framing, piece, isLast: isLast, trailers: trailers)
            }
        }
        if case .blocked = outcome, !isLast { upstreamBlocked() }
    }

    private func upstreamBlocked() {
        pointee.isUpstreamBlocked = true
        pointee.server.pauseRequest()
    }

    /// Nobody looks at a long body: it may pass from socket to socket.
    @inline(never)
    private func pipeRequest(_ client: ClientStream) {
        if pointee.filter.requestTransforms.isEmpty, client.takesPipes { pointee.server.pipeRequest() }
    }

    /// More of the request's body has come, in a pipe.
    func requestBody(_ pipe: Pipe) {
        pointee.requestBytes += UInt64(pipe.count)
        switch pointee.phase {
        case .exchanging, .responseFilters, .responding: if let client = pointee.client, case .blocked = client.write(pipe) { upstreamBlocked() }
        default: break
        }
    }

    /// The beginning of a body is kept where an HTTP/2 upstream may say that it has not begun with the request: it can then
    /// go again.
    private func beginReplay(_ piece: BodyPiece, isLast: Bool, _ trailers: TrailerLines) {
        guard !pointee.filter.request.framing.isEmpty else { return }
        pointee.isReplayable = true
        pointee.replay.removeAll()
        keepForReplay(piece, isLast: isLast, trailers)
    }

    private func keepForReplay(_ piece: BodyPiece, isLast: Bool, _ trailers: TrailerLines) {
        let held = Swift.min(Limits.replayBytesMax, pointee.lentWorker._withUnsafeGuaranteedRef { $0.options.bodyBytesHeld })
        guard pointee.replay.count + piece.count <= held, trailers.bytes.isEmpty else { return forgetReplay() }
        pointee.replay.append(piece.bytes)
        pointee.isReplayWhole = isLast
    }

    func forgetReplay() {
        pointee.isReplayable = false
        pointee.replay.release()
    }

    private func upstreamFraming() -> BodyFraming {
        if pointee.filter.requestTransforms.isEmpty || pointee.filter.request.framing.isEmpty { return pointee.filter.request.framing }
        return changedFraming(pointee.filter.request.framing, pointee.filter.requestTransforms)
    }

    /// The framing behind transforms: a known length stays one if all of them say how they change it.
    private func changedFraming(_ framing: BodyFraming, _ transforms: [any BodyTransform]) -> BodyFraming {
        guard case .length(let length) = framing else { return .chunked }
        var change = 0
        for transform in transforms {
            guard let difference = transform.lengthChange else { return .chunked }
            change += difference
        }
        return .length(UInt64(Int(length) + change))
    }

    private func withUpstreamHost<Result>(_ body: (BorrowedBytes) -> Result) -> Result {
        // A forward proxy is asked for the client's host, not for its own.
        if asksForTunnel { return body(pointee.filter.request.target) }
        if pointee.filter.settings.backendIsProxy { return body(pointee.filter.request.host) }
        if let host = context.outgoingHost { return body(host) }
        // HTTP/1.0 needs none, and HTTP/1.1 allows an empty one; upstreams of HTTP/2 do not (RFC 9113 §8.3.1).
        if pointee.filter.settings.preservesHost, !pointee.filter.request.host.isEmpty { return body(pointee.filter.request.host) }
        return pointee.origin.unsafelyUnwrapped._withUnsafeGuaranteedRef { $0.authority.withUnsafeBytes(body) }
    }

    /// No body bytes are at hand: the head goes alone.
    func requestStalled() {
        guard pointee.phase == .exchanging, !pointee.isRequestHeadSent else { return }
        transmitRequest(.empty, isLast: false, trailers: .none)
    }

    func upstreamWritable() {
        pointee.isUpstreamBlocked = false
        if pointee.isTunnel { return pointee.server.resumeRequest() }
        if pointee.requestPipeline != nil { return pumpRequest() }
        if pointee.isBodyExpected { pointee.server.resumeRequest() }
    }

    func transformRequest(_ bytes: BorrowedBytes, isLast: Bool) {
        if pointee.requestPipeline == nil { pointee.requestPipeline = BodyPipeline(pointee.filter.requestTransforms) }
        pointee.requestPipeline.unsafelyUnwrapped.offer(bytes, isLast: isLast)
        pumpRequest()
    }

    private func pumpRequest() {
        // Its end has gone out once, and the upstream may become writable behind it.
        guard let pipeline = pointee.requestPipeline, !pipeline.isFinished else { return }
        while !pointee.isUpstreamBlocked, pointee.client != nil {
            let step = pipeline.advance()
            switch step {
            case .failed(let status): return fail(.filter(status: status))
            case .pause(let nanoseconds):
                flushRequest(pipeline, isLast: false)
                pointee.server.pauseRequest()
                return setTimer(.pipelinePause, at: now + nanoseconds)
            case .output: flushRequest(pipeline, isLast: false)
            case .starving:
                flushRequest(pipeline, isLast: false)
                if !pointee.isUpstreamBlocked { pointee.server.resumeRequest() }
                return
            case .finished: return flushRequest(pipeline, isLast: true)
            }
        }
        if pointee.isUpstreamBlocked { pointee.server.pauseRequest() }
    }

    private func flushRequest(_ pipeline: BodyPipeline, isLast: Bool) {
        if pipeline.output.isEmpty, !isLast { return }
        transmitRequest(BodyPiece(constant: pipeline.output.readable), isLast: isLast, trailers: .none)
        pipeline.output.removeAll()
    }

    /// Reads the body of a request that is answered here to its end; transforms see it, since they may refuse it.
    func drain(_ bytes: BorrowedBytes, isLast: Bool) {
        if !pointee.filter.requestTransforms.isEmpty {
            if pointee.requestPipeline == nil { pointee.requestPipeline = BodyPipeline(pointee.filter.requestTransforms) }
            if let status = pointee.requestPipeline.unsafelyUnwrapped.discard(bytes, isLast: isLast) { return fail(.filter(status: status)) }
        }
        if isLast { sendServed() }
    }

    /// The upstream should ask for the body; one that never does must not leave the client waiting.
    func awaitContinue() {
        let timeout = pointee.worker.options.expectContinueTimeout
        if timeout > 0 { setTimer(.expectContinue, at: now + timeout) }
    }

    /// Asks the client for the body it holds back, in place of an upstream that would (RFC 9110 §10.1.1).
    func sendContinue() {
        pointee.filter.request.withdrawExpectation()
        pointee.worker.withInterimHead(status: 100) { pointee.server.respondInterim($0) }
    }

    // MARK: Responses

    /// The upstream's body follows: decides its framing and lets it flow.
    func continueUpstreamResponse() {
        if Status.forbidsBody(pointee.filter.response.status), !pointee.filter.response.framing.isEmpty {
            // A filter chose a status without a body, so the upstream's is unwanted.
            dropUpstream()
            return finishWithoutBody()
        }
        let isTransformed = beginBody(clientFraming())
        if !pointee.isUpstreamComplete {
            pointee.client?.resumeResponse()
        } else if isTransformed {
            transformResponse(BorrowedBytes(start: nil, count: 0), isLast: true)
        } else {
            transmitResponse(.empty, isLast: true, trailers: .none)
        }
    }

    /// Whether a body may follow the head, be it an empty one.
    private var allowsBody: Bool { pointee.filter.request.method != .head && !Status.forbidsBody(pointee.filter.response.status) }

    /// Decides what the head says of a body of this framing, and what a HEAD is told of it.
    ///
    /// - Returns: whether the body has to pass transforms, empty ones too.
    private func beginBody(_ framing: BodyFraming) -> Bool {
        let isTransformed = !pointee.filter.responseTransforms.isEmpty
        let changed = isTransformed ? changedFraming(framing, pointee.filter.responseTransforms) : framing
        if allowsBody {
            pointee.responseFraming = changed
            if isTransformed { pointee.responsePipeline = BodyPipeline(pointee.filter.responseTransforms) }
            return isTransformed
        }
        // RFC 9110 §8.6: the length a GET would have may be told to HEAD and with 304, never with 1xx and 204.
        let isLengthTold = if case .length = changed { pointee.filter.request.method == .head || isUntouched304 } else { false }
        pointee.responseFraming = isLengthTold ? changed : .none
        return false
    }

    private var isUntouched304: Bool {
        if pointee.filter.response.status == 304, case .untouched = pointee.filter.replacement { true } else { false }
    }

    private func clientFraming() -> BodyFraming {
        let framing = pointee.filter.response.framing
        if framing == .untilClose { return .chunked }
        if framing == .none, let length = pointee.filter.response.declaredLength { return .length(length) }
        // An HTTP/2 upstream ended the stream with the head; HTTP/1 would wait for a body that has no length.
        if framing == .none, allowsBody, pointee.filter.request.version != .http2 { return .length(0) }
        return framing
    }

    /// Sends a piece of the response's body, the head first if it still waits.
    func transmitResponse(_ piece: BodyPiece, isLast: Bool, trailers: TrailerLines) {
        let outcome: WriteOutcome
        pointee.responseBytes += UInt64(piece.count)
        if pointee.isResponseHeadPending {
            pointee.isResponseHeadPending = false
            pointee.isResponseHeadSent = true
            pointee.responseHeadAt = now
            measureOwnResponseTime()
            pointee.sentStatus = pointee.filter.response.status
            if case .length(let length) = pointee.responseFraming, length >= UInt64(Limits.pipedBytesMin) { pipeResponse() }
            outcome = pointee.server.respond(pointee.filter.response, framing: pointee.responseFraming, piece, isLast: isLast, trailers: trailers)
        } else {
            outcome = pointee.server.write(piece, isLast: isLast, trailers: trailers)
        }
        switch outcome {
        case .flushed: break
        case .blocked: clientBlocked()
        case .failed: return clientFailed(.gone)
        }
        if isLast { end() }
    }

    private func clientBlocked() {
        pointee.isClientBlocked = true
        pointee.client?.pauseResponse()
    }

    /// Nobody looks at a long body: it may pass from socket to socket.
    @inline(never)
    private func pipeResponse() {
        if pointee.responsePipeline == nil, pointee.server.takesPipes { pointee.client?.pipeResponse() }
    }

    /// More of the response's body has come, in a pipe.
    func responseBody(_ pipe: Pipe) {
        pointee.responseBytes += UInt64(pipe.count)
        switch pointee.server.write(pipe) {
        case .flushed: break
        case .blocked: clientBlocked()
        case .failed: clientFailed(.gone)
        }
    }

    func responseStalled() {
        guard pointee.phase == .responding, pointee.isResponseHeadPending else { return }
        transmitResponse(.empty, isLast: false, trailers: .none)
    }

    func clientWritable() {
        pointee.isClientBlocked = false
        if pointee.responsePipeline != nil { return continueResponse() }
        if pointee.producer != nil { return pumpProducer() }
        // Before that the body is held back: what became writable had an earlier answer to send, or an interim one.
        if pointee.phase == .responding { pointee.client?.resumeResponse() }
    }

    func finishWithoutBody() { sendConstant([]) }

    /// Sends a body that is the same for all exchanges of a route.
    func sendConstant(_ bytes: [UInt8]) {
        if beginBody(.length(UInt64(bytes.count))) { return bytes.withUnsafeBytes { transformResponse($0, isLast: true) } }
        guard allowsBody else { return transmitResponse(.empty, isLast: true, trailers: .none) }
        bytes.withUnsafeBytes { transmitResponse(BodyPiece(constant: $0), isLast: true, trailers: .none) }
    }

    // MARK: Transforms and producers

    func transformResponse(_ bytes: BorrowedBytes, isLast: Bool) {
        pointee.responsePipeline?.offer(bytes, isLast: isLast)
        continueResponse()
    }

    /// Goes on with a body behind its transforms, and with what it comes from once they want more.
    private func continueResponse() {
        guard pumpResponse() else { return }
        if pointee.producer != nil { pumpProducer() } else { pointee.client?.resumeResponse() }
    }

    func pumpPipelines() {
        if pointee.requestPipeline != nil { pumpRequest() }
        if pointee.phase == .responding, pointee.responsePipeline != nil { continueResponse() }
    }

    /// - Returns: whether the transforms have used up what they were given, and the client takes more.
    private func pumpResponse() -> Bool {
        guard let pipeline = pointee.responsePipeline else { return false }
        while !pointee.isClientBlocked, pointee.phase == .responding {
            switch pipeline.advance() {
            case .failed:
                failUpstream(.malformed(.endOfStream))
                return false
            case .pause(let nanoseconds):
                flushResponse(pipeline, isLast: false)
                pointee.client?.pauseResponse()
                if pointee.phase == .responding { setTimer(.pipelinePause, at: now + nanoseconds) }
                return false
            case .output: flushResponse(pipeline, isLast: false)
            case .starving:
                flushResponse(pipeline, isLast: false)
                return !pointee.isClientBlocked && pointee.phase == .responding
            case .finished:
                flushResponse(pipeline, isLast: true)
                return false
            }
        }
        return false
    }

    private func flushResponse(_ pipeline: BodyPipeline, isLast: Bool) {
        if pipeline.output.isEmpty, !isLast, !pointee.isResponseHeadPending { return }
        let outputCount = pipeline.output.count
        transmitResponse(BodyPiece(constant: pipeline.output.readable), isLast: isLast, trailers: .none)
        pipeline.output.consume(outputCount)
    }

    func startProducer(_ producer: any BodyProducer, length: UInt64?) {
        _ = beginBody(length.map { .length($0) } ?? .chunked)
        guard allowsBody else { return transmitResponse(.empty, isLast: true, trailers: .none) }
        pointee.producer = producer
        pumpProducer()
    }

    /// Others have their turn before the rest, however fast the client is.
    func pumpProducer() {
        var left = Limits.producedBytesPerTurn
        while let producer = pointee.producer, !pointee.isClientBlocked {
            if left <= 0 { return setTimer(.producerPause, at: now) }
            var output = ByteBuffer()
            let production = producer.produce(upTo: Limits.outputBytesPaused, into: &output)
            if case .failed = production {
                pointee.producer = nil
                return failUpstream(.malformed(.endOfStream))
            }
            left -= output.count
            let isLast = if case .finished = production { true } else { false }
            if isLast { pointee.producer = nil }
            if let pipeline = pointee.responsePipeline {
                pipeline.offer(output.readable, isLast: isLast)
                guard pumpResponse() else { return }
            } else if isLast || !output.isEmpty {
                transmitResponse(BodyPiece(constant: output.readable), isLast: isLast, trailers: .none)
            }
            guard pointee.phase == .responding else { return }
            if case .pause(let nanoseconds) = production { return setTimer(.producerPause, at: now + nanoseconds) }
        }
    }
}
