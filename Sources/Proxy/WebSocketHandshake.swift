import Bytes
import Crypto
import Filters
import HTTP

// A WebSocket's handshake differs between HTTP/1.1 (RFC 6455 §4) and HTTP/2 (RFC 8441 §5); what follows it does not.

extension UnsafeMutablePointer where Pointee == Exchange {
    /// Whether the request asks for a WebSocket and nothing else, so that a stream of HTTP/2 can carry it.
    var asksForWebSocket: Bool {
        guard pointee.filter.request.isUpgrade, pointee.filter.request.framing.isEmpty, let wanted = pointee.filter.request.headers.first(.upgrade) else { return false }
        return wanted.trimmed.equalsIgnoringCase("websocket")
    }

    /// The upstream has accepted by HTTP/2, where nothing is proved: the client gets the proof that HTTP/1.1 asks for.
    func completeWebSocketHandshake() {
        pointee.filter.response.headers.removeAll(.upgrade)
        pointee.filter.response.headers.append(.upgrade, BorrowedBytes("websocket"))
        guard let key = pointee.filter.request.headers.first(named: BorrowedBytes("sec-websocket-key")) else { return }
        WebSocketKey.answer(to: key).withUnsafeBytes { pointee.filter.response.headers.append(nameBytes: BorrowedBytes("Sec-WebSocket-Accept"), $0) }
    }
}

enum WebSocketKey {
    /// Sec-WebSocket-Accept for this Sec-WebSocket-Key, RFC 6455 §4.2.2.
    static func answer(to key: BorrowedBytes) -> [UInt8] {
        let text = Array(key) + Array("258EAFA5-E914-47DA-95CA-C5AB0DC85B11".utf8)
        return text.withUnsafeBytes { SHA1.digest($0) }.withUnsafeBytes { Base64.encode($0) }
    }
}
