import Bytes
import Config
import DataClients
import Downstream
import Filters
import HTTP
import Logging
import Net
import Proxy
import Routing
import Telemetry
import Upstream

// The configuration's values as the options of the modules that use them.

extension Duration {
    /// Never negative.
    var nanoseconds: UInt64 {
        let (seconds, attoseconds) = components
        return seconds < 0 ? 0 : UInt64(seconds) * 1_000_000_000 + UInt64(max(0, attoseconds) / 1_000_000_000)
    }
}

extension SocketAddress {
    init(listen address: ListenAddress) throws(StartError) {
        let port = UInt16(address.port)
        if address.host.isEmpty {
            self.init(.unspecifiedV6, port: port)
        } else if address.host == "localhost" {
            self.init(.loopbackV4, port: port)
        } else if let ip = IPAddress(address.host) {
            self.init(ip, port: port)
        } else {
            throw StartError("listener address \"\(address.host)\" is not an IP address; use `:port` for all addresses")
        }
    }
}

extension ServerOptions {
    init(_ configuration: Configuration) {
        self.init()
        let server = configuration.server
        idleTimeout = server.idleTimeout.nanoseconds
        readHeaderTimeout = server.readHeaderTimeout.nanoseconds
        handshakeTimeout = server.handshakeTimeout.nanoseconds
        readTimeout = server.readTimeout.nanoseconds
        writeTimeout = server.writeTimeout.nanoseconds
        keepAliveMax = server.keepalive.nanoseconds
        requestsMax = server.keepaliveRequests
        if configuration.listeners.enableProxyProtocol { proxyProtocol = ProxyProtocolPolicy(configuration.listeners) }
        head.bytesMax = server.maxHeaderBytes
        head.reservedStayEncoded = configuration.routes.rfcPatchPath
    }
}

extension ProxyProtocolPolicy {
    init(_ listeners: Configuration.Listeners) {
        self.init()
        allowed = listeners.proxyAllowCIDRs
        denied = listeners.proxyDenyCIDRs
        skipped = listeners.proxySkipCIDRs
    }
}

extension ClientOptions {
    init(_ backend: Configuration.Backend) {
        self.init()
        connectTimeout = backend.timeout.nanoseconds
        handshakeTimeout = backend.tlsTimeout.nanoseconds
        responseHeaderTimeout = backend.responseHeaderTimeout.nanoseconds
        idleTimeout = backend.closeIdleConnsPeriod.nanoseconds
        idlePerOriginMax = backend.idleConnsNum
        idleMax = backend.maxIdleConnection
        probeInterval = backend.keepalive.nanoseconds
        closesAfterUse = backend.disableHTTPKeepalives
        offersHTTP2 = backend.enableHTTP2
    }
}

extension ProxyOptions {
    /// Those of a proxy that is started without any flag.
    static var withoutFlags: ProxyOptions { ProxyOptions(Configuration()) }

    init(_ configuration: Configuration) {
        self.init()
        preservesHost = configuration.backend.proxyPreserveHost
        sendsProxyHeaders = configuration.backend.enableProxyProtocol
        loopbacksMax = configuration.routes.maxLoopbacksAllowed
        defaultStatus = UInt16(configuration.routes.defaultHTTPStatus)
        normalizesHost = configuration.requests.normalizeHost
        contentLengthMax = UInt64(max(0, configuration.requests.maxContentLength))
        validatesQuery = configuration.requests.validateQuery
        logsRefusedQueries = configuration.requests.validateQueryLog
        expectContinueTimeout = configuration.backend.expectContinueTimeout.nanoseconds
        let dial = configuration.backend.upgradeDialTimeout
        if dial != .zero { upgradeDialTimeout = dial.nanoseconds }
        refusedPayloads = configuration.requests.refusePayload.map { Array($0.utf8) }
        bodyBytesHeld = configuration.requests.maxBodyBuffer
        auditsUpgrades = configuration.backend.experimentalUpgradeAudit
        removesHopHeaders = configuration.backend.removeHopHeaders
        healthPath = Array(configuration.listeners.healthPath.utf8)
        forwardedHeaders = ForwardedHeaders(configuration)
        trustedProxies = TrustedProxies(addresses: configuration.requests.trustedProxies, hops: configuration.requests.trustedHops)
    }
}

extension MetricOptions {
    init(_ metrics: Configuration.Metrics) {
        self.init()
        prefix = metrics.prefix
        compatible = !metrics.disableCompat
        routeResponse = metrics.routeResponse
        routeBackend = metrics.routeBackend
        allFilters = metrics.allFilters
        combinedResponse = metrics.combinedResponse
        serveRoute = metrics.serveRoute
        serveRouteCounter = metrics.serveRouteCounter
        serveHost = metrics.serveHost
        serveHostCounter = metrics.serveHostCounter
        serveMethod = metrics.serveMethod
        serveStatusCode = metrics.serveStatusCode
        backendHost = metrics.backendHost
        backendZone = metrics.backendZone
        proxyRequest = metrics.proxyRequest
        proxyResponse = metrics.proxyResponse
        if metrics.enablePrometheusStartLabel { startLabel = String(ProcessMetrics.startNanoseconds) }
        if !metrics.histogramBuckets.isEmpty { durationBuckets = metrics.histogramBuckets }
        if !metrics.responseSizeBuckets.isEmpty { responseSizeBuckets = metrics.responseSizeBuckets }
        if !metrics.requestSizeBuckets.isEmpty { requestSizeBuckets = metrics.requestSizeBuckets }
    }
}

extension FilterEnvironment {
    init(_ configuration: Configuration) {
        self.init()
        compressEncodings = configuration.routes.compressEncodings.map(\.rawValue)
        auditBodyBytesMax = configuration.routes.maxAuditBody
    }
}

extension ForwardedHeaders {
    /// nil if no field is asked for.
    init?(_ configuration: Configuration) {
        let settings = configuration.requests.forwardedHeaders
        guard settings != ForwardedHeaderSettings() else { return nil }
        self.init()
        setsFor = settings.isForSet
        setsHost = settings.isHostSet
        setsMethod = settings.isMethodSet
        setsURI = settings.isURISet
        switch settings.port {
        case nil: break
        case .fixed(let number): port = String(number)
        case .auto: port = String(configuration.listeners.address.port)
        }
        tellsScheme = settings.scheme == .auto
        proto = settings.scheme.flatMap { $0 == .auto ? nil : $0.rawValue }
        excluded = configuration.requests.forwardedHeadersExcludeCIDRs
    }
}

extension PassiveHealth {
    init?(_ settings: PassiveHealthCheckSettings?) {
        guard let settings else { return nil }
        self.init(
            period: settings.period.nanoseconds, requestsMin: settings.minRequests, dropProbabilityMax: settings.maxDropProbability,
            dropProbabilityMin: settings.minDropProbability, unhealthyRatioMax: settings.maxUnhealthyEndpointsRatio)
    }
}

extension DataClientOptions {
    init(_ routes: Configuration.Routes) {
        self.init()
        routeFiles = routes.routesFile
        routeURLs = routes.routesURLs
        inlineRoutes = routes.inlineRoutes
        pollInterval = routes.sourcePollTimeout.nanoseconds
        suppressesUpdateLogs = routes.suppressRouteUpdateLogs
        rewriting.defaultFiltersPrepend = routes.defaultFiltersPrepend
        rewriting.defaultFiltersAppend = routes.defaultFiltersAppend
        rewriting.cloneRoutes = routes.cloneRoute.map { TextReplacement(pattern: $0.pattern, replacement: $0.replacement) }
        rewriting.editRoutes = routes.editRoute.map { TextReplacement(pattern: $0.pattern, replacement: $0.replacement) }
        rewriting.forwardBackendURL = routes.forwardBackendURL
    }
}
