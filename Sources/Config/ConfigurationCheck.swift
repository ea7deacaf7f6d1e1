import Bytes

// What can only be judged when everything is read.
extension ConfigurationParser {
    /// Defaults that depend on other flags, and values that Skipper bends into range.
    mutating func resolve() {
        resolveSupportListener()
        if configuration.kubernetes.enabled { configuration.requests.normalizeHost = true }
        if !(100...511).contains(configuration.routes.defaultHTTPStatus) {
            warn("\(configuration.routes.defaultHTTPStatus) is not within 100 to 511; 404 is used", "default-http-status")
            configuration.routes.defaultHTTPStatus = 404
        }
    }

    /// On a node, everybody may read metrics and routes; elsewhere only who asks for it says so.
    private mutating func resolveSupportListener() {
        let standard = configuration.kubernetes.enabled
            ? ListenAddress(host: "", port: 9911) : Configuration.Listeners().supportListener
        if !isGiven("metrics-listener") { configuration.listeners.metricsListener = standard }
        if !isGiven("support-listener") {
            configuration.listeners.supportListener = standard
        } else if configuration.listeners.supportListener == nil {
            configuration.listeners.supportListener = configuration.listeners.metricsListener
        }
    }

    mutating func checkCombinations() {
        checkListeners()
        checkCertificates()
        checkRouteSources()
        checkMetrics()
        let idleTimeout = configuration.server.idleTimeout
        if isGiven("idle-timeout-server"), idleTimeout > .zero, idleTimeout <= .seconds(60) {
            warn("an ALB keeps idle connections for 60s and answers 502 if the proxy closes first; 75s is safe", "idle-timeout-server")
        }
        let redis = configuration.swarm.redis
        if redis.minConns > redis.maxConns {
            refuse("\(redis.minConns) is above -swarm-redis-max-conns \(redis.maxConns)", "swarm-redis-min-conns")
        }
    }

    private mutating func checkListeners() {
        let listeners = configuration.listeners
        let webhook = configuration.kubernetes.validationWebhook
        let addresses: [(flag: String, address: ListenAddress?)] = [
            ("address", listeners.address), ("insecure-address", listeners.insecureAddress),
            ("support-listener", listeners.supportListener), ("debug-listener", listeners.debugListener),
            ("validation-webhook-address", webhook.enabled ? webhook.address : nil),
        ]
        for (index, later) in addresses.enumerated() {
            for earlier in addresses[..<index] {
                guard let a = earlier.address, let b = later.address, a.collides(with: b) else { continue }
                refuse("\(b) is taken by -\(earlier.flag) \(a)", later.flag)
            }
        }
        if webhook.enabled, webhook.certFile.isEmpty || webhook.keyFile.isEmpty {
            refuse("needs -validation-webhook-cert-file and -validation-webhook-key-file", "validation-webhook-enabled")
        }
    }

    private mutating func checkCertificates() {
        let tls = configuration.tls
        if tls.cert.count != tls.key.count {
            refuse("\(tls.cert.count) certificates but \(tls.key.count) keys in -tls-key", "tls-cert")
        }
        if tls.clientCert.count != tls.clientKey.count {
            refuse("\(tls.clientCert.count) certificates but \(tls.clientKey.count) keys in -client-tls-key", "client-tls-cert")
        }
        if tls.enableMTLS, tls.clientCert.count != 1 {
            refuse("needs exactly one -client-tls-cert with its key, found \(tls.clientCert.count)", "enable-mtls")
        }
    }

    private mutating func checkRouteSources() {
        let sources = configuredSources
        for missing in configuration.routes.ensureDataclients where !sources.contains(missing) {
            refuse("\(missing.rawValue) is not configured; set -\(missing.flag)", "ensure-dataclients")
        }
        if sources.isEmpty {
            warnings.append(ConfigurationDiagnostic("no source of routes is set, every request will be answered "
                + "\(configuration.routes.defaultHTTPStatus); set -routes-file, -routes-urls or -inline-routes"))
        }
    }

    private var configuredSources: [RouteSource] {
        RouteSource.allCases.filter { source in
            switch source {
            case .etcd: !configuration.etcd.urls.isEmpty
            case .routesFile: !configuration.routes.routesFile.isEmpty
            case .routesURLs: !configuration.routes.routesURLs.isEmpty
            case .inline: !configuration.routes.inlineRoutes.isEmpty
            case .kubernetes: configuration.kubernetes.enabled
            }
        }
    }

    private mutating func checkMetrics() {
        for flavour in configuration.metrics.flavour where flavour != .prometheus {
            warn("\(flavour.rawValue) is not available; metrics are served in the format of Prometheus", "metrics-flavour")
        }
        let namespace = configuration.metrics.namespace
        let isName = namespace.utf8.allSatisfy {
            ASCII.isDigit($0) || ASCII.isLetter($0) || $0 == UInt8(ascii: "_") || $0 == UInt8(ascii: ":")
        }
        if !isName || namespace.utf8.first.map(ASCII.isDigit) == true {
            refuse("\"\(namespace)\" cannot begin a Prometheus name; letters, digits, _ and : can, no digit first", "metrics-prefix")
        }
    }

    /// What needs Eskip or regular expressions.
    mutating func check(with checks: ConfigurationChecks) {
        let (routes, kubernetes) = (configuration.routes, configuration.kubernetes)
        if !routes.inlineRoutes.isEmpty { refuse(checks.routes(routes.inlineRoutes), "inline-routes") }
        refuse(routes.defaultFiltersPrepend.flatMap(checks.filters), "default-filters-prepend")
        refuse(routes.defaultFiltersAppend.flatMap(checks.filters), "default-filters-append")
        refuse(routes.editRoute.map(\.pattern).flatMap(checks.regexp), "edit-route")
        refuse(routes.cloneRoute.map(\.pattern).flatMap(checks.regexp), "clone-route")

        refuse(checks.regexp(kubernetes.ingressClass), "kubernetes-ingress-class")
        refuse(checks.regexp(kubernetes.routegroupClass), "kubernetes-routegroup-class")
        refuse(kubernetes.allowedExternalName.flatMap(checks.regexp), "kubernetes-allowed-external-name")
        refuse(kubernetes.annotationPredicates.map(\.text).flatMap(checks.predicates), "kubernetes-annotation-predicates")
        refuse(kubernetes.annotationFiltersAppend.map(\.text).flatMap(checks.filters), "kubernetes-annotation-filters-append")
        let eastWest = kubernetes.eastWest
        if !eastWest.rangePredicates.isEmpty {
            refuse(checks.predicates(eastWest.rangePredicates), "kubernetes-east-west-range-predicates")
        }
        refuse(
            eastWest.rangeAnnotationPredicates.map(\.text).flatMap(checks.predicates), "kubernetes-east-west-range-annotation-predicates")
        refuse(
            eastWest.rangeAnnotationFiltersAppend.map(\.text).flatMap(checks.filters),
            "kubernetes-east-west-range-annotation-filters-append")
    }

    private mutating func refuse(_ messages: [String], _ flag: String) {
        for message in messages { refuse(message, flag) }
    }
}

extension RouteSource {
    /// The flag that configures it.
    fileprivate var flag: String {
        switch self {
        case .etcd: "etcd-urls"
        case .routesFile: "routes-file"
        case .routesURLs: "routes-urls"
        case .inline: "inline-routes"
        case .kubernetes: "kubernetes"
        }
    }
}
