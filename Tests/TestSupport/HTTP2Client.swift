import CNGHTTP2

/// One frame as it came over the wire.
public struct HTTP2Frame: Sendable, Equatable, CustomStringConvertible {
    public let type: UInt8, flags: UInt8, stream: UInt32
    public let payload: [UInt8]

    public init(type: UInt8, flags: UInt8 = 0, stream: UInt32 = 0, _ payload: [UInt8] = []) {
        (self.type, self.flags, self.stream, self.payload) = (type, flags, stream, payload)
    }

    public var bytes: [UInt8] {
        let length = payload.count
        return [UInt8(length >> 16), UInt8(length >> 8 & 255), UInt8(length & 255), type, flags] + HTTP2Frame.number(stream) + payload
    }

    public static func number(_ value: UInt32) -> [UInt8] { [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: value >> $0) } }

    public func number(at offset: Int) -> UInt32 { payload[offset..<offset + 4].reduce(0) { $0 << 8 | UInt32($1) } }

    private static let names = ["DATA", "HEADERS", "PRIORITY", "RST_STREAM", "SETTINGS", "PUSH_PROMISE", "PING", "GOAWAY", "WINDOW_UPDATE", "CONTINUATION"]

    public var name: String { Int(type) < HTTP2Frame.names.count ? HTTP2Frame.names[Int(type)] : "\(type)" }

    public var description: String { "\(name)(\(stream), flags \(flags), \(payload.count) bytes)" }

    public var endsStream: Bool { flags & 1 != 0 }

    // MARK: Making

    public static func settings(_ values: [(UInt16, UInt32)] = []) -> HTTP2Frame {
        HTTP2Frame(type: 4, values.flatMap { [UInt8($0.0 >> 8), UInt8($0.0 & 255)] + number($0.1) })
    }

    public static let settingsAcknowledged = HTTP2Frame(type: 4, flags: 1)

    public static func data(_ stream: UInt32, _ bytes: [UInt8], end: Bool = false) -> HTTP2Frame { HTTP2Frame(type: 0, flags: end ? 1 : 0, stream: stream, bytes) }

    public static func windowUpdate(_ stream: UInt32, _ count: UInt32) -> HTTP2Frame { HTTP2Frame(type: 8, stream: stream, number(count)) }

    public static func reset(_ stream: UInt32, _ code: UInt32) -> HTTP2Frame { HTTP2Frame(type: 3, stream: stream, number(code)) }

    public static func ping(_ text: String, acknowledges: Bool = false) -> HTTP2Frame { HTTP2Frame(type: 6, flags: acknowledges ? 1 : 0, Array(text.utf8)) }

    public static func headers(_ stream: UInt32, _ fields: [(String, String)], end: Bool = true) -> HTTP2Frame {
        HTTP2Frame(type: 1, flags: end ? 5 : 4, stream: stream, block(fields))
    }

    /// Literals that are not indexed, without Huffman: a block says what its bytes say.
    public static func block(_ fields: [(String, String)]) -> [UInt8] {
        func text(_ value: String) -> [UInt8] {
            let bytes = Array(value.utf8)
            if bytes.count < 127 { return [UInt8(bytes.count)] + bytes }
            var rest = bytes.count - 127
            var length: [UInt8] = [127]
            while rest >= 128 {
                length.append(UInt8(rest & 127 | 128))
                rest >>= 7
            }
            return length + [UInt8(rest)] + bytes
        }
        return fields.flatMap { [0] + text($0.0) + text($0.1) }
    }

    /// What a GET needs.
    public static func get(_ path: String = "/", more: [(String, String)] = []) -> [(String, String)] {
        [(":method", "GET"), (":scheme", "http"), (":authority", "a.test"), (":path", path)] + more
    }

    public static func post(_ path: String = "/", more: [(String, String)] = []) -> [(String, String)] {
        [(":method", "POST"), (":scheme", "http"), (":authority", "a.test"), (":path", path)] + more
    }
}

/// Reads header blocks of one direction of a connection.
final class HeaderBlockReader {
    private let inflater: OpaquePointer

    init() {
        var inflater: OpaquePointer?
        nghttp2_hd_inflate_new(&inflater)
        self.inflater = inflater!
    }

    deinit { nghttp2_hd_inflate_del(inflater) }

    func read(_ block: [UInt8]) throws -> [RawMessage.Field] {
        var fields: [RawMessage.Field] = []
        var rest = block[...]
        while true {
            var field = nghttp2_nv()
            var flags: Int32 = 0
            let count = Array(rest).withUnsafeBufferPointer { nghttp2_hd_inflate_hd2(inflater, &field, &flags, $0.baseAddress, $0.count, 1) }
            guard count >= 0 else { throw WireError.malformed("a header block: \(count)") }
            rest = rest.dropFirst(count)
            if flags & 2 != 0 {
                fields.append(RawMessage.Field(
                    String(decoding: UnsafeBufferPointer(start: field.name, count: field.namelen), as: UTF8.self),
                    String(decoding: UnsafeBufferPointer(start: field.value, count: field.valuelen), as: UTF8.self)))
            }
            if flags & 1 != 0 {
                nghttp2_hd_inflate_end_headers(inflater)
                return fields
            }
        }
    }
}

/// A response as its stream brought it.
public struct HTTP2Response: Sendable {
    public var status = 0
    public var interimStatuses: [Int] = []
    public var fields: [RawMessage.Field] = []
    public var body: [UInt8] = []
    public var trailers: [RawMessage.Field] = []
    /// The code of the RST_STREAM that ended it.
    public var resetCode: UInt32?

    public init() {}

    public var bodyText: String { String(decoding: body, as: UTF8.self) }
    public func value(_ name: String) -> String? { fields.first { $0.name == name }?.value }
}

/// Frames over one connection, sent exactly as a test says.
public class HTTP2Wire<Stream: WireStream> {
    public let wire: Stream
    private let blocks = HeaderBlockReader()

    init(_ wire: Stream) { self.wire = wire }

    public func send(_ frames: HTTP2Frame...) throws { try wire.send(frames.flatMap(\.bytes)) }
    public func send(_ frames: [HTTP2Frame]) throws { try wire.send(frames.flatMap(\.bytes)) }

    public func readFrame() throws -> HTTP2Frame {
        let head = try wire.readExactly(9)
        let length = Int(head[0]) << 16 | Int(head[1]) << 8 | Int(head[2])
        let stream = head[5...8].reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
        return HTTP2Frame(type: head[3], flags: head[4], stream: stream, length > 0 ? try wire.readExactly(length) : [])
    }

    /// The next frame that is neither SETTINGS nor WINDOW_UPDATE.
    public func readTelling() throws -> HTTP2Frame {
        while true {
            let frame = try readFrame()
            if frame.type != 4, frame.type != 8 { return frame }
        }
    }

    public func fields(_ frame: HTTP2Frame) throws -> [RawMessage.Field] { try blocks.read(frame.payload) }

    /// Frames up to the first of this type.
    public func read(until type: UInt8) throws -> HTTP2Frame {
        while true {
            let frame = try readFrame()
            if frame.type == 1, type != 1 { _ = try fields(frame) }
            if frame.type == type { return frame }
        }
    }
}

/// A client with prior knowledge.
public final class HTTP2Client: HTTP2Wire<RawClient> {
    public static let preface = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)

    public private(set) var nextStream: UInt32 = 1

    /// - Parameter settings: nil to send nothing at first, not even the preface.
    public init(port: UInt16, settings: [(UInt16, UInt32)]? = [], receiveBuffer: Int32? = nil) throws {
        super.init(try RawClient(port: port, receiveBuffer: receiveBuffer, speaksHTTP1: true))
        if let settings { try wire.send(HTTP2Client.preface + HTTP2Frame.settings(settings).bytes) }
    }

    public func takeStream() -> UInt32 {
        defer { nextStream += 2 }
        return nextStream
    }

    /// Reads one stream to its end; frames of others must not come meanwhile. Windows are given back as bytes come.
    public func readResponse(_ stream: UInt32, creditsWindow: Bool = true) throws -> HTTP2Response {
        var response = HTTP2Response()
        while true {
            let frame = try readTelling()
            if frame.type == 7 { throw WireError.malformed("GOAWAY \(frame.number(at: 4))") }
            guard frame.stream == stream else { continue }
            if try take(frame, into: &response, creditsWindow: creditsWindow) { return response }
        }
    }

    /// - Returns: whether the stream has ended.
    public func take(_ frame: HTTP2Frame, into response: inout HTTP2Response, creditsWindow: Bool = true) throws -> Bool {
        switch frame.type {
        case 0:
            response.body += frame.payload
            if creditsWindow, !frame.payload.isEmpty {
                try send(.windowUpdate(0, UInt32(frame.payload.count)))
                if !frame.endsStream { try send(.windowUpdate(frame.stream, UInt32(frame.payload.count))) }
            }
        case 1:
            let fields = try fields(frame)
            let status = fields.first { $0.name == ":status" }.flatMap { Int($0.value) }
            if let status, status < 200 {
                response.interimStatuses.append(status)
            } else if let status {
                response.status = status
                response.fields = fields.filter { !$0.name.hasPrefix(":") }
            } else {
                response.trailers = fields
            }
        case 3:
            if response.resetCode == nil { response.resetCode = frame.number(at: 0) }
            return true
        default: return false
        }
        return frame.endsStream
    }

    /// Sends a request and reads its response.
    public func exchange(_ fields: [(String, String)], body: String? = nil, trailers: [(String, String)] = []) throws -> HTTP2Response {
        let stream = takeStream()
        var frames = [HTTP2Frame.headers(stream, fields, end: body == nil && trailers.isEmpty)]
        if let body { frames.append(.data(stream, Array(body.utf8), end: trailers.isEmpty)) }
        if !trailers.isEmpty { frames.append(.headers(stream, trailers)) }
        try send(frames)
        return try readResponse(stream)
    }
}

/// An upstream's side of a connection: what a test's script makes of it.
public final class HTTP2OriginConnection: HTTP2Wire<OriginConnection> {
    /// A request as its frames brought it.
    public struct Request: Sendable {
        public let stream: UInt32
        public let fields: [RawMessage.Field]
        public var body: [UInt8] = []
        public var trailers: [RawMessage.Field] = []

        public func value(_ name: String) -> String? { fields.first { $0.name == name }?.value }
        public var path: String { value(":path") ?? "" }
    }

    private var open: [UInt32: Request] = [:]

    public init(_ connection: OriginConnection, settings: [(UInt16, UInt32)] = []) throws {
        super.init(connection)
        guard try wire.readExactly(24) == HTTP2Client.preface else { throw WireError.malformed("no preface") }
        try send(.settings(settings), .settingsAcknowledged)
    }

    /// The next request that is complete; nil at the end of the connection. Windows are given back as bytes come.
    public func readRequest() throws -> Request? {
        while true {
            let frame: HTTP2Frame
            do { frame = try readFrame() } catch WireError.cutShort { return nil }
            switch frame.type {
            case 0:
                open[frame.stream]?.body += frame.payload
                if !frame.payload.isEmpty { try send(.windowUpdate(0, UInt32(frame.payload.count)), .windowUpdate(frame.stream, UInt32(frame.payload.count))) }
            case 1:
                let fields = try fields(frame)
                if open[frame.stream] != nil { open[frame.stream]?.trailers = fields } else { open[frame.stream] = Request(stream: frame.stream, fields: fields) }
            case 3: open[frame.stream] = nil
            case 6 where frame.flags == 0: try send(HTTP2Frame(type: 6, flags: 1, frame.payload))
            default: continue
            }
            if frame.type <= 1, frame.endsStream, let request = open.removeValue(forKey: frame.stream) { return request }
        }
    }

    public func answer(_ request: Request, _ text: String, fields: [(String, String)] = [], trailers: [(String, String)] = []) throws {
        try send(.headers(request.stream, [(":status", "200")] + fields, end: false), .data(request.stream, Array(text.utf8), end: trailers.isEmpty))
        if !trailers.isEmpty { try send(.headers(request.stream, trailers)) }
    }
}
