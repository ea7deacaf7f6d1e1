import Bytes
import HTTP

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

func parseRequest(_ bytes: [UInt8], _ options: HeadOptions = HeadOptions()) -> Parsed<ParsedRequest> {
    var head = RequestHead()
    switch bytes.withUnsafeBytes({ RequestParser.parse($0, into: &head, options: options) }) {
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
    var head = ResponseHead()
    switch bytes.withUnsafeBytes({ ResponseParser.parse($0, into: &head, method: method) }) {
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
