public import HTTP
public import Net

/// What the server does with clients' connections; operations.md §1. Durations in nanoseconds, 0 = none.
public struct ServerOptions: Sendable {
    /// Keep-alive connections without a request; longer than an ALB's 60 s, so that it closes first.
    public var idleTimeout: UInt64 = 75_000_000_000
    /// `-tls-handshake-timeout-server`: from the accepted connection to the end of its TLS handshake.
    public var handshakeTimeout: UInt64 = 10_000_000_000
    public var readHeaderTimeout: UInt64 = 60_000_000_000
    /// For a whole request with its body.
    public var readTimeout: UInt64 = 300_000_000_000
    /// Without progress of a response the client should take.
    public var writeTimeout: UInt64 = 60_000_000_000
    /// Age after which a connection's next response says that it is the last.
    public var keepAliveMax: UInt64 = 0
    /// Requests after which a response says that it is the last.
    public var requestsMax = 0
    public var head = HeadOptions()
    /// Connections begin with a PROXY header; nil = none does.
    public var proxyProtocol: ProxyProtocolPolicy?

    public init() {}
}
