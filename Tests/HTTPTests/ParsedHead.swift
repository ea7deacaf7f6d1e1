import Bytes
import HTTP
import Testing

/// What a request head came to, as plain values that compare.
struct ParsedRequest: Equatable, CustomStringConvertible {
    var method = "", target = "", path = "", decodedPath = "", matchPath = "", query: String?, host = "", scheme = ""
    var version = HTTPVersion.http11
    var framing = BodyFraming.none
    var isPersistent = true, expectsContinue = false, isUpgrade = false, isAsterisk = false
    var fields: [String] = []

    var description: String { "\(method) \(path) at \(host), \(framing), \(fields)" }
}

/// A parser's whole answer: the head and its length, nothing yet, or a refusal.
enum Parsed<Head: Equatable>: Equatable {
    case needMore
    case complete(Head, count: Int)
    case failed(HTTPError)
}

/// What lies behind the bytes must not show, whether the parser may read it or not.
private func withTailroom<Head>(_ bytes: [UInt8], _ parse: (BorrowedBytes, Int) -> Parsed<Head>) -> Parsed<Head> {
    let alone = bytes.withUnsafeBytes { parse($0, 0) }
    for behind in ["\r\n\r\n", ": x\r\n\r\n", "t: x\r\nAccept: y\r\n\r\n"] {
        let room = bytes + Array((behind + String(repeating: "a", count: 64)).utf8)
        let before = room.withUnsafeBytes { parse($0.slice(0, bytes.count), 64) }
        #expect(before == alone, "before \(behind.debugDescription): \(String(decoding: bytes, as: UTF8.self).debugDescription)")
    }
    return alone
}

func parseRequest(_ bytes: [UInt8], _ options: HeadOptions = HeadOptions()) -> Parsed<ParsedRequest> {
    withTailroom(bytes) { parseRequest($0, options, tailroom: $1) }
}

private func parseRequest(_ bytes: BorrowedBytes, _ options: HeadOptions, tailroom: Int) -> Parsed<ParsedRequest> {
    var head = RequestHead()
    switch RequestParser.parse(bytes, into: &head, options: options, tailroom: tailroom) {
    case .needMore: return .needMore
    case .failed(let error): return .failed(error)
    case .complete(let count): return .complete(describe(head), count: count)
    }
}

func parseRequest(_ text: String, _ options: HeadOptions = HeadOptions()) -> Parsed<ParsedRequest> { parseRequest(Array(text.utf8), options) }

func describe(_ head: borrowing RequestHead) -> ParsedRequest {
    var parsed = ParsedRequest()
    parsed.method = head.methodBytes.text
    parsed.target = head.target.text
    parsed.path = head.path.text
    parsed.decodedPath = head.decodedPath.text
    parsed.matchPath = head.matchPath.text
    parsed.query = head.hasQuery ? head.query.text : nil
    parsed.host = head.host.text
    parsed.scheme = head.scheme.text
    parsed.version = head.version
    parsed.framing = head.framing
    parsed.isPersistent = head.isPersistent
    parsed.expectsContinue = head.expectsContinue
    parsed.isUpgrade = head.isUpgrade
    parsed.isAsterisk = head.isAsterisk
    parsed.fields = describe(head.headers)
    return parsed
}

/// `name: value` of the fields that are present.
func describe(_ headers: borrowing Headers) -> [String] {
    var fields: [String] = []
    for index in headers.indices where headers.isPresent(index) {
        fields.append("\(headers.name(at: index).text): \(headers.value(at: index).text)")
    }
    return fields
}

struct ParsedResponse: Equatable {
    var status: UInt16 = 0, reason = "", version = HTTPVersion.http11
    var framing = BodyFraming.none
    var declaredLength: UInt64?
    var isPersistent = true
    var fields: [String] = []
}

func parseResponse(_ bytes: [UInt8], to method: Method = .get) -> Parsed<ParsedResponse> {
    withTailroom(bytes) { parseResponse($0, to: method, tailroom: $1) }
}

private func parseResponse(_ bytes: BorrowedBytes, to method: Method, tailroom: Int) -> Parsed<ParsedResponse> {
    var head = ResponseHead()
    switch ResponseParser.parse(bytes, into: &head, method: method, tailroom: tailroom) {
    case .needMore: return .needMore
    case .failed(let error): return .failed(error)
    case .complete(let count):
        let parsed = ParsedResponse(
            status: head.status, reason: head.reason.text, version: head.version, framing: head.framing, declaredLength: head.declaredLength,
            isPersistent: head.isPersistent, fields: describe(head.headers))
        return .complete(parsed, count: count)
    }
}

func parseResponse(_ text: String, to method: Method = .get) -> Parsed<ParsedResponse> { parseResponse(Array(text.utf8), to: method) }
