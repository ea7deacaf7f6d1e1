/// How the end of a message's body is known, RFC 9112 §6.
public enum BodyFraming: Equatable, Sendable {
    /// There is no body.
    case none
    /// Content-Length, in bytes; 0 stands for a body that was declared empty.
    case length(UInt64)
    /// Transfer-Encoding ending in `chunked`.
    case chunked
    /// The body ends with the connection; responses only.
    case untilClose

    /// Whether nothing follows the head.
    @inline(__always)
    public var isEmpty: Bool {
        switch self {
        case .none: true
        case .length(let count): count == 0
        default: false
        }
    }
}
