/// A request or response as it came over the wire, taken apart by rules of the tests' own.
public struct RawMessage: Sendable {
    public struct Field: Sendable, Equatable, CustomStringConvertible {
        public let name: String, value: String

        public init(_ name: String, _ value: String) { (self.name, self.value) = (name, value) }

        public var description: String { "\(name): \(value)" }

        /// Names in any case, RFC 9110 §5.1.
        public static func == (left: Field, right: Field) -> Bool { left.name.lowercased() == right.name.lowercased() && left.value == right.value }
    }

    public let startLine: String
    public let fields: [Field]
    public internal(set) var body: [UInt8] = []
    /// The sizes of the chunks; empty if the body was not chunked.
    public internal(set) var chunkSizes: [Int] = []
    public internal(set) var trailers: [Field] = []

    /// - Parameter head: up to and with the empty line.
    init(head: [UInt8]) throws {
        var lines = try RawMessage.lines(head)
        guard !lines.isEmpty else { throw WireError.malformed("an empty head") }
        startLine = lines.removeFirst()
        fields = try lines.map(RawMessage.field)
    }

    /// Lines that end in CRLF, the empty one at the end left out.
    static func lines(_ bytes: [UInt8]) throws -> [String] {
        var lines: [String] = []
        var start = 0
        while start < bytes.count {
            guard let end = bytes[start...].firstIndex(of: 0x0A), end > start, bytes[end - 1] == 0x0D else {
                throw WireError.malformed(String(decoding: bytes, as: UTF8.self))
            }
            if end - 1 > start { lines.append(String(decoding: bytes[start..<(end - 1)], as: UTF8.self)) }
            start = end + 1
        }
        return lines
    }

    static func field(_ line: String) throws -> Field {
        guard let colon = line.firstIndex(of: ":"), colon != line.startIndex else { throw WireError.malformed(line) }
        let value = line[line.index(after: colon)...]
        return Field(String(line[..<colon]), String(value.drop { $0 == " " }))
    }

    public var bodyText: String { String(decoding: body, as: UTF8.self) }

    /// The first value of a field of this name, in any case.
    public func value(_ name: String) -> String? { values(name).first }

    public func values(_ name: String) -> [String] {
        fields.filter { $0.name.lowercased() == name.lowercased() }.map(\.value)
    }

    public func hasToken(_ token: String, in name: String) -> Bool {
        values(name).joined(separator: ",").lowercased().split(separator: ",").contains { $0.drop { $0 == " " } == token.lowercased() }
    }

    private var words: [Substring] { startLine.split(separator: " ", maxSplits: 2, omittingEmptySubsequences: false) }

    // MARK: Of requests

    public var method: String { String(words[0]) }
    public var target: String { words.count > 1 ? String(words[1]) : "" }

    // MARK: Of responses

    /// 0 if the start line has none.
    public var status: Int { words.count > 1 ? Int(words[1]) ?? 0 : 0 }

    var framing: Framing {
        if hasToken("chunked", in: "Transfer-Encoding") { return .chunked }
        return value("Content-Length").flatMap { Int($0) }.map { .length($0) } ?? .unknown
    }

    enum Framing {
        case length(Int), chunked, unknown
    }
}

/// What went wrong with the bytes a test received.
public enum WireError: Error, CustomStringConvertible {
    case malformed(String)
    /// The connection ended in the middle; what had come.
    case cutShort(String)
    case reset(String)

    public var description: String {
        switch self {
        case .malformed(let text): "malformed: \(text.debugDescription)"
        case .cutShort(let text): "the connection ended in the middle, after \(text.debugDescription)"
        case .reset(let text): "the connection was reset, after \(text.debugDescription)"
        }
    }
}
