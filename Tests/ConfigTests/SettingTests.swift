import Bytes
import Config
import Net
import Testing

@Suite("Values with a structure")
struct SettingTests {
    @Test("passive-health-check", arguments: [
        ("period=1s", ["min-requests is missing", "max-drop-probability is missing"]),
        ("period=1s,min-requests=1,max-drop-probability=2", ["max-drop-probability: 2.0 is not allowed, 0.0 to 1.0 is"]),
        ("period=1s,min-requests=1,max-drop-probability=0.5,min-drop-probability=0.5",
            ["min-drop-probability 0.5 must be below max-drop-probability 0.5"]),
        ("period=0s,min-requests=1,max-drop-probability=0.5", ["period must be above 0"]),
        ("period=1,min-requests=-1,max-drop-probability=x", [
            "period: \"1\" is no duration; write a number with its unit, such as 500ms, 75s or 1h30m",
            "min-requests: -1 is not allowed, at least 0 is", "max-drop-probability: \"x\" is no number",
        ]),
        ("period=1s,period=2s,min-requests=1,max-drop-probability=0.5", ["period is given twice"]),
        ("period", ["\"period\" is not of the form key=value"]),
    ])
    func passiveHealthCheck(text: String, problems: [String]) {
        #expect(parse(["-passive-health-check", text]).errors == problems.map { "-passive-health-check: \($0)" })
    }

    @Test("breakers, those that are allowed")
    func breakers() throws {
        let breakers = try parse([
            "-breaker", "type=rate,host=foo.example.org,window=100,failures=30,timeout=3m,half-open-requests=5,idle-ttl=1h",
            "-breaker", "type=disabled", "-breaker", "host=x,failures=3",
        ]).configuration().protection.breaker
        #expect(breakers.map(\.type) == [.rate, .disabled, nil])
        #expect(breakers[0].host == "foo.example.org")
        #expect(breakers[0].window == 100)
        #expect(breakers[0].failures == 30)
        #expect(breakers[0].timeout == .seconds(180))
        #expect(breakers[0].halfOpenRequests == 5)
        #expect(breakers[0].idleTTL == .seconds(3600))
    }

    @Test("breakers, those that are not", arguments: [
        ("failures=3", "type is missing: consecutive, rate or disabled"),
        ("type=consecutive", "consecutive needs failures above 0"),
        ("type=rate,failures=3", "rate needs failures and window above 0"),
        ("type=rate,failures=30,window=10", "failures 30 cannot be reached within a window of 10"),
        ("type=rat,failures=3", "type: \"rat\" is not allowed (did you mean \"rate\"?); allowed are consecutive, rate, disabled"),
        ("type=disabled,hosts=x",
            "unknown key \"hosts\" (did you mean \"host\"?); the keys are type, host, window, failures, timeout, half-open-requests, idle-ttl"),
    ])
    func refusedBreaker(text: String, problem: String) {
        #expect(parse(["-breaker", text]).errors == ["-breaker: \(problem)"])
    }

    @Test("rate limits")
    func ratelimits() throws {
        let limits = try parse([
            "-ratelimits", "type=client,max-hits=20,time-window=1m", "-ratelimits", "type=clusterService,max-hits=2,time-window=3s,group=g",
            "-ratelimits", "type=disabled",
        ]).configuration().protection.ratelimits
        #expect(limits.map(\.type) == [.client, .clusterService, .disabled])
        #expect(limits.map(\.maxHits) == [20, 2, 0])
        #expect(limits.map(\.timeWindow) == [.seconds(60), .seconds(3), .zero])
        #expect(limits.map(\.group) == ["", "g", ""])
    }

    @Test("rate limits that are none", arguments: [
        ("type=client", ["max-hits is missing", "time-window is missing"]),
        ("type=client,max-hits=0,time-window=1s", ["max-hits: 0 is not allowed, at least 1 is"]),
        ("type=service,max-hits=1,time-window=0", ["time-window must be above 0"]),
        ("type=clients,max-hits=1,time-window=1s",
            ["type: \"clients\" is not allowed (did you mean \"client\"?); allowed are client, service, clusterClient, clusterService, disabled"]),
    ])
    func refusedRatelimit(text: String, problems: [String]) {
        #expect(parse(["-ratelimits", text]).errors == problems.map { "-ratelimits: \($0)" })
    }

    @Test("edits split at their first character")
    func edits() throws {
        let routes = try parse([
            "-edit-route", "/a+/b/", "-edit-route", "#/26#/24#", "-clone-route", "#Path[(]\"/a\"[)]#Path(\"/copy\")#", "-clone-route", "/x//",
        ]).configuration().routes
        #expect(routes.editRoute.map(\.pattern) == ["a+", "/26"])
        #expect(routes.editRoute.map(\.replacement) == ["b", "/24"])
        #expect(routes.editRoute.map(\.separator) == ["/", "#"])
        #expect(routes.cloneRoute.map(\.pattern) == ["Path[(]\"/a\"[)]", "x"])
        #expect(routes.cloneRoute.map(\.replacement) == ["Path(\"/copy\")", ""])
    }

    @Test("edits that do not split", arguments: ["", "/", "/a/", "/a/b", "/a/b/c", "/a/b/c/", "abc"])
    func refusedEdit(text: String) {
        let form = "is not of the form /regexp/replacement/ (the first character separates, and stands there three times)"
        #expect(parse(["-edit-route", text]).errors == ["-edit-route: \"\(text)\" \(form)"])
        #expect(parse(["-clone-route", text]).errors == ["-clone-route: \"\(text)\" \(form)"])
    }

    @Test("forwarded headers")
    func forwardedHeaders() throws {
        let all = try parse(["-forwarded-headers",
            "X-Forwarded-For,X-Forwarded-Host,X-Forwarded-Method,X-Forwarded-Uri,X-Forwarded-Port=443,X-Forwarded-Proto=http"
        ]).configuration().requests.forwardedHeaders
        #expect(all.isForSet && all.isHostSet && all.isMethodSet && all.isURISet)
        #expect(all.port == .fixed(443))
        #expect(all.scheme == .http)
        let automatic = try parse(["-forwarded-headers", "x-forwarded-port=auto, X-Forwarded-Proto=auto"]).configuration()
            .requests.forwardedHeaders
        #expect(!automatic.isForSet)
        #expect(automatic.port == .auto)
        #expect(automatic.scheme == .auto)
        #expect(try parse(["-forwarded-headers", "X-Forwarded-For", "-forwarded-headers="]).configuration() == Configuration())
    }

    @Test("forwarded headers that are none", arguments: [
        ("X-Forwarded-For=1", "X-Forwarded-For takes no value"),
        ("X-Forwarded-Port", "X-Forwarded-Port takes a value: X-Forwarded-Port=auto or =443"),
        ("X-Forwarded-Port=0", "X-Forwarded-Port takes auto or a port within 1...65535, found \"0\""),
        ("X-Forwarded-Port=https", "X-Forwarded-Port takes auto or a port within 1...65535, found \"https\""),
        ("X-Forwarded-Proto", "X-Forwarded-Proto takes a value: X-Forwarded-Proto=auto, =http or =https"),
        ("X-Forwarded-Proto=ftp", "X-Forwarded-Proto takes auto, http or https, found \"ftp\""),
        ("X-Forwarded-Hots", "\"X-Forwarded-Hots\" is no forwarded header (did you mean \"X-Forwarded-Host\"?); there are X-Forwarded-For, "
            + "X-Forwarded-Host, X-Forwarded-Method, X-Forwarded-Uri, X-Forwarded-Port=, X-Forwarded-Proto="),
    ])
    func refusedForwardedHeader(text: String, problem: String) {
        #expect(parse(["-forwarded-headers", text]).errors == ["-forwarded-headers: \(problem)"])
    }

    @Test("address ranges")
    func cidrs() throws {
        let configuration = try parse([
            "-forwarded-headers-exclude-cidrs", "10.0.0.0/8, fd00::/8,192.0.2.1", "-whitelisted-healthcheck-cidr", "10.0.0.0/8",
        ]).configuration()
        let excluded = configuration.requests.forwardedHeadersExcludeCIDRs
        for text in ["10.1.2.3", "fd00::1", "192.0.2.1"] { #expect(excluded.contains(IPAddress(text)!)) }
        #expect(!excluded.contains(IPAddress("192.0.2.2")!))
        #expect(configuration.kubernetes.whitelistedHealthcheckCIDR == ["10.0.0.0/8"])
        #expect(parse(["-proxy-deny-cidrs", "10.0.0.0/33,x,::1", "-whitelisted-healthcheck-cidr", "1.2.3"]).errors == [
            "-proxy-deny-cidrs: \"10.0.0.0/33\": prefix length must be 0 to 32",
            "-proxy-deny-cidrs: \"x\" is no IP address or CIDR prefix",
            "-whitelisted-healthcheck-cidr: \"1.2.3\" is no IP address or CIDR prefix",
        ])
    }

    @Test("name servers")
    func nameServers() throws {
        let servers = try parse(["-dns-servers", "127.0.0.1:5353,192.0.2.1,[::1]:54,2001:db8::1"]).configuration().backend.dnsServers
        #expect(servers.map(\.description) == ["127.0.0.1:5353", "192.0.2.1:53", "[::1]:54", "[2001:db8::1]:53"])
        for text in ["ns.example.org:53", "127.0.0.1:0", ":53", "1.2.3", "127.0.0.1:99999"] {
            #expect(parse(["-dns-servers", text]).errors == ["-dns-servers: \"\(text)\" is no ip:port"])
        }
    }

    @Test("buckets ascend, and sizes have two at least")
    func buckets() throws {
        let metrics = try parse(["-histogram-metric-buckets", ".01, 1,2.5", "-request-size-buckets", "1024,4096"]).configuration().metrics
        #expect(metrics.histogramBuckets == [0.01, 1, 2.5])
        #expect(metrics.requestSizeBuckets == [1024, 4096])
        #expect(parse(["-response-size-buckets", "1"]).errors == ["-response-size-buckets: takes at least 2 values, found 1"])
        #expect(parse(["-response-size-buckets", "2,1"]).errors == ["-response-size-buckets: the values must ascend"])
        #expect(parse(["-histogram-metric-buckets", "1,1"]).errors == ["-histogram-metric-buckets: the values must ascend"])
        #expect(parse(["-histogram-metric-buckets", "1,inf"]).errors == ["-histogram-metric-buckets: \"inf\" is no number"])
    }

    @Test("annotation rules")
    func annotationRules() throws {
        let rules = try parse(["-kubernetes-annotation-filters-append", "zone=a=b(\"x=y\") -> c()"]).configuration()
            .kubernetes.annotationFiltersAppend
        #expect(rules.map(\.key) == ["zone"])
        #expect(rules.map(\.value) == ["a"])
        #expect(rules.map(\.text) == ["b(\"x=y\") -> c()"])
        for text in ["zone", "zone=a", "zone=a=", "=a=b()"] {
            #expect(parse(["-kubernetes-annotation-predicates", text]).errors == [
                "-kubernetes-annotation-predicates: \"\(text)\" is not of the form annotation=value=eskip"
            ])
        }
    }
}
