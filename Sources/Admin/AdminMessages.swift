import Bytes
import HTTP

/// What the endpoints look at in a request.
struct AdminRequest {
    var isHead = false
    var path = "/"
    var query = AdminQuery("")
    var accept = ""
    var acceptEncoding = ""

    init(path: String, query: String = "", accept: String = "", acceptEncoding: String = "") {
        self.path = path
        self.query = AdminQuery(query)
        self.accept = accept
        self.acceptEncoding = acceptEncoding
    }

    init(_ head: borrowing RequestHead) {
        self.init(
            path: head.decodedPath.text, query: head.query.text, accept: head.headers.first(.accept)?.text ?? "",
            acceptEncoding: head.headers.first(.acceptEncoding)?.text ?? "")
        isHead = head.method == .head
    }

    /// Whether JSON is asked for by name; `*/*` gets the default.
    var acceptsJSON: Bool { AcceptList.names("application/json", in: accept) }

    var acceptsGzip: Bool { AcceptList.names("gzip", in: acceptEncoding) }
}

/// Names in a list of Accept or Accept-Encoding.
enum AcceptList {
    /// Whether an element has this name and a weight above 0 (RFC 9110 §12.4.2).
    static func names(_ name: String, in list: String) -> Bool {
        list.split(separator: ",").contains { element in
            let parts = element.split(separator: ";").map { $0.filter { !$0.isWhitespace }.lowercased() }
            guard parts.first == name else { return false }
            return !parts.dropFirst().contains { $0.hasPrefix("q=") && $0.dropFirst(2).allSatisfy { $0 == "0" || $0 == "." } }
        }
    }
}

/// The parameters of a query; most names and values are plain ASCII here, so nothing is decoded unless asked for.
struct AdminQuery {
    private let pairs: [(name: Substring, value: Substring)]

    init(_ text: String) {
        pairs = text.split(separator: "&").map { pair in
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            return (parts[0], parts.count > 1 ? parts[1] : "")
        }
    }

    subscript(name: String) -> Substring? { pairs.first { $0.name == name }?.value }

    var names: [String] { pairs.map { String($0.name) } }

    /// All values of a parameter, with percent escapes and `+` decoded; a broken escape stays as it is.
    func decoded(_ name: String) -> [String] {
        pairs.filter { $0.name == name }.map { AdminQuery.decode($0.value) }
    }

    private static func decode(_ text: Substring) -> String {
        var bytes: [UInt8] = []
        var rest = text.utf8[...]
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "%"), let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16), rest.count >= 2 {
                bytes.append(value)
                rest = rest.dropFirst(2)
            } else {
                bytes.append(byte == UInt8(ascii: "+") ? UInt8(ascii: " ") : byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Whether the parameter is there and says neither `false` nor `0`.
    func isSet(_ name: String) -> Bool {
        guard let value = self[name] else { return false }
        return value != "false" && value != "0"
    }

    /// A number of 0 or more.
    ///
    /// - Returns: nil if it is something else.
    func count(_ name: String, default standard: Int) -> Int? {
        guard let text = self[name] else { return standard }
        guard let count = Int(text), count >= 0 else { return nil }
        return count
    }
}

/// What an endpoint answers.
struct AdminResponse {
    enum Body {
        case bytes([UInt8])
        case buffer(SharedBytes)
        case routes(RouteListing)
    }

    var status: UInt16 = 200
    var contentType = "text/plain; charset=utf-8"
    var fields: [(name: String, value: String)] = []
    var body: Body

    init(_ text: String, status: UInt16 = 200) {
        self.status = status
        body = .bytes(Array((text + "\n").utf8))
    }

    init(_ body: Body, contentType: String) {
        self.body = body
        self.contentType = contentType
    }
}

/// A buffer that a response can hold.
final class SharedBytes {
    let buffer: ByteBuffer

    init(_ buffer: consuming ByteBuffer) { self.buffer = buffer }
}
