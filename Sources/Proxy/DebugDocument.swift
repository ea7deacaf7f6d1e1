import Bytes
import Filters
import HTTP
import Net
import Telemetry

/// The debug listener's answer, a JSON object; its members are Skipper's.
struct DebugDocument {
    private var text: [UInt8] = Array("{".utf8)
    /// Fields that each connection has of its own.
    private static let writtenAnew: Set = [
        "Connection", "Keep-Alive", "Proxy-Connection", "Proxy-Authenticate", "Proxy-Authorization", "Te", "Transfer-Encoding", "Upgrade", "Content-Length",
    ]

    /// The object's end.
    consuming func finished() -> [UInt8] { text + "}\n".utf8 }

    private mutating func key(_ key: String) {
        if text.last != UInt8(ascii: "{"), text.last != UInt8(ascii: "[") { text.append(UInt8(ascii: ",")) }
        key.withBytes { JSONText.appendString($0, to: &text) }
        text.append(UInt8(ascii: ":"))
    }

    mutating func add(_ name: String, _ value: String) { value.withBytes { add(name, $0) } }

    private mutating func add(_ name: String, _ value: BorrowedBytes) {
        key(name)
        JSONText.appendString(value, to: &text)
    }

    mutating func add(_ name: String, json value: [UInt8]) {
        key(name)
        text += value
    }

    /// `<name>_body`, or `<name>_error` for one that was refused; nothing for an empty one.
    mutating func add(_ name: String, _ body: DebugBody) {
        switch body {
        case .bytes(let bytes): if !bytes.isEmpty { bytes.withUnsafeBytes { add("\(name)_body", $0) } }
        case .refused(let status): add("\(name)_error", "\(status) \(Status.reason(status))")
        }
    }

    mutating func add(_ name: String, request context: FilterContext, address: SocketAddress?, host: BorrowedBytes) {
        key(name)
        text.append(UInt8(ascii: "{"))
        add("method", context.request.methodBytes)
        key("uri")
        var target = Array(context.request.path)
        if context.request.hasQuery { target += [UInt8(ascii: "?")] + context.request.query }
        target.withUnsafeBytes { JSONText.appendString($0, to: &text) }
        // An upstream is spoken to in HTTP/1.1 or above, whatever the client speaks.
        add("proto", address == nil ? HTTPVersion.http11.name.description : context.request.version.name.description)
        addFields(context.request.headers, isOutgoing: address == nil)
        if !host.isEmpty { add("host", host) }
        if let address { add("remote_address", address.description) }
        text.append(UInt8(ascii: "}"))
    }

    mutating func add(_ name: String, response context: FilterContext, status: UInt16?) {
        key(name)
        text.append(UInt8(ascii: "{"))
        if let status { add("status", json: Array("\(status)".utf8)) }
        addFields(context.response.headers)
        text.append(UInt8(ascii: "}"))
    }

    /// Every name once, with its values in order; the client's Host has a member of its own.
    ///
    /// - Parameter isOutgoing: the connection's own fields are left out, and values that may be nobody's but the upstream's.
    private mutating func addFields(_ headers: borrowing Headers, isOutgoing: Bool = false) {
        var names: [String] = []
        var values: [String: [[UInt8]]] = [:]
        for index in headers.indices where headers.isPresent(index) {
            let bytes = CanonicalFieldName.bytes(headers.name(at: index))
            let name = String(decoding: bytes, as: UTF8.self)
            if name == "Host" || isOutgoing && DebugDocument.writtenAnew.contains(name) { continue }
            if values[name] == nil { names.append(name) }
            values[name, default: []].append(isOutgoing && SecretFields.contains(name) ? Array(SecretFields.redacted.description.utf8) : Array(headers.value(at: index)))
        }
        if names.isEmpty { return }
        key("header")
        text.append(UInt8(ascii: "{"))
        for name in names.sorted() {
            key(name)
            text.append(UInt8(ascii: "["))
            for (position, value) in values[name, default: []].enumerated() {
                if position > 0 { text.append(UInt8(ascii: ",")) }
                value.withUnsafeBytes { JSONText.appendString($0, to: &text) }
            }
            text.append(UInt8(ascii: "]"))
        }
        text.append(UInt8(ascii: "}"))
    }
}
