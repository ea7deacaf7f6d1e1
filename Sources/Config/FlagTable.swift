import Bytes

/// All flags, in the order in which `-help` and the reference show them.
///
/// To add one: a field in `Configuration` with its default, and a line here.
public enum FlagTable {
    public static let groups: [FlagGroup] = [
        FlagGroup(title: "The process", flags: process),
        FlagGroup(title: "Listeners", flags: listeners),
        FlagGroup(title: "Timeouts and limits of clients", flags: server),
        FlagGroup(title: "Requests before routing", flags: requests),
        FlagGroup(title: "Connections to upstreams", flags: backend),
        FlagGroup(title: "Sources of routes", flags: sources),
        FlagGroup(title: "Rewriting and matching of routes", flags: routes),
        FlagGroup(title: "Rate limits and circuit breakers", flags: protection),
        FlagGroup(title: "Logs", flags: logs),
        FlagGroup(title: "Metrics", flags: metrics),
        FlagGroup(title: "Tracing and profiling", flags: tracing),
        FlagGroup(title: "TLS", flags: tls),
        FlagGroup(title: "Kubernetes", flags: kubernetes),
        FlagGroup(title: "Shared counters", flags: swarm),
        FlagGroup(title: "Authentication", flags: auth),
        FlagGroup(title: "Open Policy Agent", flags: openPolicyAgent),
        FlagGroup(title: "Scripts and plugins", flags: scripting),
        FlagGroup(title: "API usage monitoring", flags: apiUsageMonitoring),
    ]

    /// The same in one list.
    public static let flags: [Flag] = groups.flatMap(\.flags)

    /// The flag that is given as `-name`.
    public static func argument(named name: String) -> Flag? { byArgument[name] }

    /// The flag that stands under a key of the file.
    public static func fileEntry(named key: String) -> Flag? { byFileKey[key] }

    private static let byArgument = Dictionary(uniqueKeysWithValues: flags.filter(\.isArgument).map { ($0.name, $0) })
    private static let byFileKey = Dictionary(uniqueKeysWithValues: flags.compactMap { flag in flag.fileKey.map { ($0, flag) } })
}

extension FlagTable {
    private static let process: [Flag] = [
        .unused("help", .bool, default: "false", "print all flags and exit", .works).argumentOnly,
        .unused("version", .bool, default: "false", "print the version and exit", .works).argumentOnly,
        .string("config-file", \.general.configFile, "YAML file with flags as keys; a flag on the command line wins over it").argumentOnly,
        .int("workers", \.general.workers, in: 0...1024, "threads that serve; 0 means as many as the cgroup grants CPUs"),
        .duration("wait-for-healthcheck-interval", \.general.waitForHealthcheckInterval,
            "after SIGTERM, time in which the health answer is already 503 and connections are still accepted; a second SIGTERM ends at once"),
        .strings("status-checks", \.general.statusChecks, "URLs that must answer 200 before the start, asked every second until they do"),
        .unused("dev-mode", .bool, default: "false", "apply route changes without delay", .alwaysOn("route changes always apply at once")),
    ]

    private static let listeners: [Flag] = [
        .address("address", \.listeners.address, "where requests are accepted"),
        .address(optional: "insecure-address", \.listeners.insecureAddress, "an additional listener without TLS, when there is TLS"),
        .address(optional: "support-listener", \.listeners.supportListener,
            "metrics, routes and health; empty means -metrics-listener is used", default: ":9911 with -kubernetes, else 127.0.0.1:9911",
            skipper: ":9911"),
        .address(optional: "metrics-listener", \.listeners.metricsListener,
            "used if -support-listener is empty; both empty switch it off", default: ":9911 with -kubernetes, else 127.0.0.1:9911",
            skipper: ":9911"),
        .address(optional: "debug-listener", \.listeners.debugListener,
            "answers with what routing and filters would do, as JSON and without asking an upstream; for operators only: it shows routes and secrets"),
        .string("health-path", \.listeners.healthPath,
            "path on the main listener that answers 200, and 503 while shutting down; empty switches it off")
            .checked { health in
                let path = health.listeners.healthPath
                return path.isEmpty || path.hasPrefix("/") ? nil : "\"\(path)\" does not begin with /"
            },
        .bool("enable-h2c-server", \.listeners.enableH2CServer, "accept HTTP/2 without TLS", .alwaysOn("HTTP/2 with prior knowledge is always accepted")),
        .bool("enable-tcp-queue", \.listeners.enableTCPQueue, "accept connections through a bounded queue, newest first", .notYet),
        .int("expected-bytes-per-request", \.listeners.expectedBytesPerRequest, in: 1...(.max),
            "memory one request is assumed to need, for the size of the queue", .notYet),
        .int("max-tcp-listener-concurrency", \.listeners.maxTCPListenerConcurrency, in: 0...(.max),
            "connections served at the same time; 0 derives it from memory", .notYet),
        .int("max-tcp-listener-queue", \.listeners.maxTCPListenerQueue, in: 0...(.max),
            "connections that wait; 0 derives it from the concurrency", .notYet),
        .bool("enable-proxy-protocol", \.listeners.enableProxyProtocol, "connections begin with a PROXY header of version 1 or 2, which names the client"),
        .cidrs("proxy-allow-cidrs", \.listeners.proxyAllowCIDRs, "peers whose PROXY header is used; others are refused. Everybody's, if neither this nor the two others are given"),
        .cidrs("proxy-deny-cidrs", \.listeners.proxyDenyCIDRs, "peers that are refused"),
        .cidrs("proxy-skip-cidrs", \.listeners.proxySkipCIDRs, "peers that send no PROXY header"),
    ]

    private static let server: [Flag] = [
        .duration("read-timeout-server", \.server.readTimeout, "for a whole request with its body; 0 means none"),
        .duration("read-header-timeout-server", \.server.readHeaderTimeout, "for a request's head; 0 means -read-timeout-server"),
        .duration("tls-handshake-timeout-server", \.server.handshakeTimeout, "for a client's TLS handshake, from the accepted connection on; 0 means none"),
        .duration("write-timeout-server", \.server.writeTimeout,
            "without progress of a response, renewed by every write that moves; 0 means none"),
        .duration("idle-timeout-server", \.server.idleTimeout,
            "between two requests of a connection; must exceed the idle timeout of a load balancer in front (ALB: 60s)", skipper: "60s"),
        .duration("keepalive-server", \.server.keepalive, "age at which a client connection is closed after its response; 0 means none"),
        .int("keepalive-requests-server", \.server.keepaliveRequests, in: 0...(.max),
            "requests after which a client connection is closed; 0 means no limit"),
        .int("max-header-bytes", \.server.maxHeaderBytes, in: 1024...Limits.headBytesCeiling,
            "largest head of a request, at most \(Limits.headBytesCeiling); 431 above it", skipper: "1048576"),
    ]

    private static let requests: [Flag] = [
        .bool("normalize-host", \.requests.normalizeHost,
            "lower-case the Host header and remove its port and trailing dot; -kubernetes implies it"),
        .bool("validate-query", \.requests.validateQuery, "answer 400 to a query with a wrong percent escape or a semicolon"),
        .bool("validate-query-log", \.requests.validateQueryLog, "log such queries"),
        .int("max-content-length", \.requests.maxContentLength, "answer 413 to a larger Content-Length; 0 means no limit"),
        .strings("refuse-payload", \.requests.refusePayload,
            "answer 400 if target, a header name or a header value contains this text", accumulates: true),
        .int("max-body-buffer", \.requests.maxBodyBuffer, in: 0...(1 << 30),
            "bytes of a request's body that may be held to send it again, \(Limits.replayBytesMax) at most, or to show it on -debug-listener"),
        .forwardedHeaders("forwarded-headers", \.requests.forwardedHeaders,
            "fields that are set; Port takes auto or a port, Proto auto, http or https"),
        .cidrs("forwarded-headers-exclude-cidrs", \.requests.forwardedHeadersExcludeCIDRs,
            "peers for which they are not set, because those set them"),
        .cidrs("trusted-proxies", \.requests.trustedProxies,
            "proxies in front that say who the client is: X-Forwarded-For is read from its end while these wrote it, and predicates, "
                + "limits and logs share the address found; others' X-Forwarded-* are replaced"),
        .int("trusted-hops", \.requests.trustedHops, in: 0...64,
            "proxies in front, counted from the nearest, that say who the client is (ALB: 1); with -trusted-proxies at most so many of them"),
    ]

    private static let backend: [Flag] = [
        .bool("proxy-preserve-host", \.backend.proxyPreserveHost, "send the client's Host header to upstreams instead of the backend's"),
        .duration("timeout-backend", \.backend.timeout, "for a TCP connect; 0 means none"),
        .duration("tls-timeout-backend", \.backend.tlsTimeout, "for a TLS handshake; 0 means none"),
        .duration("response-header-timeout-backend", \.backend.responseHeaderTimeout,
            "from the end of the request to the head of the response; 0 means none"),
        .duration("expect-continue-timeout-backend", \.backend.expectContinueTimeout,
            "how long to wait for 100 (Continue) before the body is sent all the same"),
        .duration("upgrade-dial-timeout", \.backend.upgradeDialTimeout, min: .seconds(Int64(-1) << 32),
            "for the connect of an upgraded connection; 0 means 30s, a negative one none"),
        .duration("keepalive-backend", \.backend.keepalive, "interval of TCP keep-alive probes; 0 means the system's"),
        .int("idle-conns-num", \.backend.idleConnsNum, in: 0...(.max), "idle connections kept for one endpoint"),
        .int("max-idle-connection-backend", \.backend.maxIdleConnection, in: 0...(.max),
            "idle connections kept for all endpoints together; 0 means no limit"),
        .duration("close-idle-conns-period", \.backend.closeIdleConnsPeriod,
            "age at which an idle connection is closed; each has its own, they never close all at once"),
        .bool("disable-http-keepalives", \.backend.disableHTTPKeepalives, "use every upstream connection for one request only"),
        .bool("enable-proxy-protocol-backend", \.backend.enableProxyProtocol,
            "begin connections to upstreams with a PROXY header of version 2 that names the client; each then serves one request"),
        .bool("enable-http2-backend", \.backend.enableHTTP2, "offer HTTP/2 to https upstreams; what they choose is spoken. h2c:// always is HTTP/2"),
        .servers("dns-servers", \.backend.dnsServers, defaultPort: 53, "name servers as ip:port instead of those of /etc/resolv.conf"),
        .record("passive-health-check", \.backend.passiveHealthCheck, keys: PassiveHealthCheckSettings.keys,
            "choose failing endpoints less often; period, min-requests and max-drop-probability are required") {
            PassiveHealthCheckSettings(&$0)
        },
        .unused("experimental-upgrade", .bool, default: "false", "allow upgrades such as WebSocket", .alwaysOn("upgrades always work")),
        .bool("experimental-upgrade-audit", \.backend.experimentalUpgradeAudit,
            "write what passes upgraded connections to standard error, a line for each piece; for debugging only"),
        .bool("remove-hop-headers", \.backend.removeHopHeaders,
            "remove Te and Trailer too and keep the fields that Connection names; hop-by-hop fields are always removed"),
        .unused("backend-flush-interval", .duration, default: "20ms", "how often upgraded connections are flushed",
            .alwaysOn("every chunk is passed on at once")),
        .unused("enable-copy-stream-pool", .bool, default: "false", "reuse buffers", .alwaysOn("buffers are always reused")),
        .unused("enable-dualstack-backend", .bool, default: "true", "connect over IPv4 and IPv6",
            .alwaysOn("both are always tried")),
        .unused("lb-healthcheck-interval", .duration, default: "0s", "active health checks of endpoints",
            .ignored(instead: "-passive-health-check")),
    ]
}
