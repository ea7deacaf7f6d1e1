public import Net

/// What an exchange asks of the connection it gets.
public struct ConnectionNeeds: Sendable {
    public enum Framing: Sendable {
        /// What the origin speaks.
        case any
        /// HTTP/1.1, if the origin's scheme leaves a choice: an upgrade, or an origin that has given HTTP/2 up.
        case http1
        /// A tunnel for a WebSocket: a stream by extended CONNECT (RFC 8441) where a connection at hand allows it or the
        /// origin speaks nothing else, an upgrade of HTTP/1.1 otherwise.
        case webSocket
    }

    public var framing = Framing.any
    /// After a reused connection turned out closed.
    public var isFresh = false
    /// Instead of the options', nanoseconds, 0 = none.
    public var connectTimeout: UInt64?

    /// The connection begins with a PROXY header, and serves this one exchange.
    public var proxyHeader: ProxyHeader?

    /// What a PROXY header of version 2 says.
    public struct ProxyHeader: Sendable {
        let client: SocketAddress
        let destination: SocketAddress

        public init(client: SocketAddress, destination: SocketAddress) {
            self.client = client
            self.destination = destination
        }
    }

    public init() {}
}
