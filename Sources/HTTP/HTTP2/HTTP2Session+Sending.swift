public import Bytes

// Frames to send: heads at once, bodies as windows and room allow, round robin.

extension HTTP2Session {
    /// Memory for the output, unless it has some.
    @inline(__always)
    mutating func lendOutput() {
        if output.capacity == 0 { workspace.pointee.buffers.lend(to: &output) }
    }

    /// Takes note that bytes from the front of the output were sent.
    public mutating func sent(_ count: Int) {
        output.consume(count)
        if output.isEmpty { workspace.pointee.buffers.takeBack(&output) }
    }

    mutating func start() {
        lendOutput()
        if role == .client { output.append(HTTP2Session.preface) }
        let count = role == .server ? 4 : 3
        output.appendFrame(.settings, stream: 0, length: 6 * count)
        if role == .server {
            output.append(setting: .maxConcurrentStreams, UInt32(options.streamsMax))
            output.append(setting: .enableConnectProtocol, 1)
        } else {
            output.append(setting: .enablePush, 0)
        }
        output.append(setting: .initialWindowSize, UInt32(options.streamWindow))
        output.append(setting: .maxHeaderListSize, UInt32(options.headerListMax))
        writeWindowUpdate(0, options.connectionWindow - HTTP2Settings.initialWindow)
    }

    mutating func writeWindowUpdate(_ stream: UInt32, _ count: Int) {
        lendOutput()
        output.appendFrame(.windowUpdate, stream: stream, length: 4)
        output.append(number: UInt32(count))
    }

    mutating func writeReset(_ stream: UInt32, _ code: HTTP2ErrorCode) {
        noteReset(stream)
        lendOutput()
        output.appendFrame(.resetStream, stream: stream, length: 4)
        output.append(number: code.rawValue)
    }

    /// What the peer has sent for the stream until it hears of this costs it nothing: not its own reset, which an upstream
    /// sends behind an early answer (RFC 9113 §8.1), and no part of a body under way.
    mutating func writeReset(_ stream: HTTP2StreamPointer, _ code: HTTP2ErrorCode) {
        idleFrames.earn(1 + (stream.pointee.isRemoteClosed ? 0 : max(0, stream.pointee.receiveWindow) / Limits.lateFrameBytes))
        writeReset(stream.pointee.id, code)
    }

    /// Ends a stream before its time.
    public mutating func reset(_ stream: HTTP2StreamPointer, _ code: HTTP2ErrorCode) {
        if stream.pointee.isClosed { return }
        if stream.pointee.id != 0 { writeReset(stream, code) }
        close(stream)
    }

    // MARK: Heads

    /// Sends a response's head.
    ///
    /// - Parameters:
    ///   - date: of the Date field if the response has none.
    ///   - isLast: nothing follows.
    public mutating func respond(_ stream: HTTP2StreamPointer, _ head: borrowing ResponseHead, framing: BodyFraming, date: BorrowedBytes, isLast: Bool) {
        if stream.pointee.isLocalClosed { return }
        let fields = fields(for: head.headers, more: 3, textBytes: 48)
        fields.pointee.add(":status", decimal: Int(head.status))
        addFields(head.headers, skipping: HeadSerializer.hopByHop.bits, to: fields)
        if case .length(let length) = framing { fields.pointee.add("content-length", decimal: Int(truncatingIfNeeded: length)) }
        if head.status >= 200, head.headers.first(.date) == nil { fields.pointee.add("date", date) }
        writeHeaders(stream, isLast: isLast)
    }

    /// Accepts an extended CONNECT: what an upgrade's 101 says, as a 200 (RFC 8441 §5).
    public mutating func acceptTunnel(_ stream: HTTP2StreamPointer, _ head: borrowing ResponseHead) {
        let fields = fields(for: head.headers, more: 1, textBytes: 16)
        fields.pointee.add(":status", BorrowedBytes("200"))
        for index in head.headers.indices where head.headers.isPresent(index) {
            let known = head.headers.known(at: index)
            let name = head.headers.name(at: index)
            // The handshake's own answer has no place here.
            if known != .other && HeadSerializer.hopByHop.contains(known) || name.equalsIgnoringCase("sec-websocket-accept") { continue }
            fields.pointee.add(lowering: name, head.headers.value(at: index))
        }
        writeHeaders(stream, isLast: false)
    }

    /// Opens a reserved stream by a request's head.
    ///
    /// - Parameters:
    ///   - host: what `:authority` says.
    ///   - isLast: nothing follows.
    public mutating func request(
        _ stream: HTTP2StreamPointer, _ head: borrowing RequestHead, host: BorrowedBytes, scheme: StaticString, framing: BodyFraming, isLast: Bool
    ) {
        number(stream)
        stream.pointee.method = head.method
        let fields = fields(for: head.headers, more: 6, textBytes: head.path.count + head.query.count + 32)
        fields.pointee.add(":method", head.methodBytes)
        addTarget(head, host, scheme, to: fields)
        addFields(head.headers, skipping: HeadSerializer.hopByHop.bits | KnownField.host.bit, to: fields)
        if head.headers.mayContain(.te), head.headers.containsToken(.te, "trailers") { fields.pointee.add("te", BorrowedBytes("trailers")) }
        if case .length(let length) = framing { fields.pointee.add("content-length", decimal: Int(truncatingIfNeeded: length)) }
        writeHeaders(stream, isLast: isLast)
    }

    /// Opens a reserved stream by an extended CONNECT for a WebSocket, which is an upgrade of HTTP/1 in other words
    /// (RFC 8441 §5). Only where the peer allows it.
    public mutating func requestTunnel(_ stream: HTTP2StreamPointer, _ head: borrowing RequestHead, host: BorrowedBytes, scheme: StaticString) {
        number(stream)
        stream.pointee.method = .connect
        let fields = fields(for: head.headers, more: 5, textBytes: head.path.count + head.query.count + 32)
        fields.pointee.add(":method", BorrowedBytes("CONNECT"))
        fields.pointee.add(":protocol", BorrowedBytes("websocket"))
        addTarget(head, host, scheme, to: fields)
        for index in head.headers.indices where head.headers.isPresent(index) {
            let known = head.headers.known(at: index)
            let name = head.headers.name(at: index)
            // The key proves an upgrade, of which there is none.
            if known != .other && (HeadSerializer.hopByHop.contains(known) || known == .host) || name.equalsIgnoringCase("sec-websocket-key") { continue }
            fields.pointee.add(lowering: name, head.headers.value(at: index))
        }
        writeHeaders(stream, isLast: false)
    }

    /// The next number for a reserved stream.
    private mutating func number(_ stream: HTTP2StreamPointer) {
        table.remove(stream)
        stream.pointee.id = nextStream
        stream.pointee.sendWindow = peer.initialWindowSize
        table.insert(stream)
        nextStream += 2
    }

    private func addTarget(_ head: borrowing RequestHead, _ host: BorrowedBytes, _ scheme: StaticString, to fields: UnsafeMutablePointer<HTTP2FieldList>) {
        fields.pointee.add(":scheme", BorrowedBytes(scheme))
        fields.pointee.add(":authority", host)
        if head.isAsterisk {
            fields.pointee.add(":path", BorrowedBytes("*"))
        } else if head.hasQuery {
            fields.pointee.add(":path", joining: head.path, UInt8(ascii: "?"), head.query)
        } else {
            fields.pointee.add(":path", head.path)
        }
    }

    private func fields(for headers: borrowing Headers, more: Int, textBytes: Int) -> UnsafeMutablePointer<HTTP2FieldList> {
        let fields = withUnsafeMutablePointer(to: &workspace.pointee.fields) { $0 }
        fields.pointee.begin(fieldCount: headers.fieldCount + more, textBytes: headers.writtenBytesMax + textBytes)
        return fields
    }

    private func addFields(_ headers: borrowing Headers, skipping: UInt64, to fields: UnsafeMutablePointer<HTTP2FieldList>) {
        for index in headers.indices where headers.isPresent(index) {
            let known = headers.known(at: index)
            if known != .other, skipping & known.bit != 0 { continue }
            fields.pointee.add(lowering: headers.name(at: index), headers.value(at: index))
        }
    }

    /// Writes the list's fields as HEADERS, and CONTINUATION if they need more than one frame.
    private mutating func writeHeaders(_ stream: HTTP2StreamPointer, isLast: Bool) {
        let id = stream.pointee.id
        let flags = isLast ? FrameFlags.endStream : 0
        let payloadMax = peer.framePayloadMax
        let bound = compression.boundOf(workspace.pointee.fields)
        let header = FrameHeader.byteCount
        lendOutput()
        let base = output.free(header + bound + bound / payloadMax * header).baseAddress.unsafelyUnwrapped
        let count = compression.deflate(workspace.pointee.fields, into: UnsafeMutableRawBufferPointer(start: base + header, count: bound))
        if count <= payloadMax {
            FrameHeader.write(to: base, length: count, .headers, flags: flags | FrameFlags.endHeaders, stream: id)
            output.commit(header + count)
        } else {
            output.commit(HTTP2Session.splitHeaders(base, count, payloadMax, flags, id))
        }
        if isLast { endLocal(stream) }
    }

    /// Makes frames of a block that is too long for one, from the back, where the room is.
    private static func splitHeaders(_ base: UnsafeMutableRawPointer, _ count: Int, _ payloadMax: Int, _ flags: UInt8, _ id: UInt32) -> Int {
        let frames = (count + payloadMax - 1) / payloadMax
        for index in (0..<frames).reversed() {
            let start = index * payloadMax
            let length = min(payloadMax, count - start)
            let frame = base + start + index * FrameHeader.byteCount
            (frame + FrameHeader.byteCount).copyMemory(from: base + FrameHeader.byteCount + start, byteCount: length)
            let end = index == frames - 1 ? FrameFlags.endHeaders : 0
            FrameHeader.write(to: frame, length: length, index == 0 ? .headers : .continuation, flags: end | (index == 0 ? flags : 0), stream: id)
        }
        return count + frames * FrameHeader.byteCount
    }

    // MARK: Bodies

    /// Sends body bytes as far as windows and room allow and keeps the rest.
    ///
    /// - Parameter trailers: lines with their CRLF, sent behind the last bytes.
    public mutating func send(_ stream: HTTP2StreamPointer, _ bytes: BorrowedBytes, isLast: Bool, trailers: BorrowedBytes) {
        if stream.pointee.isLocalClosed { return }
        if isLast {
            stream.pointee.isEndQueued = true
            if !trailers.isEmpty { stream.pointee.outgoingTrailers.append(trailers) }
        }
        guard stream.pointee.output.isEmpty, output.count < Limits.outputBytesPaused else {
            stream.pointee.output.append(bytes)
            return queueIfReady(stream)
        }
        let used = emit(stream, bytes, atMost: bytes.count)
        if used < bytes.count {
            stream.pointee.output.append(bytes.slice(used, bytes.count))
            queueIfReady(stream)
        }
    }

    /// - Returns: how many of the bytes are frames now; the stream's end is one too if all are.
    private mutating func emit(_ stream: HTTP2StreamPointer, _ bytes: BorrowedBytes, atMost limit: Int) -> Int {
        let room = min(bytes.count, limit, max(0, min(sendWindow, stream.pointee.sendWindow)))
        let isEnding = room == bytes.count && stream.pointee.isEndQueued
        let endsWithData = isEnding && stream.pointee.outgoingTrailers.isEmpty
        var used = 0
        lendOutput()
        while used < room {
            let count = min(room - used, peer.framePayloadMax)
            let isLast = endsWithData && used + count == room
            output.appendFrame(.data, flags: isLast ? FrameFlags.endStream : 0, stream: stream.pointee.id, length: count)
            output.append(bytes.slice(used, used + count))
            used += count
            windowUpdates.earn(2 + count / Limits.bytesPerWindowUpdate)
            // gRPC's peers measure the path by a PING for each DATA frame that comes.
            answers.earn(1)
        }
        sendWindow -= used
        stream.pointee.sendWindow -= used
        if used > 0 { stream.pointee.lastProgress = now }
        if !isEnding { return used }
        if !endsWithData {
            writeTrailers(stream)
        } else {
            if used == 0 { output.appendFrame(.data, flags: FrameFlags.endStream, stream: stream.pointee.id, length: 0) }
            endLocal(stream)
        }
        return used
    }

    private mutating func writeTrailers(_ stream: HTTP2StreamPointer) {
        let lines = stream.pointee.outgoingTrailers.readable
        let fields = withUnsafeMutablePointer(to: &workspace.pointee.fields) { $0 }
        // The shortest line has five bytes.
        fields.pointee.begin(fieldCount: lines.count / 5 + 1, textBytes: lines.count)
        var start = 0
        while let end = lines.firstIndex(of: 0x0D, from: start) {
            let line = lines.slice(start, end)
            start = end + 2
            guard let colon = line.firstIndex(of: UInt8(ascii: ":"), from: 0) else { continue }
            let name = line.slice(0, colon)
            let known = KnownField(name: name)
            if known != .other, HeadSerializer.hopByHop.contains(known) { continue }
            fields.pointee.add(lowering: name, line.slice(colon + 1, line.count).trimmed)
        }
        writeHeaders(stream, isLast: true)
        stream.pointee.outgoingTrailers.release()
    }

    /// Our side is complete. A server that has answered needs no more of the request, RFC 9113 §8.1.
    private mutating func endLocal(_ stream: HTTP2StreamPointer) {
        stream.pointee.isLocalClosed = true
        if role == .server, !stream.pointee.isRemoteClosed {
            writeReset(stream, .noError)
            return close(stream)
        }
        closeIfDone(stream)
    }

    // MARK: Waiting

    /// A stream with something to send and the window for it stands in line.
    mutating func queueIfReady(_ stream: HTTP2StreamPointer) {
        guard stream.pointee.queue != .ready, !stream.pointee.isLocalClosed else { return }
        let hasBytes = !stream.pointee.output.isEmpty
        guard hasBytes ? stream.pointee.sendWindow > 0 : stream.pointee.isBlocked || stream.pointee.isEndQueued else { return }
        unqueue(stream)
        ready.append(stream)
    }

    /// Whether a writer of this stream should wait, for its window or for the transport. One that should is in line.
    public mutating func isBlocked(_ stream: HTTP2StreamPointer) -> Bool {
        if stream.pointee.isClosed { return false }
        if stream.pointee.output.isEmpty, output.count < Limits.outputBytesPaused { return false }
        stream.pointee.isBlocked = true
        queueIfReady(stream)
        return true
    }

    /// Makes frames of what waits until the output is full, one frame of each stream at a time.
    public mutating func pump() {
        while output.count < Limits.outputBytesPaused, let stream = ready.first {
            if sendWindow <= 0, !stream.pointee.output.isEmpty { return }
            ready.remove(stream)
            if !stream.pointee.output.isEmpty || stream.pointee.isEndQueued {
                let used = emit(stream, stream.pointee.output.readable, atMost: peer.framePayloadMax)
                stream.pointee.output.consume(used)
            }
            if !stream.pointee.output.isEmpty {
                queueIfReady(stream)
                continue
            }
            stream.pointee.output.release()
            if stream.pointee.isBlocked, !stream.pointee.isClosed { drained.append(stream) }
        }
    }

    /// A stream whose writer waited and may go on.
    public mutating func nextWritable() -> HTTP2StreamPointer? {
        guard let stream = drained.first else { return nil }
        drained.remove(stream)
        stream.pointee.isBlocked = false
        return stream
    }
}
