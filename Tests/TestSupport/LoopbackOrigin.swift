import Synchronization

/// An upstream on loopback that does what a test's script says and keeps what it received.
public final class LoopbackOrigin: Sendable {
    private struct State {
        var requests: [RawMessage] = []
        var failures: [String] = []
        var connectionCount = 0
        var openConnections: [Int: BlockingSocket] = [:]
    }

    public let port: UInt16
    public let loopback: Loopback
    private let listener: BlockingSocket
    private let state = Mutex(State())

    private let isEncrypted: Bool

    /// - Parameters:
    ///   - certificate: what it shows if it speaks TLS.
    ///   - takesHTTP2: whether it chooses h2 for the connection of this number, if that is offered.
    ///   - takesLittle: neither its kernel nor its peer's keeps more than some 100 KB on the way to it.
    ///   - serve: runs once for each connection, on its own thread; the connection is closed when it returns.
    public init(
        on loopback: Loopback = .ipv4, certificate: TestAuthority.Pair? = nil, takesHTTP2: @escaping @Sendable (Int) -> Bool = { _ in false },
        takesLittle: Bool = false, serve: @escaping @Sendable (OriginConnection) throws -> Void
    ) throws {
        self.loopback = loopback
        isEncrypted = certificate != nil
        listener = try BlockingSocket.listening(.stream, on: loopback)
        if takesLittle { listener.takeLittle() }
        port = listener.port
        onThread { [listener, weak self] in
            while let socket = listener.accept() {
                guard let number = self?.opened(socket) else { return }
                onThread { [weak self] in
                    LoopbackOrigin.run(serve, certificate, takesHTTP2(number), number, socket, of: self)
                    socket.close()
                    self?.closed(number)
                }
            }
        }
    }

    /// Answers each request with the bytes that `answer` makes of it.
    public convenience init(on loopback: Loopback = .ipv4, answer: @escaping @Sendable (RawMessage) -> String) throws {
        try self.init(on: loopback, serve: { connection in
            while let request = try connection.readRequest() { try connection.send(answer(request)) }
        })
    }

    /// The ports of the last origins that ended: their proxies may still try them, and must not find the origin of another test there.
    private static let endedPorts = Mutex<[BlockingSocket]>([])

    deinit {
        listener.shutdown()
        // That gives back a port that the kernel has chosen.
        if let holder = try? BlockingSocket.bound(.stream, on: loopback, port: port) {
            LoopbackOrigin.endedPorts.withLock { ended in
                if ended.count >= 64 { ended.removeFirst() }
                ended.append(holder)
            }
        }
        state.withLock { state in state.openConnections.values.forEach { $0.shutdown() } }
    }

    /// `http://127.0.0.1:port`.
    public var url: String { "http\(isEncrypted ? "s" : "")://\(loopback.host):\(port)" }

    /// Complete requests, in the order in which they were.
    public var requests: [RawMessage] { state.withLock { $0.requests } }

    /// Connections accepted so far.
    public var connectionCount: Int { state.withLock { $0.connectionCount } }

    public var openConnectionCount: Int { state.withLock { $0.openConnections.count } }

    /// What scripts threw; a proxy that closes a connection early is among it.
    public var failures: [String] { state.withLock { $0.failures } }

    public func waitForRequests(_ count: Int) throws {
        try Patience.wait(for: "\(count) requests, found \(requests.count)") { self.requests.count >= count }
    }

    private static func run(
        _ serve: (OriginConnection) throws -> Void, _ certificate: TestAuthority.Pair?, _ takesHTTP2: Bool, _ number: Int, _ socket: BlockingSocket,
        of origin: LoopbackOrigin?
    ) {
        do {
            if let certificate { try socket.encrypt(asServer: certificate, takesHTTP2: takesHTTP2) }
            try serve(OriginConnection(socket, number: number) { [weak origin] request in
                origin?.state.withLock { $0.requests.append(request) }
            })
        } catch {
            origin?.state.withLock { $0.failures.append("\(error)") }
        }
    }

    private func opened(_ socket: BlockingSocket) -> Int {
        state.withLock { state in
            let number = state.connectionCount
            state.connectionCount += 1
            state.openConnections[number] = socket
            return number
        }
    }

    private func closed(_ number: Int) { state.withLock { $0.openConnections[number] = nil } }
}

/// One connection to a `LoopbackOrigin`.
public final class OriginConnection: WireStream {
    /// Counted from 0, in the order of accepting.
    public let number: Int
    /// Whether the handshake has chosen HTTP/2.
    public var isHTTP2: Bool { socket.choseHTTP2 }
    private let record: (RawMessage) -> Void

    init(_ socket: BlockingSocket, number: Int, record: @escaping (RawMessage) -> Void) {
        self.number = number
        self.record = record
        super.init(socket)
    }

    /// The next request with its body; nil if the connection ended instead.
    public func readRequest() throws -> RawMessage? {
        guard var request = try readHead() else { return nil }
        try readBody(of: &request, toEndIfUnknown: false)
        record(request)
        return request
    }

    /// The body of a request whose head was read.
    public func readRequestBody(of head: RawMessage) throws -> [UInt8] {
        var request = head
        try readBody(of: &request, toEndIfUnknown: false)
        return request.body
    }

    /// The next request's head, its body left to the script.
    public func readRequestHead() throws -> RawMessage? {
        guard let request = try readHead() else { return nil }
        record(request)
        return request
    }
}

extension OriginConnection {
    /// Carries bytes to a port and back until both have ended.
    public func join(with port: UInt16) throws {
        let other = try BlockingSocket.connected(to: port)
        onThread { [socket] in OriginConnection.carry(from: other, to: socket) }
        OriginConnection.carry(from: socket, to: other)
    }

    private static func carry(from source: BlockingSocket, to target: BlockingSocket) {
        while let bytes = try? source.receive(what: { "bytes" }), !bytes.isEmpty, (try? target.send(bytes[...])) != nil {}
        target.shutdown()
    }
}
