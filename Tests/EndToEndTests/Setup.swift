import TestSupport

/// A proxy in front of one scripted origin, which all requests go to.
struct Setup {
    let origin: LoopbackOrigin
    let proxy: FairwayProcess

    /// - Parameters:
    ///   - loopback: where both listen.
    ///   - filters: of the only route, each followed by `->`.
    ///   - serve: what the origin does with each connection.
    init(on loopback: Loopback = .ipv4, filters: String = "", flags: [String] = [], serve: @escaping @Sendable (OriginConnection) throws -> Void) throws {
        origin = try LoopbackOrigin(on: loopback, serve: serve)
        proxy = try FairwayProcess(routes: "all: * -> \(filters) \"\(origin.url)\"", on: loopback, flags: flags)
    }

    /// - Parameter answer: makes the bytes of the response to each request.
    init(
        on loopback: Loopback = .ipv4, filters: String = "", flags: [String] = [],
        answer: @escaping @Sendable (RawMessage) -> String = Setup.answer
    ) throws {
        try self.init(on: loopback, filters: filters, flags: flags, serve: { connection in
            while let request = try connection.readRequest() { try connection.send(answer(request)) }
        })
    }

    /// Says what was asked, so that a response shows which request it belongs to.
    static let answer: @Sendable (RawMessage) -> String = { request in ok("\(request.method) \(request.target) \(request.bodyText)") }

    func client(receiveBuffer: Int32? = nil) throws -> RawClient {
        try RawClient(port: proxy.port, on: origin.loopback, receiveBuffer: receiveBuffer)
    }

    /// A client for scenarios that hold whatever frames the requests.
    func client(_ framing: Framing) throws -> any ScenarioClient { try framing.client(port: proxy.port) }

    /// A request of an unsuspicious client gets through: the proxy lives, and what was sent before it has been dealt with.
    func isServing() throws -> Bool {
        try client().exchange(get("/still-there", fields: "Connection: close\r\n")).status == 200
    }
}

/// A 200 with a body of known length.
func ok(_ body: String, fields: String = "") -> String {
    "HTTP/1.1 200 OK\r\n\(fields)Content-Length: \(body.utf8.count)\r\n\r\n\(body)"
}

func get(_ target: String, fields: String = "") -> String { "GET \(target) HTTP/1.1\r\nHost: a.test\r\n\(fields)\r\n" }

func post(_ target: String, _ body: String, fields: String = "") -> String {
    "POST \(target) HTTP/1.1\r\nHost: a.test\r\n\(fields)Content-Length: \(body.utf8.count)\r\n\r\n\(body)"
}
