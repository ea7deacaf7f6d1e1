public import Bytes
public import Net
public import YAML

/// Everything a person may set, checked and typed: what flags, file and environment say together.
///
/// Every field belongs to a flag and bears its name in camel case, less the words its group says already:
/// `-read-timeout-server` is `server.readTimeout`. The values written here are the defaults; `FlagTable` tells
/// what each flag means and whether it has an effect yet. `Assembly` maps fields to the modules' options.
public struct Configuration: Sendable, Equatable {
    public var general = General()
    public var listeners = Listeners()
    public var server = Server()
    public var requests = Requests()
    public var backend = Backend()
    public var routes = Routes()
    public var protection = Protection()
    public var accessLog = AccessLog()
    public var applicationLog = ApplicationLog()
    public var metrics = Metrics()
    public var tracing = Tracing()
    public var tls = TLS()
    public var kubernetes = Kubernetes()
    public var swarm = Swarm()
    public var auth = Auth()
    public var oauth2 = OAuth2()
    public var openPolicyAgent = OpenPolicyAgent()
    public var scripting = Scripting()
    public var etcd = Etcd()
    public var apiUsageMonitoring = APIUsageMonitoring()

    /// Flags that nothing reads and that were set to something else than their default.
    var unusedFlags: Set<String> = []

    public init() {}
}

// Data path: the order in which a request meets them.
extension Configuration {
    /// The process as a whole.
    public struct General: Sendable, Equatable {
        public var configFile = ""
        /// 0 means as many as the cgroup grants CPUs.
        public var workers = 0
        public var waitForHealthcheckInterval = Duration.seconds(45)
        public var statusChecks: [String] = []
        public init() {}
    }

    /// Where connections are accepted, and under which conditions.
    public struct Listeners: Sendable, Equatable {
        public var address = ListenAddress(host: "", port: 9090)
        public var insecureAddress: ListenAddress?
        /// What holds after all rules: `nil` only if both this and `-metrics-listener` were set empty.
        public var supportListener: ListenAddress? = ListenAddress(host: "127.0.0.1", port: 9911)
        public var metricsListener: ListenAddress? = ListenAddress(host: "127.0.0.1", port: 9911)
        public var debugListener: ListenAddress?
        /// Empty means no health answer on the main listener.
        public var healthPath = "/kube-system/healthz"
        public var enableH2CServer = false
        public var enableTCPQueue = false
        public var expectedBytesPerRequest = 51_200
        public var maxTCPListenerConcurrency = 0
        public var maxTCPListenerQueue = 0
        public var enableProxyProtocol = false
        public var proxyAllowCIDRs = AddressSet()
        public var proxyDenyCIDRs = AddressSet()
        public var proxySkipCIDRs = AddressSet()
        public init() {}
    }

    /// Timeouts and limits of client connections; a timeout of zero means none.
    public struct Server: Sendable, Equatable {
        public var readTimeout = Duration.seconds(300)
        public var readHeaderTimeout = Duration.seconds(60)
        public var handshakeTimeout = Duration.seconds(10)
        /// Time without progress, renewed by every write that moves.
        public var writeTimeout = Duration.seconds(60)
        /// Above the 60 s of an ALB, so that the ALB closes first.
        public var idleTimeout = Duration.seconds(75)
        public var keepalive = Duration.zero
        public var keepaliveRequests = 0
        public var maxHeaderBytes = Limits.headBytesDefault
        public init() {}
    }

    /// What is checked or changed in a request before it is routed.
    public struct Requests: Sendable, Equatable {
        public var normalizeHost = false
        public var validateQuery = true
        public var validateQueryLog = true
        /// Bytes; 0 or less means no limit.
        public var maxContentLength = 0
        public var refusePayload: [String] = []
        /// Bytes of one body held at once.
        public var maxBodyBuffer = 1 << 20
        public var forwardedHeaders = ForwardedHeaderSettings()
        public var forwardedHeadersExcludeCIDRs = AddressSet()
        public var trustedProxies = AddressSet()
        public var trustedHops = 0
        public init() {}
    }

    /// Connections to upstreams.
    public struct Backend: Sendable, Equatable {
        /// TCP connect.
        public var timeout = Duration.seconds(60)
        public var tlsTimeout = Duration.seconds(60)
        public var responseHeaderTimeout = Duration.seconds(60)
        public var expectContinueTimeout = Duration.seconds(30)
        /// Zero means 30 s, a negative one none.
        public var upgradeDialTimeout = Duration.zero
        /// Interval of TCP keep-alive probes.
        public var keepalive = Duration.seconds(30)
        /// Idle connections kept for one endpoint.
        public var idleConnsNum = 64
        /// Idle connections kept for all endpoints together; 0 means unlimited.
        public var maxIdleConnection = 0
        /// The age at which an idle connection is closed.
        public var closeIdleConnsPeriod = Duration.seconds(20)
        public var disableHTTPKeepalives = false
        /// Connections to upstreams begin with a PROXY header.
        public var enableProxyProtocol = false
        /// `https` upstreams are offered HTTP/2.
        public var enableHTTP2 = true
        public var proxyPreserveHost = false
        public var insecure = false
        /// Skipper's list of hop-by-hop fields is removed instead of RFC 9110's.
        public var removeHopHeaders = false
        public var experimentalUpgradeAudit = false
        public var dnsServers: [SocketAddress] = []
        public var passiveHealthCheck: PassiveHealthCheckSettings?
        public init() {}
    }

    /// Where routes come from and how they are rewritten and looked up.
    public struct Routes: Sendable, Equatable {
        public var routesFile: [String] = []
        /// `http(s)://…`; an entry without a scheme is a file.
        public var routesURLs: [String] = []
        public var inlineRoutes = ""
        public var forwardBackendURL = ""
        /// At least 30 ms.
        public var sourcePollTimeout = Duration.milliseconds(3000)
        public var waitFirstRouteLoad = false
        public var ensureDataclients: [RouteSource] = []
        public var suppressRouteUpdateLogs = false
        /// Filter chains in Eskip, each as it was given.
        public var defaultFiltersPrepend: [String] = []
        public var defaultFiltersAppend: [String] = []
        public var defaultFiltersDir = ""
        public var disabledFilters: [String] = []
        public var editRoute: [TextEdit] = []
        public var cloneRoute: [TextEdit] = []
        public var ignoreTrailingSlash = false
        public var rfcPatchPath = false
        public var reverseSourcePredicate = false
        /// As given: 0 means 9, a negative one none. `maxLoopbacksAllowed` is the number that holds.
        public var maxLoopbacks = 9
        /// Within 100...511.
        public var defaultHTTPStatus = 404
        public var maxAuditBody = 1024
        public var maxMatcherBufferSize = 2 << 20
        public var compressEncodings: [CompressEncoding] = [.gzip, .deflate, .br, .zstd]
        public init() {}

        /// How often one request may be routed again through `<loopback>`; 0 means never.
        public var maxLoopbacksAllowed: Int {
            maxLoopbacks == 0 ? 9 : max(maxLoopbacks, 0)
        }
    }

    /// Rate limits and circuit breakers that hold without a filter.
    public struct Protection: Sendable, Equatable {
        public var breaker: [BreakerSettings] = []
        public var ratelimits: [RatelimitSettings] = []
        public var clusterRatelimitMaxGroupShards = 1
        public init() {}
    }
}

// What can be seen from outside.
extension Configuration {
    public struct AccessLog: Sendable, Equatable {
        /// Empty means standard error.
        public var file = ""
        public var disabled = false
        public var jsonEnabled = false
        public var stripQuery = false
        public init() {}
    }

    public struct ApplicationLog: Sendable, Equatable {
        /// Empty means standard error.
        public var file = ""
        public var level = LogLevel.info
        public var prefix = "[APP]"
        public var jsonEnabled = false
        public init() {}
    }

    public struct Metrics: Sendable, Equatable {
        public var flavour: [MetricsFlavour] = [.prometheus]
        public var prefix = "skipper."
        public var disableCompression = false
        public var disableCompat = false
        public var enablePrometheusNativeHistograms = false
        public var prometheusNativeHistogramBucketFactor = 1.1
        public var enablePrometheusStartLabel = false
        public var serveRoute = false
        public var serveRouteCounter = false
        public var serveHost = false
        public var serveHostCounter = false
        public var serveMethod = true
        public var serveStatusCode = true
        public var backendHost = false
        public var backendZone = false
        public var proxyRequest = false
        public var proxyResponse = false
        public var allFilters = false
        public var combinedResponse = false
        public var routeResponse = false
        public var routeBackendErrorCounters = false
        public var routeStreamErrorCounters = false
        public var routeBackend = false
        public var routeCreation = false
        public var enableConnection = false
        public var enableRouteFIFO = false
        public var enableRouteLIFO = false
        /// Seconds, ascending; empty means the usual ones. The two below are in bytes.
        public var histogramBuckets: [Double] = []
        public var responseSizeBuckets: [Double] = []
        public var requestSizeBuckets: [Double] = []
        public init() {}

        /// The namespace of Prometheus names: the prefix without its trailing dot.
        public var namespace: String {
            prefix.hasSuffix(".") ? String(prefix.dropLast()) : prefix
        }
    }

    public struct Tracing: Sendable, Equatable {
        /// An object in the file, YAML text on the command line.
        public var openTelemetry: YAMLNode?
        /// The variables `OTEL_*` of the environment.
        public var environment: [String: String] = [:]
        public var initialSpan = "ingress"
        public var excludedProxyTags: [String] = []
        public var disableFilterSpans = false
        public var logFilterLifecycleEvents = true
        public var logStreamEvents = true
        public var clientTraceByTag = false
        public var backendNameTag = false
        public init() {}
    }

    public struct APIUsageMonitoring: Sendable, Equatable {
        public var enabled = false
        public var realmKeys = ""
        public var clientKeys = "sub"
        public var defaultClientTrackingPattern = ""
        public var realmsTrackingPattern = "services"
        public init() {}
    }
}
