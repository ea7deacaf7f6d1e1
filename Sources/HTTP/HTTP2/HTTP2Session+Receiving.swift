public import Bytes

// Frames as they come, RFC 9113 §6.

extension HTTP2Session {
    /// Takes bytes up to the next thing the owner has to know.
    ///
    /// - Parameters:
    ///   - bytes: what has come, from the first byte not used before.
    ///   - used: how many of them are used up; what is not is given again, with more behind it.
    public mutating func next(_ bytes: BorrowedBytes, _ used: inout Int) -> HTTP2Event {
        if isBlockTaken { forgetBlock() }
        while true {
            if let event = step(bytes, &used) { return event }
        }
    }

    @inline(__always)
    private mutating func step(_ bytes: BorrowedBytes, _ used: inout Int) -> HTTP2Event? {
        if dataLeft > 0 || paddingLeft > 0 {
            if used == bytes.count { return .starving }
            return continueData(bytes, &used)
        }
        switch reading {
        case .frames, .firstSettings: break
        case .preface(let matched): return readPreface(bytes, &used, matched)
        case .failed:
            used = bytes.count
            return .starving
        }
        guard bytes.count - used >= FrameHeader.byteCount, let base = bytes.baseAddress else { return .starving }
        let header = FrameHeader(base + used)
        if header.length > Limits.framePayloadMax { return fail(.frameSizeError, "a frame is larger than 16384 bytes (RFC 9113 §4.2)") }
        if case .firstSettings = reading {
            guard header.type == FrameType.settings.rawValue, header.flags & FrameFlags.acknowledgement == 0 else {
                return fail(.protocolError, "the first frame is not SETTINGS (RFC 9113 §3.4)")
            }
        }
        if blockStream != 0, header.type != FrameType.continuation.rawValue || header.stream != blockStream {
            return fail(.protocolError, "a header block is interrupted (RFC 9113 §6.10)")
        }
        if header.type == FrameType.data.rawValue { return beginData(header, bytes, &used) }
        let end = used + FrameHeader.byteCount + header.length
        guard bytes.count >= end else { return .starving }
        let payload = bytes.slice(used + FrameHeader.byteCount, end)
        used = end
        return receive(header, payload)
    }

    private mutating func readPreface(_ bytes: BorrowedBytes, _ used: inout Int, _ matched: Int) -> HTTP2Event? {
        let preface = BorrowedBytes(HTTP2Session.preface)
        let count = min(bytes.count - used, preface.count - matched)
        guard bytes.slice(used, used + count).equals(preface.slice(matched, matched + count)) else {
            return fail(.protocolError, "the connection does not begin with the preface (RFC 9113 §3.4)")
        }
        used += count
        reading = matched + count == preface.count ? .firstSettings : .preface(matched + count)
        return matched + count == preface.count ? nil : .starving
    }

    private mutating func receive(_ header: FrameHeader, _ payload: BorrowedBytes) -> HTTP2Event? {
        switch FrameType(rawValue: header.type) {
        case .headers: receiveHeaders(header, payload)
        case .continuation: receiveContinuation(header, payload)
        case .windowUpdate: receiveWindowUpdate(header, payload)
        case .resetStream: receiveReset(header, payload)
        case .settings: receiveSettings(header, payload)
        case .ping: receivePing(header, payload)
        case .goAway: receiveGoAway(header, payload)
        case .priority: receivePriority(header, payload)
        case .pushPromise: fail(.protocolError, "PUSH_PROMISE, which nobody allowed (RFC 9113 §8.4)")
        case .data, nil: countIdleFrame()
        }
    }

    // MARK: Data

    private mutating func beginData(_ header: FrameHeader, _ bytes: BorrowedBytes, _ used: inout Int) -> HTTP2Event? {
        let isPadded = header.flags & FrameFlags.padded != 0
        guard header.stream != 0 else { return fail(.protocolError, "DATA on stream 0 (RFC 9113 §6.1)") }
        guard isIdle(header.stream) == false else { return fail(.protocolError, "DATA on a stream that was never opened (RFC 9113 §5.1)") }
        if isPadded, header.length == 0 { return fail(.frameSizeError, "padding without room (RFC 9113 §6.1)") }
        var padding = 0
        if isPadded {
            guard bytes.count > used + FrameHeader.byteCount else { return .starving }
            padding = Int(bytes[used + FrameHeader.byteCount]) + 1
            if padding > header.length { return fail(.protocolError, "padding is longer than its frame (RFC 9113 §6.1)") }
        }
        guard header.length <= receiveWindow else { return fail(.flowControlError, "more DATA than the connection's window (RFC 9113 §6.9)") }
        used += FrameHeader.byteCount + (isPadded ? 1 : 0)
        receiveWindow -= header.length
        credit(connection: header.length)
        dataLeft = header.length - padding
        paddingLeft = isPadded ? padding - 1 : 0
        endsWithData = header.flags & FrameFlags.endStream != 0
        if dataLeft == 0, !endsWithData, let event = countIdleFrame() { return event }
        return chooseDataStream(header, padding: padding)
    }

    private mutating func chooseDataStream(_ header: FrameHeader, padding: Int) -> HTTP2Event? {
        guard let stream = table.find(header.stream) else { return skipData(header.stream) }
        if stream.pointee.isRemoteClosed { return skipData(header.stream) }
        guard header.length <= stream.pointee.receiveWindow else { return resetMidData(stream, .flowControlError) }
        stream.pointee.receiveWindow -= header.length
        if stream.pointee.lengthLeft >= 0 {
            stream.pointee.lengthLeft -= Int64(dataLeft)
            // RFC 9113 §8.1.1.
            if stream.pointee.lengthLeft < 0 || endsWithData && stream.pointee.lengthLeft != 0 { return resetMidData(stream, .protocolError) }
        }
        if role == .client, !stream.pointee.hasHead { return resetMidData(stream, .protocolError) }
        isSkipping = false
        dataStream = stream
        if padding > 0 { credit(stream, padding) }
        if dataLeft > 0 { return nil }
        dataStream = nil
        if !endsWithData { return nil }
        endRemote(stream)
        return .data(stream, 0..<0, isLast: true)
    }

    private mutating func continueData(_ bytes: BorrowedBytes, _ used: inout Int) -> HTTP2Event? {
        let count = min(dataLeft, bytes.count - used)
        let range = used..<used + count
        used += count
        dataLeft -= count
        if dataLeft == 0 {
            let padding = min(paddingLeft, bytes.count - used)
            used += padding
            paddingLeft -= padding
        }
        guard !isSkipping, let stream = dataStream else { return nil }
        let isLast = dataLeft == 0 && endsWithData
        if dataLeft == 0 { dataStream = nil }
        if count == 0 { return nil }
        if isLast { endRemote(stream) }
        return .data(stream, range, isLast: isLast)
    }

    private mutating func endRemote(_ stream: HTTP2StreamPointer) {
        stream.pointee.isRemoteClosed = true
        closeIfDone(stream)
    }

    /// DATA for a stream that takes none: of one we have reset it may have been on its way, RFC 9113 §5.1.
    private mutating func skipData(_ id: UInt32) -> HTTP2Event? {
        isSkipping = true
        dataStream = nil
        // A request that its client has us give up is one it has given up.
        if let stream = table.find(id) { return resetByRule(stream, .streamClosed) }
        if let event = countIdleFrame() { return event }
        // A server has nothing to learn from it: we gave the stream up, or it has ended it itself.
        if role == .server, !wasReset(id) { writeReset(id, .streamClosed) }
        return nil
    }

    private mutating func resetMidData(_ stream: HTTP2StreamPointer, _ code: HTTP2ErrorCode) -> HTTP2Event {
        isSkipping = true
        dataStream = nil
        return resetByRule(stream, code)
    }

    // MARK: Headers

    private mutating func receiveHeaders(_ header: FrameHeader, _ payload: BorrowedBytes) -> HTTP2Event? {
        guard header.stream != 0 else { return fail(.protocolError, "HEADERS on stream 0 (RFC 9113 §6.2)") }
        var start = 0
        var end = payload.count
        if header.flags & FrameFlags.padded != 0 {
            guard let padding = payload.first else { return fail(.frameSizeError, "padding without room (RFC 9113 §6.2)") }
            start = 1
            end -= Int(padding)
        }
        isBlockSelfDependent = false
        if header.flags & FrameFlags.priority != 0 {
            guard start + 5 <= payload.count else { return fail(.frameSizeError, "priority without room (RFC 9113 §6.2)") }
            isBlockSelfDependent = payload.number(at: start) & 0x7FFF_FFFF == header.stream
            start += 5
        }
        guard start <= end else { return fail(.protocolError, "padding is longer than its frame (RFC 9113 §6.2)") }
        isBlockLast = header.flags & FrameFlags.endStream != 0
        let fragment = payload.slice(start, end)
        if header.flags & FrameFlags.endHeaders != 0 { return complete(header.stream, fragment) }
        blockStream = header.stream
        continuationCount = 0
        block.append(fragment)
        return nil
    }

    private mutating func receiveContinuation(_ header: FrameHeader, _ payload: BorrowedBytes) -> HTTP2Event? {
        guard blockStream != 0 else { return fail(.protocolError, "CONTINUATION without HEADERS (RFC 9113 §6.10)") }
        continuationCount += 1
        let bytesMax = options.headerListMax + Limits.refusedHeadBytesMax
        guard continuationCount <= max(Limits.continuationsMax, bytesMax / Limits.framePayloadMax), block.count + payload.count <= bytesMax else {
            return fail(.enhanceYourCalm, "a header block without end")
        }
        block.append(payload)
        if header.flags & FrameFlags.endHeaders == 0 { return nil }
        blockStream = 0
        return complete(header.stream, block.readable)
    }

    private mutating func complete(_ stream: UInt32, _ fragment: BorrowedBytes) -> HTTP2Event {
        isBlockTaken = true
        return .head(HTTP2HeaderBlock(stream: stream, isLast: isBlockLast, isSelfDependent: isBlockSelfDependent, bytes: fragment))
    }

    private mutating func forgetBlock() {
        isBlockTaken = false
        if block.capacity > 0 { block.release() }
    }

    // MARK: Windows

    private mutating func receiveWindowUpdate(_ header: FrameHeader, _ payload: BorrowedBytes) -> HTTP2Event? {
        guard payload.count == 4 else { return fail(.frameSizeError, "WINDOW_UPDATE is not 4 bytes long (RFC 9113 §6.9)") }
        guard windowUpdates.take(now: now) else { return fail(.enhanceYourCalm, "too many WINDOW_UPDATE frames") }
        let increment = Int(payload.number(at: 0) & 0x7FFF_FFFF)
        if header.stream == 0 {
            guard increment > 0 else { return fail(.protocolError, "a window is opened by 0 (RFC 9113 §6.9)") }
            guard sendWindow + increment <= HTTP2Settings.windowMax else { return fail(.flowControlError, "a window beyond 2^31-1 (RFC 9113 §6.9.1)") }
            sendWindow += increment
            return nil
        }
        if isIdle(header.stream) { return fail(.protocolError, "WINDOW_UPDATE on a stream that was never opened (RFC 9113 §5.1)") }
        guard let stream = table.find(header.stream) else { return nil }
        guard increment > 0 else { return resetByRule(stream, .protocolError) }
        guard stream.pointee.sendWindow + increment <= HTTP2Settings.windowMax else { return resetByRule(stream, .flowControlError) }
        stream.pointee.sendWindow += increment
        queueIfReady(stream)
        return nil
    }

    /// Gives the connection's window back at once, in portions: what a stream keeps is bounded by the stream's own.
    private mutating func credit(connection count: Int) {
        uncredited += count
        if uncredited < options.connectionWindow / 2 { return }
        writeWindowUpdate(0, uncredited)
        receiveWindow += uncredited
        uncredited = 0
    }

    /// Gives a stream's window back for bytes that were passed on.
    @inline(__always)
    public mutating func credit(_ stream: HTTP2StreamPointer, _ count: Int) {
        if stream.pointee.isRemoteClosed { return }
        stream.pointee.uncredited += count
        if stream.pointee.uncredited >= options.streamWindow / 2 { writeCredit(stream) }
    }

    private mutating func writeCredit(_ stream: HTTP2StreamPointer) {
        writeWindowUpdate(stream.pointee.id, stream.pointee.uncredited)
        stream.pointee.receiveWindow += stream.pointee.uncredited
        stream.pointee.uncredited = 0
    }

    // MARK: The rest

    private mutating func receiveReset(_ header: FrameHeader, _ payload: BorrowedBytes) -> HTTP2Event? {
        guard payload.count == 4 else { return fail(.frameSizeError, "RST_STREAM is not 4 bytes long (RFC 9113 §6.4)") }
        guard header.stream != 0, !isIdle(header.stream) else { return fail(.protocolError, "RST_STREAM on a stream that was never opened (RFC 9113 §6.4)") }
        // Of a stream that has ended here meanwhile: its owner had not.
        guard let stream = table.find(header.stream) else { return countIdleFrame() }
        if role == .server, isYoung(stream), !resets.take(now: now) { return fail(.enhanceYourCalm, "too many streams are reset") }
        close(stream)
        return .reset(stream, HTTP2ErrorCode(wire: payload.number(at: 0)), isMalformed: false)
    }

    /// Deadlines that expire and calls that are given up end streams too, but no faster than there may be open ones.
    private func isYoung(_ stream: HTTP2StreamPointer) -> Bool { now &- stream.pointee.startedAt < Limits.youngStreamNanoseconds }

    private mutating func receiveSettings(_ header: FrameHeader, _ payload: BorrowedBytes) -> HTTP2Event? {
        guard header.stream == 0 else { return fail(.protocolError, "SETTINGS on a stream (RFC 9113 §6.5)") }
        if header.flags & FrameFlags.acknowledgement != 0 {
            if payload.isEmpty { return countIdleFrame() }
            return fail(.frameSizeError, "an acknowledgement with settings (RFC 9113 §6.5)")
        }
        guard payload.count % 6 == 0 else { return fail(.frameSizeError, "SETTINGS is not a multiple of 6 bytes long (RFC 9113 §6.5)") }
        guard payload.count <= 6 * Limits.settingsPerFrameMax, answers.take(now: now) else { return fail(.enhanceYourCalm, "too many settings") }
        reading = .frames
        for offset in stride(from: 0, to: payload.count, by: 6) {
            let identifier = UInt16(payload[offset]) << 8 | UInt16(payload[offset + 1])
            if let event = apply(identifier, payload.number(at: offset + 2)) { return event }
        }
        lendOutput()
        output.appendFrame(.settings, flags: FrameFlags.acknowledgement, stream: 0, length: 0)
        return nil
    }

    private mutating func apply(_ identifier: UInt16, _ value: UInt32) -> HTTP2Event? {
        switch HTTP2Settings.Identifier(rawValue: identifier) {
        case .headerTableSize: compression.setPeerTable(bytes: Int(value))
        case .enablePush:
            guard value <= 1, role == .server || value == 0 else { return fail(.protocolError, "SETTINGS_ENABLE_PUSH is neither 0 nor 1 (RFC 9113 §6.5.2)") }
        case .maxConcurrentStreams: peer.streamsMax = Int(value)
        case .initialWindowSize:
            guard value <= UInt32(HTTP2Settings.windowMax) else { return fail(.flowControlError, "SETTINGS_INITIAL_WINDOW_SIZE beyond 2^31-1 (RFC 9113 §6.5.2)") }
            return moveWindows(to: Int(value))
        case .maxFrameSize:
            guard value >= 16_384, value <= 0xFF_FFFF else { return fail(.protocolError, "SETTINGS_MAX_FRAME_SIZE is not between 2^14 and 2^24-1 (RFC 9113 §6.5.2)") }
        case .enableConnectProtocol:
            guard value <= 1 else { return fail(.protocolError, "SETTINGS_ENABLE_CONNECT_PROTOCOL is neither 0 nor 1 (RFC 8441 §3)") }
            peer.allowsExtendedConnect = value == 1
        case .maxHeaderListSize, nil: break
        }
        return nil
    }

    /// RFC 9113 §6.9.2: open streams' windows move by the difference, below zero too.
    private mutating func moveWindows(to size: Int) -> HTTP2Event? {
        let difference = size - peer.initialWindowSize
        peer.initialWindowSize = size
        var isTooLarge = false
        var opened: [HTTP2StreamPointer] = []
        table.forEach { stream in
            stream.pointee.sendWindow += difference
            if stream.pointee.sendWindow > HTTP2Settings.windowMax { isTooLarge = true }
            if difference > 0 { opened.append(stream) }
        }
        for stream in opened { queueIfReady(stream) }
        return isTooLarge ? fail(.flowControlError, "a window beyond 2^31-1 (RFC 9113 §6.9.2)") : nil
    }

    private mutating func receivePing(_ header: FrameHeader, _ payload: BorrowedBytes) -> HTTP2Event? {
        guard header.stream == 0 else { return fail(.protocolError, "PING on a stream (RFC 9113 §6.7)") }
        guard payload.count == 8 else { return fail(.frameSizeError, "PING is not 8 bytes long (RFC 9113 §6.7)") }
        if header.flags & FrameFlags.acknowledgement != 0 { return countIdleFrame() ?? .pong }
        guard answers.take(now: now) else { return fail(.enhanceYourCalm, "too many PING frames") }
        lendOutput()
        output.appendFrame(.ping, flags: FrameFlags.acknowledgement, stream: 0, length: 8)
        output.append(payload)
        return nil
    }

    private mutating func receiveGoAway(_ header: FrameHeader, _ payload: BorrowedBytes) -> HTTP2Event? {
        guard header.stream == 0 else { return fail(.protocolError, "GOAWAY on a stream (RFC 9113 §6.8)") }
        guard payload.count >= 8 else { return fail(.frameSizeError, "GOAWAY is shorter than 8 bytes (RFC 9113 §6.8)") }
        if let event = countIdleFrame() { return event }
        return .goingAway(lastStream: payload.number(at: 0) & 0x7FFF_FFFF, HTTP2ErrorCode(wire: payload.number(at: 4)))
    }

    /// RFC 9113 §5.3.2: deprecated, but it has its form.
    private mutating func receivePriority(_ header: FrameHeader, _ payload: BorrowedBytes) -> HTTP2Event? {
        guard header.stream != 0 else { return fail(.protocolError, "PRIORITY on stream 0 (RFC 9113 §6.3)") }
        if let event = countIdleFrame() { return event }
        let code: HTTP2ErrorCode? = payload.count != 5 ? .frameSizeError : payload.number(at: 0) & 0x7FFF_FFFF == header.stream ? .protocolError : nil
        guard let code else { return nil }
        if let stream = table.find(header.stream) { return resetByRule(stream, code) }
        if isIdle(header.stream) { return fail(code, "a malformed PRIORITY (RFC 9113 §6.3)") }
        writeReset(header.stream, code)
        return nil
    }

    private mutating func countIdleFrame() -> HTTP2Event? {
        idleFrames.take(now: now) ? nil : fail(.enhanceYourCalm, "too many frames that carry nothing")
    }

    /// Whether a stream of this number has not been opened yet.
    private func isIdle(_ id: UInt32) -> Bool {
        let isOwn = (id & 1 == 1) == (role == .client)
        return isOwn ? id >= nextStream : id > lastPeerStream
    }

    /// The peer broke a rule of one stream.
    mutating func resetByRule(_ stream: HTTP2StreamPointer, _ code: HTTP2ErrorCode) -> HTTP2Event {
        if role == .server, !resets.take(now: now) { return fail(.enhanceYourCalm, "too many streams are reset") }
        writeReset(stream, code)
        close(stream)
        return .reset(stream, code, isMalformed: true)
    }
}
