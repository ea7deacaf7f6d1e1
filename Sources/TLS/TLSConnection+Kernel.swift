internal import Bytes
internal import COpenSSL
internal import Net

// What differs once the kernel makes the records that are sent. OpenSSL writes none but control records then: bytes of the
// caller's go to the socket as they are.
extension UnsafeMutablePointer where Pointee == TLSConnection {
    /// OpenSSL's question whether the kernel takes over, with the key: behind what is encrypted already, if the socket takes
    /// all of that. What it did not take could only follow, and would be encrypted twice.
    func handOver(_ key: UnsafeRawPointer?) -> Bool {
        let scratch = pointee.scratch
        if !scratch.pointee.outgoing.isEmpty { scratch.flush() }
        guard let key, pointee.output.isEmpty, pointee.end == nil, pointee.sendError == nil else { return false }
        pointee.isSentByKernel = pointee.socket.sendEncrypted(with: key, by: pointee.kernel)
        return pointee.isSentByKernel
    }

    /// Sends a record of OpenSSL's, of the type it named: an alert, or a message of the handshake.
    func sendControl(_ bytes: BorrowedBytes) {
        guard pointee.sendError == nil else { return }
        var rest = bytes
        if pointee.output.isEmpty {
            switch pointee.socket.sendRecord(type: pointee.recordType, bytes) {
            case .bytes(let count): rest = bytes.slice(count, bytes.count)
            case .wouldBlock, .end: break
            case .failed(let error): return pointee.sendError = error
            }
        }
        if !rest.isEmpty { keepControl(rest) }
    }

    /// Kept with its type and length ahead of it; nothing else may be sent before it.
    private func keepControl(_ bytes: BorrowedBytes) {
        pointee.output.append(pointee.recordType)
        pointee.output.append(UInt8(bytes.count >> 8))
        pointee.output.append(UInt8(bytes.count & 0xff))
        pointee.output.append(bytes)
    }

    /// Sends the first of the records that are kept; the kernel takes it as a whole.
    func sendKeptRecord() -> IOResult {
        let kept = pointee.output.readable
        let end = 3 + Int(kept[1]) << 8 + Int(kept[2])
        let result = pointee.socket.sendRecord(type: kept[0], kept.slice(3, end))
        if case .bytes = result { return .bytes(end) }
        return result
    }

    /// Sends bytes of the caller's.
    ///
    /// The kernel counts a record as sent that it could only begin to pass on, and forgets it if the socket is closed before
    /// there is room. So if the socket turns out to be full the last byte is not counted: the caller waits for the edge, and
    /// gives it again.
    func sendByKernel(_ first: BorrowedBytes, _ second: BorrowedBytes) -> IOResult {
        if !pointee.output.isEmpty {
            guard flushKept() else { return .failed(sendFailure ?? .brokenPipe) }
            guard pointee.output.isEmpty else { return .wouldBlock }
        }
        let total = first.count + second.count
        let done = Swift.min(pointee.heldBack, total)
        pointee.heldBack -= done
        guard done < total else { return .bytes(done) }
        switch sendPlain(first, second, from: done) {
        case .bytes(let count):
            if done + count == total, isTight(count) { pointee.heldBack = 1 }
            let counted = done + count - pointee.heldBack
            return counted > 0 ? .bytes(counted) : .wouldBlock
        case .wouldBlock where done > 0: return .bytes(done)
        case .failed(let error):
            pointee.sendError = error
            return .failed(error)
        case let result: return result
        }
    }

    private func sendPlain(_ first: BorrowedBytes, _ second: BorrowedBytes, from start: Int) -> IOResult {
        guard start < first.count else { return pointee.socket.send(second.slice(start - first.count, second.count)) }
        let first = first.slice(start, first.count)
        return second.isEmpty ? pointee.socket.send(first) : pointee.socket.send(first, second)
    }

    /// Whether the kernel may hold bytes that the socket had no room for. It is asked once for some small messages.
    private func isTight(_ count: Int) -> Bool {
        pointee.sentUnasked += count
        guard pointee.sentUnasked >= TLSLimits.sentUnaskedMax else { return false }
        pointee.sentUnasked = 0
        return !pointee.socket.isWritable
    }

    /// RFC 8446 §4.6.3: a peer that changed its key may ask for a new one of ours, ahead of which we may send no data. The
    /// kernel keeps the key it was given, so the connection ends.
    func refuseNewKey() {
        pointee.end = .failed(.connectionReset)
        pointee.failure = "the peer asks for a new key, which the kernel does not take"
        pointee.recordType = UInt8(SSL3_RT_ALERT)
        let alert: [UInt8] = [UInt8(SSL3_AL_FATAL), UInt8(SSL_AD_INTERNAL_ERROR)]
        alert.withUnsafeBytes { sendControl($0) }
    }
}
