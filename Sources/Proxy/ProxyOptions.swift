public import Filters

/// What the proxy does with requests beyond their routes; operations.md §1, §2, §4.
public struct ProxyOptions: Sendable {
    /// `-proxy-preserve-host`.
    public var preservesHost = false
    /// `-enable-proxy-protocol-backend`.
    public var sendsProxyHeaders = false
    /// Of one request; `-max-loopbacks`.
    public var loopbacksMax = 9
    /// `-default-http-status`.
    public var defaultStatus: UInt16 = 404
    /// `-normalize-host`.
    public var normalizesHost = false
    /// `-max-content-length`, 0 = unlimited.
    public var contentLengthMax: UInt64 = 0
    /// `-validate-query`.
    public var validatesQuery = true
    /// `-validate-query-log`: refused queries are told.
    public var logsRefusedQueries = false
    /// How long an upstream may leave a client without the 100 it waits for; `-expect-continue-timeout-backend`, nanoseconds, 0 = for ever.
    public var expectContinueTimeout: UInt64 = 30_000_000_000
    /// For the connect of an upgraded connection; `-upgrade-dial-timeout`, nanoseconds, 0 = none.
    public var upgradeDialTimeout: UInt64 = 30_000_000_000
    /// `-refuse-payload`: texts that a request's target and fields must not contain.
    public var refusedPayloads: [[UInt8]] = []
    /// `-forwarded-headers`, nil = none.
    public var forwardedHeaders: ForwardedHeaders?
    /// `-trusted-proxies`, `-trusted-hops`.
    public var trustedProxies: TrustedProxies?
    /// `-remove-hop-headers`: the fields that Skipper names are removed, TE and Trailer among them, and those that
    /// Connection names stay; otherwise RFC 9110 §7.6.1 decides.
    public var removesHopHeaders = false
    /// Answered by the proxy itself on the main listener, "" = off; `--health-path`.
    public var healthPath: [UInt8] = []
    /// `-max-body-buffer`: of a request's body, bytes that may be held to send it again.
    public var bodyBytesHeld = 1 << 20
    /// `-experimental-upgrade-audit`: what passes tunnels is written down.
    public var auditsUpgrades = false

    public init() {}
}
