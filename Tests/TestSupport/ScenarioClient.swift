/// What frames a scenario's requests; a test that says nothing of framing holds for both.
public enum Framing: String, CaseIterable, Sendable, CustomStringConvertible {
    case http1 = "HTTP/1.1", http2 = "HTTP/2"

    public var description: String { rawValue }

    public func client(port: UInt16) throws -> any ScenarioClient {
        switch self {
        case .http1: try RawClient(port: port, speaksHTTP1: true)
        case .http2: try HTTP2ScenarioClient(port: port)
        }
    }
}

/// A client of scenarios: requests are written as HTTP/1 has them, whatever frames them.
public protocol ScenarioClient {
    func send(_ request: String) throws
    /// The next response, interim ones each by themselves; throws if it is cut.
    func readResponse(to method: String) throws -> RawMessage
}

extension ScenarioClient {
    public func readResponse() throws -> RawMessage { try readResponse(to: "GET") }

    public func exchange(_ request: String, method: String = "GET") throws -> RawMessage {
        try send(request)
        return try readResponse(to: method)
    }
}

extension RawClient: ScenarioClient {}

/// Each request on a stream of its own, answered one after the other.
public final class HTTP2ScenarioClient: ScenarioClient {
    private let client: HTTP2Client
    private var stream: UInt32 = 0
    private var response = HTTP2Response()
    private var isEnded = true

    init(port: UInt16) throws { client = try HTTP2Client(port: port) }

    public func send(_ request: String) throws {
        let bytes = Array(request.utf8)
        guard let end = bytes.firstRange(of: Array("\r\n\r\n".utf8))?.upperBound else { throw WireError.malformed("no end of the head") }
        let message = try RawMessage(head: Array(bytes[..<end]))
        var fields = [(":method", message.method), (":scheme", "http"), (":authority", message.value("Host") ?? ""), (":path", message.target)]
        let connectionFields = ["host", "connection", "keep-alive", "transfer-encoding", "upgrade"]
        for field in message.fields where !connectionFields.contains(field.name.lowercased()) { fields.append((field.name.lowercased(), field.value)) }
        let body = Array(bytes[end...])
        stream = client.takeStream()
        isEnded = false
        response = HTTP2Response()
        try client.send([.headers(stream, fields, end: body.isEmpty)] + (body.isEmpty ? [] : [.data(stream, body, end: true)]))
    }

    public func readResponse(to method: String) throws -> RawMessage {
        while !isEnded {
            let frame = try client.readTelling()
            if frame.type == 7 { throw WireError.malformed("GOAWAY \(frame.number(at: 4))") }
            guard frame.stream == stream else { continue }
            let interimCount = response.interimStatuses.count
            isEnded = try client.take(frame, into: &response)
            if response.interimStatuses.count > interimCount { return try message(status: response.interimStatuses[interimCount], []) }
        }
        // RST_STREAM behind a whole response only refuses the rest of the request.
        guard response.resetCode ?? 0 == 0, response.status > 0 else { throw WireError.cutShort(response.bodyText) }
        return try message(status: response.status, response.body)
    }

    private func message(status: Int, _ body: [UInt8]) throws -> RawMessage {
        let lines = response.fields.map { "\($0.name): \($0.value)\r\n" }.joined()
        var message = try RawMessage(head: Array("HTTP/1.1 \(status) \r\n\(lines)\r\n".utf8))
        message.body = body
        message.trailers = response.trailers
        return message
    }
}
