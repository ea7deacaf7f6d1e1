public import Bytes
public import Filters
import HTTP

/// Adds X-Forwarded-* fields to requests before they are routed (`-forwarded-headers`, operations.md §4).
public struct ForwardedHeaders: Sendable {
    /// Appends the peer to the first X-Forwarded-For line; further lines are dropped, as Skipper does.
    public var setsFor = false
    /// Puts the peer in front instead.
    public var prependsFor = false
    public var setsHost = false
    public var setsMethod = false
    public var setsURI = false
    /// A fixed port, or 0 for the listener's own.
    public var port: String?
    public var proto: String?
    /// Peers that have set the fields themselves.
    public var excluded = AddressSet()

    private static let method = FieldName("X-Forwarded-Method")
    private static let uri = FieldName("X-Forwarded-Uri")

    public init() {}

    public func apply(to context: FilterContext) {
        if excluded.contains(context.peer) { return }
        if setsFor { addPeer(context) }
        if setsHost { context.request.headers.set(.xForwardedHost, context.request.host) }
        if setsMethod { context.request.headers.set(ForwardedHeaders.method, context.request.methodBytes) }
        if setsURI { context.request.headers.set(ForwardedHeaders.uri, context.request.target) }
        port?.withBytes { context.request.headers.set(.xForwardedPort, $0) }
        proto?.withBytes { context.request.headers.set(.xForwardedProto, $0) }
    }

    private func addPeer(_ context: FilterContext) {
        var list = ByteBuffer()
        if let value = context.request.headers.first(.xForwardedFor) { list.append(value) }
        if !list.isEmpty { list.append(", ") }
        list.append(text: context.peer.description)
        context.request.headers.set(.xForwardedFor, list.readable)
    }
}
