import Config
import Testing

@Suite("The configuration as a whole")
struct ConfigurationCheckTests {
    @Test("the support listener is open to others only where that was asked for", arguments: [
        ([], "127.0.0.1:9911"),
        (["-kubernetes"], ":9911"),
        (["-support-listener", ":9911"], ":9911"),
        (["-support-listener", "127.0.0.1:0", "-kubernetes"], "127.0.0.1:0"),
        (["-support-listener", ""], "127.0.0.1:9911"),
        (["-support-listener", "", "-kubernetes"], ":9911"),
        (["-support-listener", "", "-metrics-listener", ":81"], ":81"),
        (["-support-listener", ":82", "-metrics-listener", ":81"], ":82"),
        (["-support-listener", "", "-metrics-listener", ""], nil),
        (["-metrics-listener", ""], "127.0.0.1:9911"),
    ] as [([String], String?)])
    func supportListener(arguments: [String], address: String?) throws {
        #expect(try parse(arguments).configuration().listeners.supportListener?.description == address)
    }

    @Test("values that Skipper bends")
    func bent() throws {
        #expect(try parse(["-source-poll-timeout", "0"]).configuration().routes.sourcePollTimeout == .milliseconds(30))
        #expect(try parse(["-source-poll-timeout", "-5"]).configuration().routes.sourcePollTimeout == .milliseconds(30))
        #expect(try parse(["-source-poll-timeout", "200"]).configuration().routes.sourcePollTimeout == .milliseconds(200))
        let status = parse(["-default-http-status", "99"])
        #expect(try status.configuration().routes.defaultHTTPStatus == 404)
        #expect(status.warnings == ["-default-http-status: 99 is not within 200 to 511; 404 is used"])
        #expect(try parse(["-default-http-status", "299"]).configuration().routes.defaultHTTPStatus == 299)
        #expect(try parse(["-max-loopbacks", "0"]).configuration().routes.maxLoopbacksAllowed == 9)
        #expect(try parse(["-max-loopbacks", "-1"]).configuration().routes.maxLoopbacksAllowed == 0)
        #expect(try parse(["-max-loopbacks", "3"]).configuration().routes.maxLoopbacksAllowed == 3)
    }

    @Test("-kubernetes implies -normalize-host")
    func normalizeHost() throws {
        #expect(try parse(["-kubernetes"]).configuration().requests.normalizeHost)
        #expect(try !parse([]).configuration().requests.normalizeHost)
    }

    @Test("metric names begin with the prefix without its dot, as far as Prometheus allows", arguments: [
        ("skipper.", "skipper"), ("edge", "edge"), ("", ""), ("edge.proxy.", "edge_proxy"), ("skipper-ingress.", "skipper_ingress"), ("1a:b", "_1a:b"),
    ])
    func namespace(prefix: String, namespace: String) throws {
        #expect(try parse(["-metrics-prefix", prefix]).configuration().metrics.namespace == namespace)
    }

    @Test("combinations that cannot be", arguments: [
        (["-address", ":9911"], "-support-listener: 127.0.0.1:9911 is taken by -address :9911"),
        (["-address", "[::]:9911"], "-support-listener: 127.0.0.1:9911 is taken by -address [::]:9911"),
        (["-insecure-address", ":9090"], "-insecure-address: :9090 is taken by -address :9090"),
        (["-validation-webhook-enabled"], "-validation-webhook-enabled: needs -validation-webhook-cert-file and -validation-webhook-key-file"),
        (["-tls-cert", "a,b", "-tls-key", "c"], "-tls-cert: 2 certificates but 1 keys in -tls-key"),
        (["-client-tls-key", "c"], "-client-tls-cert: 0 certificates but 1 keys in -client-tls-key"),
        (["-enable-mtls"], "-enable-mtls: needs exactly one -client-tls-cert with its key, found 0"),
        (["-ensure-dataclients", "inline"], "-ensure-dataclients: inline is not configured; set -inline-routes"),
        (["-swarm-redis-min-conns", "101"], "-swarm-redis-min-conns: 101 is above -swarm-redis-max-conns 100"),
    ])
    func conflicts(arguments: [String], message: String) {
        #expect(parse(arguments).errors == [message])
    }

    @Test("combinations that can", arguments: [
        ["-address", "127.0.0.1:9911", "-support-listener", "127.0.0.2:9911"], ["-address", ":0", "-support-listener", ":0"],
        ["-support-listener", "", "-metrics-listener", "", "-address", ":9911"], ["-validation-webhook-address", ":9090"],
        ["-ensure-dataclients", "inline,eskipfile-watch", "-inline-routes", "* -> <shunt>", "-routes-file", "a"],
        ["-tls-cert", "a,b", "-tls-key", "c,d"],
    ])
    func allowed(arguments: [String]) throws {
        _ = try parse(arguments).configuration()
    }

    @Test("warnings say what to do", arguments: [
        (["-kubernetes-topology-zone", "a"], ["-kubernetes-topology-zone: accepted, but has no effect yet"]),
        (["-opentracing", "jaeger"], ["-opentracing: accepted, but has no meaning here; instead: -open-telemetry"]),
        (["-debug-gc-metrics"],
            ["-debug-gc-metrics: accepted, but has no meaning here; instead: process_resident_memory_bytes; there is no garbage collector"]),
        (["-experimental-upgrade=false"], ["-experimental-upgrade: cannot be switched off: upgrades always work"]),
        (["-enable-dualstack-backend=false"], ["-enable-dualstack-backend: cannot be switched off: both are always tried"]),
        (["-metrics-flavour", "codahale,prometheus,otel"], [
            "-metrics-flavour: codahale is not available; metrics are served in the format of Prometheus",
            "-metrics-flavour: otel is not available; metrics are served in the format of Prometheus",
        ]),
        (["-metrics-prefix", "edge.proxy."],
            ["-metrics-prefix: \"edge.proxy\" cannot begin a Prometheus name (letters, digits, _ and :, no digit first); \"edge_proxy\" is used"]),
        (["-metrics-prefix", "edge_1:"], []),
        (["-idle-timeout-server", "60s"],
            ["-idle-timeout-server: an ALB keeps idle connections for 60s and answers 502 if the proxy closes first; 75s is safe"]),
        (["-filter-plugin", "a", "-filter-plugin", "b"], [
            "-filter-plugin: accepted, but has no meaning here; instead: "
                + "a built-in filter or the filter lua; Go plugins cannot be loaded. For a route source, -routes-urls"
        ]),
        // What changes nothing is no news.
        (["-opentracing", "noop", "-runtime-metrics", "-block-profile-rate=0", "-kubernetes=false", "-timeout-backend", "5s"], []),
        (["-experimental-upgrade", "-remove-hop-headers", "-dev-mode"], []),
        (["-enable-ratelimits", "-enable-breakers"], ["-enable-ratelimits: accepted, but has no effect yet", "-enable-breakers: accepted, but has no effect yet"]),
        (["-backend-flush-interval", "1s", "-enable-copy-stream-pool"], []),
    ])
    func warnings(arguments: [String], warnings: [String]) {
        #expect(parse(arguments).warnings == warnings)
    }

    @Test("routes, filters, predicates and regexps that cannot be read", arguments: [
        (["-inline-routes", "a: * -> <shunt>;\nb: * -> "], "-inline-routes: 2:9: route \"b\": "),
        (["-default-filters-prepend", "a()", "-default-filters-prepend", "status(200"], "-default-filters-prepend: 1:11: "),
        (["-default-filters-append", "status"], "-default-filters-append: 1:"),
        (["-edit-route", "/(/x/"], "-edit-route: regexp /(/: missing closing )"),
        (["-clone-route", "/a(?=b)/x/"], "-clone-route: regexp /a(?=b)/: unknown group syntax"),
        (["-kubernetes-ingress-class", "["], "-kubernetes-ingress-class: regexp /[/: missing closing ]"),
        (["-kubernetes-annotation-predicates", "a=b=P("], "-kubernetes-annotation-predicates: 1:3: "),
        (["-kubernetes-annotation-filters-append", "a=b=f("], "-kubernetes-annotation-filters-append: 1:3: "),
        (["-kubernetes-east-west-range-predicates", "P("], "-kubernetes-east-west-range-predicates: 1:3: "),
    ])
    func unreadableTexts(arguments: [String], start: String) {
        let errors = parse(arguments).errors
        #expect(errors.count == 1)
        #expect(errors.first?.hasPrefix(start) == true, "\(errors)")
    }

    @Test("every error of the routes is told")
    func allRouteErrors() {
        #expect(parse(["-inline-routes", "a: P( -> <shunt>;\nb: * -> f() <shunt>;\nc: * -> <shunt>;"]).errors.count == 2)
    }

    @Test("command lines of a test bench and of a usual deployment are understood")
    func deployments() throws {
        let bench = try parse([
            "-address", "127.0.0.1:31000", "-support-listener", "127.0.0.1:31001", "-routes-file", "/tmp/r.eskip", "-enable-ratelimits",
            "-enable-breakers", "-access-log-disabled", "-suppress-route-update-logs", "-wait-first-route-load",
            "-wait-for-healthcheck-interval", "0", "-response-header-timeout-backend", "300ms", "-validate-query=false",
        ]).configuration()
        #expect(bench.general.waitForHealthcheckInterval == .zero)
        #expect(bench.backend.responseHeaderTimeout == .milliseconds(300))
        #expect(bench.accessLog.disabled && bench.routes.waitFirstRouteLoad && bench.routes.suppressRouteUpdateLogs)
        let deployment = try parse([
            "-address=:9999", "-kubernetes", "-kubernetes-in-cluster", "-kubernetes-path-mode=path-prefix", "-proxy-preserve-host",
            "-serve-host-metrics", "-disable-metrics-compat", "-enable-profile", "-metrics-exp-decay-sample", "-enable-connection-metrics",
            "-max-audit-body=0", "-histogram-metric-buckets=.01,1,10,100", "-reverse-source-predicate",
            "-default-filters-prepend=enableAccessLog(4,5) -> lifo(2000,20000,\"3s\")",
        ]).configuration()
        #expect(deployment.kubernetes.pathMode == .pathPrefix)
        #expect(deployment.listeners.supportListener?.description == ":9911")
    }
}
