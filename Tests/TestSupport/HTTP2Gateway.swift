import Glibc
import Synchronization

/// Whether clients of scenarios speak HTTP/1.1 or HTTP/2: with `FAIRWAY_TEST_PROTOCOL=h2` every `RawClient` of a proxy's main
/// listener goes by way of an `HTTP2Gateway`. The scenarios do not know; those about the bytes of HTTP/1 are left out.
public enum TestProtocol {
    public static let isHTTP2 = getenv("FAIRWAY_TEST_PROTOCOL").map { String(cString: $0) } == "h2"

    /// Of requests: only HTTP/1 has two.
    public static let versions = isHTTP2 ? ["HTTP/1.1"] : ["HTTP/1.1", "HTTP/1.0"]

    private static let ports = Mutex<Set<UInt16>>([])

    static func note(_ port: UInt16) { if isHTTP2 { _ = ports.withLock { $0.insert(port) } } }

    static func isGatewayWanted(_ port: UInt16) -> Bool { isHTTP2 && ports.withLock { $0.contains(port) } }
}

/// One connection of a client that speaks HTTP/1.1, on behalf of which a proxy is spoken with by HTTP/2: each request goes as
/// a stream. Nothing is kept on the way but what the sockets keep, so that who waits for whom stays as it was.
final class HTTP2Gateway: @unchecked Sendable {
    // Unchecked: one thread reads the client, another the proxy; what both touch is in `shared`.
    private struct Shared {
        /// Of the request under way; 0 between two.
        var stream: UInt32 = 0
        var method = ""
        var isUpgrade = false
        /// The upgrade was accepted.
        var isTunnel = false
        var closesAfter = false
        var connectionWindow = 65_535
        var streamWindow = 65_535
        var initialWindow = 65_535
        var isGoingAway = false
        /// Nothing follows in either direction.
        var isOver = false
        /// The proxy takes no more of the request.
        var isRequestUnwanted = false
    }

    private let client: WireStream
    private let proxy: WireStream
    private let shared = Monitor(Shared())
    private let sending = Mutex(())
    private var nextStream: UInt32 = 1

    /// Gives a client's socket to the proxy on this port.
    static func connected(to port: UInt16, on loopback: Loopback, receiveBuffer: Int32?, isEncrypted: Bool) throws -> BlockingSocket {
        let proxy = try BlockingSocket.connected(to: port, on: loopback, receiveBuffer: receiveBuffer)
        if isEncrypted { try proxy.encrypt() }
        let listener = try BlockingSocket.listening(.stream)
        let near = try BlockingSocket.connected(to: listener.port, receiveBuffer: receiveBuffer)
        // The port was somebody's before, whom a proxy under test may still try to reach.
        var far: BlockingSocket
        repeat {
            guard let accepted = listener.accept() else { throw SocketFailure("accept") }
            far = accepted
        } while far.peerPort != near.port
        if receiveBuffer != nil { far.keepLittle() }
        let gateway = HTTP2Gateway(WireStream(far), WireStream(proxy))
        try gateway.start()
        return near
    }

    private init(_ client: WireStream, _ proxy: WireStream) {
        self.client = client
        self.proxy = proxy
    }

    private func start() throws {
        try proxy.send(HTTP2Client.preface + HTTP2Frame.settings().bytes)
        onThread { [self] in
            do { try carryRequests() } catch { cut(error) }
        }
        onThread { [self] in
            do { try carryResponses() } catch { end(isClean: shared.withLock { $0.stream == 0 }) }
        }
    }

    private func send(_ frames: HTTP2Frame...) throws { try sending.withLock { _ in try proxy.send(frames.flatMap(\.bytes)) } }

    private func wait(until isTrue: (inout Shared) -> Bool) {
        shared.wait { $0.isOver || isTrue(&$0) }
    }

    // MARK: Requests

    private func carryRequests() throws {
        while let request = try client.readHead() {
            wait { $0.stream == 0 }
            let isOver = shared.withLock { $0.isOver || $0.closesAfter }
            if isOver { return }
            try carry(request)
        }
        // A client that has said all still wants its answer.
        wait { $0.stream == 0 }
        end(isClean: true)
    }

    private func carry(_ request: RawMessage) throws {
        let stream = nextStream
        nextStream += 2
        let isUpgrade = request.value("Upgrade")?.lowercased() == "websocket" && request.hasToken("upgrade", in: "Connection")
        shared.withLock {
            $0.stream = stream
            $0.method = request.method
            $0.isUpgrade = isUpgrade
            $0.streamWindow = $0.initialWindow
            $0.closesAfter = request.hasToken("close", in: "Connection") || request.startLine.hasSuffix("HTTP/1.0")
            $0.isRequestUnwanted = false
        }
        let hasBody: Bool = switch request.framing {
        case .length(let count): count > 0
        case .chunked: true
        case .unknown: false
        }
        try send(.headers(stream, HTTP2Gateway.fields(of: request, isUpgrade: isUpgrade), end: !hasBody && !isUpgrade))
        if isUpgrade { return try carryTunnel(stream) }
        switch request.framing {
        case .length(let count) where count > 0: try carry(count, stream, isLast: true)
        case .chunked: try carryChunks(stream)
        default: break
        }
    }

    private static func fields(of request: RawMessage, isUpgrade: Bool) -> [(String, String)] {
        var authority = request.value("Host") ?? ""
        var path = request.target
        if let scheme = path.firstRange(of: "://") {
            let rest = path[scheme.upperBound...]
            authority = String(rest.prefix { $0 != "/" && $0 != "?" })
            path = String(rest.dropFirst(authority.count))
            if !path.hasPrefix("/") { path = "/" + path }
        }
        var fields = [(":method", isUpgrade ? "CONNECT" : request.method), (":scheme", "http"), (":authority", authority), (":path", path)]
        if isUpgrade { fields.insert((":protocol", "websocket"), at: 1) }
        let nominated = request.values("Connection").joined(separator: ",").lowercased().split(separator: ",").map { String($0.drop { $0 == " " }) }
        let left = ["host", "connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade", "sec-websocket-key"] + nominated.filter { $0 != "te" }
        for field in request.fields where !left.contains(field.name.lowercased()) {
            if field.name.lowercased() == "te", field.value != "trailers" { continue }
            fields.append((field.name.lowercased(), field.value))
        }
        return fields
    }

    private func carry(_ count: Int, _ stream: UInt32, isLast: Bool) throws {
        var left = count
        while left > 0 {
            let piece = try client.readSome(upTo: min(left, 16_384))
            guard !piece.isEmpty else { return try leave(stream) }
            left -= piece.count
            try sendData(piece, stream, isLast: isLast && left == 0)
        }
    }

    private func carryChunks(_ stream: UInt32) throws {
        while true {
            let line = try client.read(through: "\r\n").dropLast(1)
            guard let size = Int(line.prefix { $0 != ";" }, radix: 16) else { throw WireError.malformed(String(line)) }
            if size == 0 { break }
            try carry(size, stream, isLast: false)
            _ = try client.readExactly(2)
        }
        var trailers: [(String, String)] = []
        while true {
            let line = try client.read(through: "\r\n")
            if line == "\r\n" { break }
            let field = try RawMessage.field(String(line.dropLast(1)))
            trailers.append((field.name.lowercased(), field.value))
        }
        guard !shared.withLock({ $0.isRequestUnwanted || $0.isOver }) else { return }
        if trailers.isEmpty { try send(.data(stream, [], end: true)) } else { try send(.headers(stream, trailers)) }
    }

    private func carryTunnel(_ stream: UInt32) throws {
        wait { $0.stream == 0 || $0.isTunnel }
        guard shared.withLock({ $0.isTunnel }) else { return }
        while true {
            let piece = try client.readSome(upTo: 16_384)
            try sendData(piece, stream, isLast: piece.isEmpty)
            if piece.isEmpty { break }
        }
        wait { $0.stream == 0 }
        end(isClean: true)
    }

    private func sendData(_ bytes: [UInt8], _ stream: UInt32, isLast: Bool) throws {
        var rest = bytes[...]
        repeat {
            var room = 0
            wait { state in
                if state.isRequestUnwanted { return true }
                room = min(rest.count, state.connectionWindow, state.streamWindow)
                guard room > 0 || rest.isEmpty else { return false }
                state.connectionWindow -= room
                state.streamWindow -= room
                return true
            }
            if shared.withLock({ $0.isRequestUnwanted || $0.isOver }) { return }
            let piece = Array(rest.prefix(room))
            rest = rest.dropFirst(room)
            try send(.data(stream, piece, end: isLast && rest.isEmpty))
        } while !rest.isEmpty
    }

    /// The client has gone in the middle of its request.
    private func leave(_ stream: UInt32) throws {
        try send(.reset(stream, 8))
        end(isClean: false)
    }

    /// What the client sent was broken off, or makes no sense.
    private func cut(_ error: any Error) {
        let stream = shared.withLock { $0.stream }
        if stream != 0 { try? send(.reset(stream, 8)) }
        end(isClean: true)
    }

    // MARK: Responses

    private func carryResponses() throws {
        let frames = HTTP2Wire(proxy)
        var isChunked = false
        var hasHead = false
        while true {
            let frame = try frames.readFrame()
            let (current, method) = shared.withLock { ($0.stream, $0.method) }
            switch frame.type {
            case 0 where frame.stream == current:
                try deliver(frame.payload, isChunked: isChunked)
                if !frame.payload.isEmpty {
                    try send(.windowUpdate(0, UInt32(frame.payload.count)))
                    if !frame.endsStream { try send(.windowUpdate(frame.stream, UInt32(frame.payload.count))) }
                }
                if frame.endsStream { try finish(isChunked ? "0\r\n\r\n" : "", &hasHead) }
            case 0: if !frame.payload.isEmpty { try send(.windowUpdate(0, UInt32(frame.payload.count))) }
            case 1:
                let fields = try frames.fields(frame)
                guard frame.stream == current else { continue }
                if hasHead {
                    try finish("0\r\n" + fields.map { "\($0)\r\n" }.joined() + "\r\n", &hasHead)
                    continue
                }
                let head = Head(fields, method, endsStream: frame.endsStream, isUpgrade: shared.withLock { $0.isUpgrade }, closes: shared.withLock { $0.isGoingAway || $0.closesAfter })
                try client.send(head.text)
                guard head.status >= 200 || head.isTunnel else { continue }
                (hasHead, isChunked) = (true, head.isChunked)
                shared.withLock {
                    if head.status >= 200 { $0.isUpgrade = false }
                    if head.isTunnel { $0.isTunnel = true }
                }
                if frame.endsStream { try finish("", &hasHead) }
            case 3 where frame.stream == current:
                // Behind a whole response it only refuses the rest of the request.
                return end(isClean: false)
            // Of an earlier stream; the next request may be under way.
            case 3: continue
            case 4 where frame.flags & 1 == 0:
                apply(frame)
                try send(.settingsAcknowledged)
            case 6 where frame.flags & 1 == 0: try send(HTTP2Frame(type: 6, flags: 1, frame.payload))
            case 7: shared.withLock { $0.isGoingAway = true }
            case 8:
                let count = Int(frame.number(at: 0))
                shared.withLock { if frame.stream == 0 { $0.connectionWindow += count } else if frame.stream == $0.stream { $0.streamWindow += count } }
            default: continue
            }
        }
    }

    private func deliver(_ bytes: [UInt8], isChunked: Bool) throws {
        if bytes.isEmpty { return }
        if isChunked { try client.send(String(bytes.count, radix: 16) + "\r\n") }
        try client.send(bytes)
        if isChunked { try client.send("\r\n") }
    }

    private func finish(_ text: String, _ hasHead: inout Bool) throws {
        hasHead = false
        try client.send(text)
        let isLast = shared.withLock { state in
            state.stream = 0
            state.isRequestUnwanted = true
            return state.closesAfter || state.isUpgrade
        }
        if isLast { end(isClean: true) }
    }

    private func apply(_ frame: HTTP2Frame) {
        for start in stride(from: 0, to: frame.payload.count, by: 6) where frame.payload[start + 1] == 4 {
            let size = Int(frame.number(at: start + 2))
            shared.withLock {
                $0.streamWindow += size - $0.initialWindow
                $0.initialWindow = size
            }
        }
    }

    private func end(isClean: Bool) {
        let isFirst = shared.withLock { state in
            defer { state.isOver = true }
            return !state.isOver
        }
        guard isFirst else { return }
        proxy.close()
        if isClean { client.close() } else { client.abort() }
    }

    /// A response's head as HTTP/1 has it.
    private struct Head {
        private static let reasons = [
            100: "Continue", 101: "Switching Protocols", 102: "Processing", 103: "Early Hints", 200: "OK", 204: "No Content", 304: "Not Modified", 404: "Not Found",
        ]

        let status: Int
        let isChunked: Bool
        let isTunnel: Bool
        let text: String

        init(_ fields: [RawMessage.Field], _ method: String, endsStream: Bool, isUpgrade: Bool, closes: Bool) {
            let told = fields.first { $0.name == ":status" }.flatMap { Int($0.value) } ?? 0
            isTunnel = isUpgrade && (200..<300).contains(told)
            status = isTunnel ? 101 : told
            let hasLength = fields.contains { $0.name == "content-length" }
            let isBodiless = told < 200 || told == 204 || told == 304 || method == "HEAD"
            isChunked = !isBodiless && !endsStream && !hasLength && !isTunnel
            var lines = fields.filter { !$0.name.hasPrefix(":") }.map(\.description)
            if isTunnel { lines += ["Connection: Upgrade", "Upgrade: websocket"] }
            if isChunked { lines.append("Transfer-Encoding: chunked") }
            if endsStream, !isBodiless, !hasLength { lines.append("Content-Length: 0") }
            if closes, told >= 200, !isTunnel { lines.append("Connection: close") }
            text = "HTTP/1.1 \(status) \(Head.reasons[status] ?? "X")\r\n" + lines.map { "\($0)\r\n" }.joined() + "\r\n"
        }
    }
}
