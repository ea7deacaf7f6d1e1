import Bytes
import Eskip
import Regexp

// What can only be judged when everything is read.
extension ConfigurationParser {
    /// Defaults that depend on other flags, and values that Skipper bends into range.
    mutating func resolve() {
        resolveSupportListener()
        if configuration.kubernetes.enabled { configuration.requests.normalizeHost = true }
        if !(200...511).contains(configuration.routes.defaultHTTPStatus) {
            warn("\(configuration.routes.defaultHTTPStatus) is not within 200 to 511; 404 is used", "default-http-status")
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
        if tls.ocsp.count > tls.cert.count {
            refuse("\(tls.ocsp.count) responses but \(tls.cert.count) certificates in -tls-cert", "tls-ocsp")
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
        // Codahale's names, Skipper's default, have dots and dashes.
        let namespace = configuration.metrics.namespace
        let name = Self.prometheusName(namespace)
        if name != namespace {
            warn("\"\(namespace)\" cannot begin a Prometheus name (letters, digits, _ and :, no digit first); \"\(name)\" is used", "metrics-prefix")
            configuration.metrics.prefix = name
        }
    }

    private static func prometheusName(_ text: String) -> String {
        let bytes: [UInt8] = text.utf8.map { byte in
            let isAllowed = ASCII.isDigit(byte) || ASCII.isLetter(byte) || byte == UInt8(ascii: "_") || byte == UInt8(ascii: ":")
            return isAllowed ? byte : UInt8(ascii: "_")
        }
        let isDigitFirst = bytes.first.map(ASCII.isDigit) == true
        return (isDigitFirst ? "_" : "") + String(decoding: bytes, as: UTF8.self)
    }
}

// Texts in other languages.
extension ConfigurationParser {
    /// Eskip and regular expressions; what a filter or a predicate means is judged later, route by route.
    mutating func checkRouteTexts() {
        let routes = configuration.routes
        refuse(RouteDocument.parse(routes.inlineRoutes).errors.map(\.description), "inline-routes")
        checkFilters(routes.defaultFiltersPrepend, "default-filters-prepend")
        checkFilters(routes.defaultFiltersAppend, "default-filters-append")
        checkRegexps(routes.editRoute.map(\.pattern), "edit-route")
        checkRegexps(routes.cloneRoute.map(\.pattern), "clone-route")

        let kubernetes = configuration.kubernetes
        checkRegexps([kubernetes.ingressClass], "kubernetes-ingress-class")
        checkRegexps([kubernetes.routegroupClass], "kubernetes-routegroup-class")
        checkRegexps(kubernetes.allowedExternalName, "kubernetes-allowed-external-name")
        checkPredicates(kubernetes.annotationPredicates.map(\.text), "kubernetes-annotation-predicates")
        checkFilters(kubernetes.annotationFiltersAppend.map(\.text), "kubernetes-annotation-filters-append")

        let eastWest = kubernetes.eastWest
        checkPredicates([eastWest.rangePredicates], "kubernetes-east-west-range-predicates")
        checkPredicates(eastWest.rangeAnnotationPredicates.map(\.text), "kubernetes-east-west-range-annotation-predicates")
        checkFilters(eastWest.rangeAnnotationFiltersAppend.map(\.text), "kubernetes-east-west-range-annotation-filters-append")
    }

    private mutating func checkFilters(_ texts: [String], _ flag: String) {
        refuse(texts.flatMap { CallList.parseFilters($0).errors.map(\.description) }, flag)
    }

    private mutating func checkPredicates(_ texts: [String], _ flag: String) {
        refuse(texts.flatMap { CallList.parsePredicates($0).errors.map(\.description) }, flag)
    }

    private mutating func checkRegexps(_ patterns: [String], _ flag: String) {
        for pattern in patterns {
            do throws(RegexpError) {
                _ = try CompiledRegexp(pattern)
            } catch {
                refuse(error.description, flag)
            }
        }
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
