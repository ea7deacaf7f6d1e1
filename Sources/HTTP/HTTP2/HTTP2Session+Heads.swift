import Bytes

/// What a header block came to.
public enum HTTP2HeadOutcome {
    /// Server: a stream was opened by a request. Client: the head, maybe an interim one, of this stream's response.
    case head(HTTP2StreamPointer, refusal: HTTPError?)
    /// The stream's peer has ended its side; the lines are valid during the call that passes them.
    case trailers(HTTP2StreamPointer, TrailerLines)
    case reset(HTTP2StreamPointer, HTTP2ErrorCode)
    /// Nothing that concerns the owner.
    case ignored
    case failed(HTTP2Failure)
}

extension HTTP2Session {
    /// Decodes the block of `.head` on the server's side.
    ///
    /// - Parameters:
    ///   - owner: what a new stream is to name as its connection.
    ///   - head: the request's, if the block opens a stream.
    public mutating func readRequest(
        _ block: HTTP2HeaderBlock, owner: UnsafeMutableRawPointer, into head: inout RequestHead, options: HeadOptions
    ) -> HTTP2HeadOutcome {
        if let stream = table.find(block.stream) { return readTrailers(block, stream) }
        guard block.stream & 1 == 1 else { return over(.protocolError, "a client opens a stream with an even number (RFC 9113 §5.1.1)") }
        if block.stream <= lastPeerStream {
            if wasReset(block.stream) { return skip(block) }
            return over(.streamClosed, "HEADERS on a closed stream (RFC 9113 §5.1)")
        }
        lastPeerStream = block.stream
        if block.stream > lastAccepted { return skip(block) }
        if table.count >= self.options.streamsMax { return refuse(block, .refusedStream) }
        var decoder = RequestHeadDecoder(options: options, sizeMax: self.options.headerListMax)
        let result = decoder.decode(block.bytes, with: compression, endsStream: block.isLast, into: &head)
        switch result {
        case .undecodable: return over(.compressionError, "a header block cannot be decoded (RFC 9113 §4.3)")
        case .complete where !block.isSelfDependent: return .head(open(block, head.framing, owner), refusal: nil)
        case .refused(let error): return .head(open(block, .none, owner), refusal: error)
        case .malformed, .complete: return refuseDecoded(block, .protocolError)
        }
    }

    private mutating func open(_ block: HTTP2HeaderBlock, _ framing: BodyFraming, _ owner: UnsafeMutableRawPointer) -> HTTP2StreamPointer {
        let stream = openStream(block.stream, owner: owner)
        if case .length(let length) = framing { stream.pointee.lengthLeft = Int64(length) }
        stream.pointee.hasHead = true
        stream.pointee.isRemoteClosed = block.isLast
        // Work asked for pays for what comes with it.
        answers.add(1)
        idleFrames.add(1)
        return stream
    }

    /// Decodes the block of `.head` on the client's side.
    ///
    /// - Parameter head: the response's, unless the block is a trailer section.
    public mutating func readResponse(_ block: HTTP2HeaderBlock, into head: inout ResponseHead) -> HTTP2HeadOutcome {
        guard let stream = table.find(block.stream) else {
            guard block.stream & 1 == 1, block.stream < nextStream else { return over(.protocolError, "a response to no request (RFC 9113 §5.1)") }
            return skip(block)
        }
        if stream.pointee.hasHead { return readTrailers(block, stream) }
        var decoder = ResponseHeadDecoder(sizeMax: options.headerListMax)
        switch decoder.decode(block.bytes, with: compression, method: stream.pointee.method, endsStream: block.isLast, into: &head) {
        case .undecodable: return over(.compressionError, "a header block cannot be decoded (RFC 9113 §4.3)")
        case .malformed, .refused: return breakRule(stream)
        case .complete: break
        }
        if head.status >= 200 {
            stream.pointee.hasHead = true
            // RFC 9110 §9.3.6: behind a success of CONNECT there is a tunnel, whatever a length says.
            if stream.pointee.method != .connect || head.status >= 300 { limitBody(of: stream, head.framing) }
            if block.isLast {
                stream.pointee.isRemoteClosed = true
                closeIfDone(stream)
            }
        }
        return .head(stream, refusal: nil)
    }

    /// RFC 9113 §8.1.1. Behind the head of a response without a body, as to HEAD, bytes would be the next response to a
    /// client of HTTP/1.
    private func limitBody(of stream: HTTP2StreamPointer, _ framing: BodyFraming) {
        switch framing {
        case .length(let length): stream.pointee.lengthLeft = Int64(length)
        case .none: stream.pointee.lengthLeft = 0
        case .chunked, .untilClose: break
        }
    }

    // MARK: Trailers

    private mutating func readTrailers(_ block: HTTP2HeaderBlock, _ stream: HTTP2StreamPointer) -> HTTP2HeadOutcome {
        if stream.pointee.isRemoteClosed { return over(.streamClosed, "HEADERS on a stream whose side is closed (RFC 9113 §5.1)") }
        guard let isWellFormed = decodeTrailers(block.bytes) else { return over(.compressionError, "a header block cannot be decoded (RFC 9113 §4.3)") }
        guard isWellFormed, block.isLast, stream.pointee.lengthLeft <= 0 else { return breakRule(stream) }
        stream.pointee.isRemoteClosed = true
        closeIfDone(stream)
        return .trailers(stream, TrailerLines(workspace.pointee.trailers.readable))
    }

    /// - Returns: whether the section is well-formed; nil if it cannot be decoded.
    private func decodeTrailers(_ block: BorrowedBytes) -> Bool? {
        var block = block
        var size = 0
        var isWellFormed = true
        workspace.pointee.trailers.removeAll()
        while true {
            switch compression.nextField(&block) {
            case .failed: return nil
            case .end: return isWellFormed
            case .field(let name, let value):
                size += name.count + value.count + 32
                guard isWellFormed, size <= Limits.trailerBytesMax, FieldRules.check(name, value, isTrailer: true) != nil else {
                    isWellFormed = false
                    continue
                }
                workspace.pointee.trailers.append(name)
                workspace.pointee.trailers.append(": ")
                workspace.pointee.trailers.append(value)
                workspace.pointee.trailers.append("\r\n")
            }
        }
    }

    // MARK: What goes no further

    /// Decodes a block whose contents nobody wants, since later ones lean on it.
    private mutating func skip(_ block: HTTP2HeaderBlock) -> HTTP2HeadOutcome {
        var bytes = block.bytes
        while true {
            switch compression.nextField(&bytes) {
            case .field: continue
            case .end: return .ignored
            case .failed: return over(.compressionError, "a header block cannot be decoded (RFC 9113 §4.3)")
            }
        }
    }

    private mutating func refuse(_ block: HTTP2HeaderBlock, _ code: HTTP2ErrorCode) -> HTTP2HeadOutcome {
        if case .failed(let failure) = skip(block) { return .failed(failure) }
        return refuseDecoded(block, code)
    }

    private mutating func refuseDecoded(_ block: HTTP2HeaderBlock, _ code: HTTP2ErrorCode) -> HTTP2HeadOutcome {
        if !resets.take(now: now) { return over(.enhanceYourCalm, "too many streams are reset") }
        idleFrames.earn(options.streamWindow / Limits.lateFrameBytes)
        writeReset(block.stream, code)
        return .ignored
    }

    private mutating func breakRule(_ stream: HTTP2StreamPointer) -> HTTP2HeadOutcome {
        switch resetByRule(stream, .protocolError) {
        case .failed(let failure): .failed(failure)
        default: .reset(stream, .protocolError)
        }
    }

    private mutating func over(_ code: HTTP2ErrorCode, _ reason: StaticString) -> HTTP2HeadOutcome {
        guard case .failed(let failure) = fail(code, reason) else { return .ignored }
        return .failed(failure)
    }
}
