import Bytes
import Downstream
import Filters
import HTTP
import Net
import Telemetry
import Upstream

// After a 101 (RFC 9110 §7.8), or the success of a CONNECT (§9.3.6), the exchange carries bytes both ways as they come: each
// direction ends by itself, and the exchange when both have ended.

extension UnsafeMutablePointer where Pointee == Exchange {
    func startTunnel() {
        guard let client = pointee.client else { return }
        if pointee.filter.response.headers.containsToken(.connection, "close") { return fail(.upgradeClosed) }
        pointee.isTunnel = true
        pointee.phase = .responding
        pointee.sentStatus = pointee.filter.response.status
        pointee.upstreamStatus = pointee.filter.response.status
        pointee.isBodyExpected = true
        pointee.isResponseHeadSent = true
        pointee.backendDeadline = 0
        cancelTimer()
        if client.isHTTP2 { completeWebSocketHandshake() }
        client.startTunnel()
        if case .failed = pointee.server.upgrade(pointee.filter.response) { tunnelClientFailed() }
    }

    func tunnelFromClient(_ piece: BodyPiece, isLast: Bool) {
        guard let client = pointee.client else { return }
        audit("client", piece)
        if case .blocked = client.write(piece, isLast: isLast) { pointee.server.pauseRequest() }
    }

    /// The upstream's end is passed on; the client's direction ends with it, since most upgraded protocols have no
    /// half-close and a client would otherwise wait for ever for a dead upstream.
    func tunnelFromUpstream(_ piece: BodyPiece, isLast: Bool) {
        pointee.responseBytes += UInt64(piece.count)
        audit("upstream", piece)
        switch pointee.server.write(piece, isLast: isLast) {
        case .flushed: break
        case .blocked: pointee.client?.pauseResponse()
        case .failed: return tunnelClientFailed()
        }
        if isLast { end() }
    }

    /// Nothing can be sent to the client. Its connection, which does not know that yet, must forget this place: it gets the next exchange.
    private func tunnelClientFailed() {
        pointee.server.abort()
        end()
    }

    /// A line of JSON for each piece, where `-experimental-upgrade-audit` asks for it.
    private func audit(_ sender: String, _ piece: BodyPiece) {
        guard piece.count > 0, pointee.lentWorker._withUnsafeGuaranteedRef({ $0.options.auditsUpgrades }) else { return }
        var line = Array("{\"upgrade\":\"\(sender)\",\"route\":".utf8)
        (pointee.filter.route?.id ?? "").withBytes { JSONText.appendString($0, to: &line) }
        line += ",\"client\":\"\(pointee.filter.peer)\",\"data\":".utf8
        JSONText.appendString(piece.bytes, to: &line)
        line += "}\n".utf8
        _ = line.withUnsafeBytes { bytes in pointee.telemetry._withUnsafeGuaranteedRef { $0.audits.write(bytes) } }
    }
}
