import TestSupport

/// What one simulated request is to go through, and what both ends may conclude from it.
struct Plan: CustomStringConvertible {
    enum Method: String, CaseIterable {
        case get = "GET", head = "HEAD", post = "POST", put = "PUT"

        /// The proxy may send it again when nobody knows whether it arrived (RFC 9110 §9.2.2), and has all of it.
        var isRepeatable: Bool { !hasRequestBody }
        var hasRequestBody: Bool { self == .post || self == .put }
    }

    enum Framing: CaseIterable {
        case length, chunked, untilClose
    }

    /// What the origin does wrong.
    enum Fault: Equatable {
        case none
        /// The connection ends, in order or by a reset, when so many bytes of the response have gone.
        case cut(after: Int, isReset: Bool)
        case garbage
        /// No byte of a response ever comes.
        case silence
        /// So many bytes come, then none.
        case stall(after: Int)
    }

    let id: Int
    let method: Method
    let path: String
    let requestSize: Int
    let isRequestChunked: Bool
    let responseSize: Int
    let framing: Framing
    var fault: Fault
    /// 1xx responses before the final one.
    let interim: Bool
    /// The origin answers when it has read the head.
    let isEarly: Bool
    /// The origin closes behind the response, with or without a word.
    let closes: Bool
    let closesSilently: Bool
    /// The client goes away when it has had so many bytes.
    let abandonedAfter: Int?
    let requestBody: [UInt8]
    let requestBytes: [UInt8]
    let responseBody: [UInt8]
    /// As the origin sends it when nothing goes wrong.
    let responseBytes: [UInt8]

    init(id: Int, routes: [String], _ random: inout SeededRandom) {
        self.id = id
        method = random.element([.get, .get, .get, .head, .post, .post, .put])
        path = "\(random.element(routes))/\(id)"
        requestSize = method.hasRequestBody ? Plan.size(&random) : 0
        isRequestChunked = random.chance(oneIn: 2)
        responseSize = Plan.size(&random)
        framing = random.element(Framing.allCases)
        let cut = random.below(responseSize + 160)
        switch random.below(14) {
        case 0: fault = .cut(after: cut, isReset: true)
        // What ends with the connection cannot be told from what was cut by a proper end.
        case 1 where framing != .untilClose && method != .head: fault = .cut(after: cut, isReset: false)
        case 2: fault = .garbage
        case 3 where random.chance(oneIn: 3): fault = .silence
        case 4 where random.chance(oneIn: 3): fault = .stall(after: cut)
        default: fault = .none
        }
        interim = random.chance(oneIn: 8)
        isEarly = random.chance(oneIn: 8)
        closes = isEarly || random.chance(oneIn: 8)
        closesSilently = random.chance(oneIn: 10)
        abandonedAfter = random.chance(oneIn: 12) ? random.below(responseSize + 200) : nil
        requestBody = Plan.body(id, requestSize)
        responseBody = Plan.body(id + 7_919, responseSize)
        requestBytes = Plan.request(method, path, id, isRequestChunked, requestBody)
        responseBytes = Plan.response(id, interim, Plan.endsConnection(closes, framing, method), framing, method == .head ? nil : responseBody, size: responseSize)
    }

    private static func size(_ random: inout SeededRandom) -> Int {
        let limit = random.element([1, 2, 100, 5_000, 5_000, 40_000, 300_000])
        return random.below(limit)
    }

    /// Whether an answer that has begun never ends.
    var stalls: Bool {
        if case .stall = fault { return true }
        return false
    }

    var description: String {
        "\(method.rawValue) \(path), \(requestSize) bytes\(isRequestChunked ? " in chunks" : ""), for \(responseSize) \(framing), \(fault)\(interim ? ", interim" : "")\(isEarly ? ", early" : "")"
            + "\(closes ? ", closes" : "")\(closesSilently ? ", closes silently" : "")\(abandonedAfter.map { ", abandoned after \($0)" } ?? "")"
    }

    private static func request(_ method: Method, _ path: String, _ id: Int, _ isChunked: Bool, _ body: [UInt8]) -> [UInt8] {
        let head = "\(method.rawValue) \(path) HTTP/1.1\r\nHost: sim.test\r\nX-Id: \(id)\r\n"
        guard method.hasRequestBody else { return Array((head + "\r\n").utf8) }
        let framing = isChunked ? "Transfer-Encoding: chunked\r\n\r\n" : "Content-Length: \(body.count)\r\n\r\n"
        return Array((head + framing).utf8) + framed(body, isChunked: isChunked)
    }

    /// What its connection's end ends, or a word of the origin, closes the connection.
    var endsConnection: Bool { Plan.endsConnection(closes, framing, method) }

    private static func endsConnection(_ closes: Bool, _ framing: Framing, _ method: Method) -> Bool {
        closes || framing == .untilClose && method != .head
    }

    private static func response(_ id: Int, _ interim: Bool, _ ends: Bool, _ framing: Framing, _ body: [UInt8]?, size: Int) -> [UInt8] {
        var head = interim ? "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" : ""
        head += "HTTP/1.1 200 OK\r\nX-Id: \(id)\r\n"
        if ends { head += "Connection: close\r\n" }
        switch framing {
        case .length: head += "Content-Length: \(size)\r\n"
        case .chunked: head += "Transfer-Encoding: chunked\r\n"
        case .untilClose: break
        }
        return Array((head + "\r\n").utf8) + (body.map { framed($0, isChunked: framing == .chunked) } ?? [])
    }

    private static func framed(_ body: [UInt8], isChunked: Bool) -> [UInt8] {
        guard isChunked else { return body }
        var bytes: [UInt8] = []
        var index = 0
        while index < body.count {
            let count = min(body.count - index, 1 + index * 7 % 9_000)
            bytes += Array("\(String(count, radix: 16))\r\n".utf8) + body[index..<(index + count)] + Array("\r\n".utf8)
            index += count
        }
        return bytes + Array("0\r\n\r\n".utf8)
    }

    private static let noise: [UInt8] = {
        var random = SeededRandom(1)
        return (0..<400_000).map { _ in UInt8(truncatingIfNeeded: random.next()) }
    }()

    /// Bytes that no other message has at these places.
    private static func body(_ id: Int, _ count: Int) -> [UInt8] {
        let start = id * 61 % (noise.count - 300_000)
        return Array(noise[start..<(start + count)])
    }
}
