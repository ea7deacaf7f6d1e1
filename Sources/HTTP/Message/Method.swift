import Bytes

/// A request method; those outside RFC 9110 §9 and PATCH are `.other`, their text stands in the head.
public enum Method: UInt8, Sendable {
    case get, head, post, put, delete, patch, options, connect, trace, other

    /// Case-sensitive, RFC 9110 §9.1.
    @inline(__always)
    init(_ bytes: UnsafeRawBufferPointer) {
        if bytes.count == 3, bytes[0] == UInt8(ascii: "G"), bytes[1] == UInt8(ascii: "E"), bytes[2] == UInt8(ascii: "T") {
            self = .get
            return
        }
        switch bytes.count {
        case 3: self = bytes.equals("PUT") ? .put : .other
        case 4: self = bytes.equals("HEAD") ? .head : bytes.equals("POST") ? .post : .other
        case 5: self = bytes.equals("PATCH") ? .patch : bytes.equals("TRACE") ? .trace : .other
        case 6: self = bytes.equals("DELETE") ? .delete : .other
        case 7: self = bytes.equals("OPTIONS") ? .options : bytes.equals("CONNECT") ? .connect : .other
        default: self = .other
        }
    }

    /// The method's text, "" for `.other`.
    public var name: StaticString {
        switch self {
        case .get: "GET"
        case .head: "HEAD"
        case .post: "POST"
        case .put: "PUT"
        case .delete: "DELETE"
        case .patch: "PATCH"
        case .options: "OPTIONS"
        case .connect: "CONNECT"
        case .trace: "TRACE"
        case .other: ""
        }
    }

    /// Asks for nothing to be changed, RFC 9110 §9.2.1: the proxy may send it again when a reused connection turns out closed.
    @inline(__always)
    public var isSafe: Bool {
        switch self {
        case .get, .head, .options, .trace: true
        default: false
        }
    }
}

/// The protocol version of an HTTP/1 message, or that its stream is HTTP/2.
public enum HTTPVersion: UInt8, Sendable {
    case http10, http11, http2

    /// As it stands in the access log.
    public var name: StaticString {
        switch self {
        case .http10: "HTTP/1.0"
        case .http11: "HTTP/1.1"
        case .http2: "HTTP/2.0"
        }
    }
}
