/// A client that sends exactly what a test says.
public final class RawClient: WireStream {
    /// - Parameters:
    ///   - receiveBuffer: bytes the kernel may keep for a client that does not read; nil for its own choice.
    ///   - isEncrypted: nil for what the proxy on this port speaks.
    ///   - speaksHTTP1: whatever clients of the proxy on this port are to speak, `TestProtocol`.
    public init(
        port: UInt16, on loopback: Loopback = .ipv4, receiveBuffer: Int32? = nil, isEncrypted: Bool? = nil, speaksHTTP1: Bool = false
    ) throws {
        if !speaksHTTP1, isEncrypted == nil, TestProtocol.isGatewayWanted(port) {
            super.init(try HTTP2Gateway.connected(to: port, on: loopback, receiveBuffer: receiveBuffer, isEncrypted: TestScheme.isEncrypted(port)))
            return
        }
        let socket = try BlockingSocket.connected(to: port, on: loopback, receiveBuffer: receiveBuffer)
        if isEncrypted ?? TestScheme.isEncrypted(port) { try socket.encrypt() }
        super.init(socket)
    }

    /// The next response, interim ones (1xx) each by themselves.
    ///
    /// - Parameter method: of the request, since HEAD changes what follows the head.
    public func readResponse(to method: String = "GET") throws -> RawMessage {
        guard var response = try readHead() else { throw WireError.cutShort("") }
        guard response.startLine.hasPrefix("HTTP/1.1 "), response.status >= 100 else { throw WireError.malformed(response.startLine) }
        let hasBody = method != "HEAD" && response.status >= 200 && response.status != 204 && response.status != 304
        if hasBody { try readBody(of: &response, toEndIfUnknown: true) }
        return response
    }

    /// Sends a request and reads its response.
    public func exchange(_ request: String, method: String = "GET") throws -> RawMessage {
        try send(request)
        return try readResponse(to: method)
    }

    /// `GET target` on a connection of its own.
    public static func get(_ target: String, port: UInt16, host: String = "a.test", fields: String = "") throws -> RawMessage {
        try RawClient(port: port).exchange("GET \(target) HTTP/1.1\r\nHost: \(host)\r\n\(fields)Connection: close\r\n\r\n")
    }
}
