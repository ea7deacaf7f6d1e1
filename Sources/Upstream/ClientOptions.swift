/// How upstreams are connected to; operations.md §1. Durations in nanoseconds, 0 = none.
public struct ClientOptions: Sendable {
    /// `-timeout-backend`: for establishing a connection, name resolution included.
    public var connectTimeout: UInt64 = 60_000_000_000
    /// `-tls-timeout-backend`: from the established connection to the end of the handshake.
    public var handshakeTimeout: UInt64 = 60_000_000_000
    /// `-response-header-timeout-backend`: from the request's last byte to the response's head.
    public var responseHeaderTimeout: UInt64 = 60_000_000_000
    /// Age after which an idle connection is closed; `-close-idle-conns-period`.
    public var idleTimeout: UInt64 = 20_000_000_000
    /// `-idle-conns-num`, for one origin and this worker; more are kept for a moment only.
    public var idlePerOriginMax = 64
    /// `-max-idle-connection-backend` for this worker; 0 = unlimited.
    public var idleMax = 0
    /// Between probes of silent connections, `-keepalive-backend`; below a second the system's choice.
    public var probeInterval: UInt64 = 30_000_000_000
    /// `-disable-http-keepalives`.
    public var closesAfterUse = false
    /// `https` origins are offered HTTP/2 by ALPN, RFC 9113 §3.2; `-enable-http2-backend`.
    public var offersHTTP2 = false

    public init() {}
}
