public import Bytes
import Filters
import HTTP

/// Adds X-Forwarded-* fields to requests before they are routed (`-forwarded-headers`, operations.md §4).
public struct ForwardedHeaders: Sendable {
    /// Appends the peer to the first X-Forwarded-For line; further lines are dropped, as Skipper does and its recorded behaviour asks.
    public var setsFor = false
    public var setsHost = false
    public var setsMethod = false
    public var setsURI = false
    /// A fixed port, or 0 for the listener's own.
    public var port: String?
    public var proto: String?
    /// The scheme by which the client came, instead of `proto`.
    public var tellsScheme = false
    /// Peers that have set the fields themselves.
    public var excluded = AddressSet()

    private static let method = FieldName("X-Forwarded-Method")
    private static let uri = FieldName("X-Forwarded-Uri")

    public init() {}

    func apply(to context: FilterContext, isEncrypted: Bool) {
        if excluded.contains(context.peer) { return }
        if setsFor { addPeer(context) }
        if setsHost { context.request.headers.set(.xForwardedHost, context.request.host) }
        if setsMethod { context.request.headers.set(ForwardedHeaders.method, context.request.methodBytes) }
        if setsURI { context.request.headers.set(ForwardedHeaders.uri, context.request.target) }
        port?.withBytes { context.request.headers.set(.xForwardedPort, $0) }
        if tellsScheme { context.request.headers.set(.xForwardedProto, BorrowedBytes(isEncrypted ? "https" : "http")) }
        proto?.withBytes { context.request.headers.set(.xForwardedProto, $0) }
    }

    /// Takes away what a client says of itself that only a proxy may say.
    static func remove(from context: FilterContext) {
        for field in [KnownField.xForwardedFor, .xForwardedHost, .xForwardedPort, .xForwardedProto, .forwarded] {
            context.request.headers.removeAll(field)
        }
        for name in [method, uri, realAddress] { context.request.headers.removeAll(name) }
    }

    private static let realAddress = FieldName("X-Real-Ip")

    /// What a first proxy says of its clients.
    static let ofFirstProxy = {
        var headers = ForwardedHeaders()
        headers.setsFor = true
        headers.setsHost = true
        headers.tellsScheme = true
        return headers
    }()

    private func addPeer(_ context: FilterContext) {
        var list = ByteBuffer()
        if let value = context.request.headers.first(.xForwardedFor) { list.append(value) }
        if !list.isEmpty { list.append(", ") }
        list.append(text: context.peer.description)
        context.request.headers.set(.xForwardedFor, list.readable)
    }
}
