import TestSupport
import Testing

/// Flags that no other suite sets: what each changes in a running proxy, seen from both sides.
@Suite("What flags do")
struct FlagEffectTests {
    /// One flag and one request.
    struct Case: CustomTestStringConvertible, Sendable {
        let flags: [String]
        var routes = "all: * -> \"ORIGIN\""
        var request = get("/")
        let status: Int
        /// A line of what the origin gets; nil if nothing may reach it.
        var forwarded: String?

        var testDescription: String { flags.joined(separator: " ") }
    }

    private static let byHost = "host: Host(/^a[.]test$/) -> \"ORIGIN\"; none: * -> status(418) -> <shunt>"
    private static let strangeHost = "GET / HTTP/1.1\r\nHost: A.Test.:80\r\n\r\n"

    static let cases = [
        Case(flags: ["-max-content-length", "10"], request: post("/", "12345678901"), status: 413),
        Case(flags: ["-max-content-length", "10"], request: post("/", "1234567890"), status: 200, forwarded: "POST / HTTP/1.1"),
        Case(flags: [], request: get("/?a=%zz"), status: 400), Case(flags: [], request: get("/?a;b"), status: 400),
        Case(flags: ["-validate-query=false"], request: get("/?a=%zz;b"), status: 200, forwarded: "GET /?a=%zz;b HTTP/1.1"),
        Case(flags: ["-default-http-status", "421"], routes: "x: Path(\"/x\") -> <shunt>", status: 421),
        Case(flags: ["-default-http-status", "100"], routes: "x: Path(\"/x\") -> <shunt>", status: 404),
        Case(flags: ["-default-http-status", "99"], routes: "x: Path(\"/x\") -> <shunt>", status: 404),
        Case(flags: ["-health-path", "/up"], request: get("/up"), status: 200),
        Case(flags: ["-health-path", "/up"], request: get("/kube-system/healthz"), status: 200, forwarded: "GET /kube-system/healthz HTTP/1.1"),
        Case(flags: ["-health-path", ""], request: get("/kube-system/healthz"), status: 200, forwarded: "GET /kube-system/healthz HTTP/1.1"),
        Case(flags: [], routes: byHost, request: strangeHost, status: 418), Case(flags: ["-normalize-host"], routes: byHost, request: strangeHost, status: 200, forwarded: "GET / HTTP/1.1"),
        Case(flags: ["-proxy-preserve-host"], status: 200, forwarded: "Host: a.test"),
        Case(flags: ["-forwarded-headers", "X-Forwarded-For"], status: 200, forwarded: "X-Forwarded-For: 127.0.0.1"),
        Case(flags: ["-forward-backend-url", "ORIGIN"], routes: "all: * -> <forward>", status: 200, forwarded: "GET / HTTP/1.1"),
        Case(flags: ["-disabled-filters", "setPath"], routes: "all: * -> setPath(\"/b\") -> \"ORIGIN\"", status: 404),
        Case(flags: [], routes: "a: Path(\"/a\") -> \"ORIGIN\"", request: get("/a/"), status: 404),
        Case(flags: ["-ignore-trailing-slash"], routes: "a: Path(\"/a\") -> \"ORIGIN\"", request: get("/a/"), status: 200, forwarded: "GET /a/ HTTP/1.1"),
        Case(flags: [], routes: "a: Path(\"/a/b\") -> <shunt>; all: * -> \"ORIGIN\"", request: get("/a%2Fb"), status: 404),
        Case(flags: ["-rfc-patch-path"], routes: "a: Path(\"/a/b\") -> <shunt>; all: * -> \"ORIGIN\"", request: get("/a%2Fb"), status: 200, forwarded: "GET /a%2Fb HTTP/1.1"),
        Case(flags: ["-default-filters-prepend", "setRequestHeader(\"X-A\", \"1\")"], status: 200, forwarded: "X-A: 1"),
        Case(flags: ["-default-filters-append", "setRequestHeader(\"X-A\", \"2\")"], status: 200, forwarded: "X-A: 2"),
        Case(flags: ["-edit-route", "/Path/PathSubtree/"], routes: "a: Path(\"/a\") -> \"ORIGIN\"", request: get("/a/b"), status: 200, forwarded: "GET /a/b HTTP/1.1"),
        Case(flags: ["-clone-route", ",Path[(].*[)],Path(\"/b\"),"], routes: "a: Path(\"/a\") -> \"ORIGIN\"", request: get("/a"), status: 200, forwarded: "GET /a HTTP/1.1"),
        Case(flags: ["-clone-route", ",Path[(].*[)],Path(\"/b\"),"], routes: "a: Path(\"/a\") -> \"ORIGIN\"", request: get("/b"), status: 200, forwarded: "GET /b HTTP/1.1"),
    ]

    @Test("on one request", arguments: cases) func effect(of example: Case) throws {
        let origin = try LoopbackOrigin(answer: { _ in ok("") })
        func placed(_ text: String) -> String { text.replacing("ORIGIN", with: origin.url) }
        let proxy = try FairwayProcess(routes: placed(example.routes), flags: example.flags.map(placed))
        #expect(try RawClient(port: proxy.port).exchange(example.request).status == example.status)
        guard let forwarded = example.forwarded else { return #expect(origin.requests.isEmpty) }
        let request = try #require(origin.requests.first)
        #expect(([request.startLine] + request.fields.map(\.description)).contains { $0.lowercased() == forwarded.lowercased() }, "\(request)")
    }

    @Test("a -default-http-status without a body comes without one", arguments: [204, 304]) func bodylessDefault(status: Int) throws {
        let proxy = try FairwayProcess(routes: "x: Path(\"/x\") -> status(418) -> <shunt>", flags: ["-default-http-status", "\(status)"])
        let client = try RawClient(port: proxy.port)
        for _ in 0..<2 {
            let response = try client.exchange(get("/none"))
            #expect(response.status == status && response.value("Content-Length") == nil && response.value("Content-Type") == nil)
        }
        #expect(try client.exchange(get("/x")).status == 418)
    }

    @Test("-disabled-filters is named where it leaves a route out, and a name that no filter has is told") func disabledFilters() throws {
        let proxy = try FairwayProcess(
            routes: "a: Path(\"/a\") -> status(201) -> <shunt>; all: * -> status(299) -> <shunt>", flags: ["-disabled-filters", "setPath, staus,status"])
        try proxy.waitForLog("-disabled-filters: there is no filter staus")
        try proxy.waitForLog("status is disabled (-disabled-filters); route left out")
    }

    @Test("-forwarded-headers-exclude-cidrs and -remove-hop-headers leave fields out") func leftOut() throws {
        let setup = try Setup(flags: ["-forwarded-headers", "X-Forwarded-For", "-forwarded-headers-exclude-cidrs", "127.0.0.0/8", "-remove-hop-headers"])
        #expect(try setup.client().exchange(get("/", fields: "TE: trailers\r\n")).status == 200)
        let request = try #require(setup.origin.requests.first)
        #expect(request.value("X-Forwarded-For") == nil && request.value("TE") == nil)
    }

    @Test("-keepalive-requests-server and -keepalive-server end connections with a response that says so", .enabled(if: !TestProtocol.isHTTP2), arguments: [
        ["-keepalive-requests-server", "2"], ["-keepalive-server", "2s"],
    ])
    func ageOfConnections(flags: [String]) throws {
        let setup = try Setup(flags: flags)
        let (client, told) = try Patience.within(milliseconds: 1_900) {
            let client = try setup.client()
            return (client, try client.exchange(get("/1")).value("Connection"))
        }
        #expect(told == nil)
        if flags[0] == "-keepalive-server" { Patience.pause(milliseconds: 2_100) }
        #expect(try client.exchange(get("/2")).value("Connection") == "close")
        #expect(try client.endsCleanly())
    }

    @Test("how many idle connections to upstreams stay, and for how long", arguments: [
        (["-idle-conns-num", "1"], 1), (["-idle-conns-num", "0"], 0), (["-max-idle-connection-backend", "2"], 2), (["-disable-http-keepalives"], 0), (["-close-idle-conns-period", "200ms"], 0),
    ])
    func idleConnections(flags: [String], left: Int) throws {
        // None is answered before all have asked, so that each has a connection of its own.
        let gate = Gate()
        let setup = try Setup(flags: flags, serve: { connection in
            while try connection.readRequest() != nil {
                try gate.wait()
                try connection.send(ok(""))
            }
        })
        let clients = try (0..<4).map { _ in try setup.client() }
        for client in clients { try client.send(get("/")) }
        try setup.origin.waitForRequests(4)
        gate.open()
        for client in clients { #expect(try client.readResponse().status == 200) }
        #expect(setup.origin.connectionCount == 4)
        try Patience.wait(for: "\(left) connections to be left") { setup.origin.openConnectionCount == left }
        Patience.pause(milliseconds: 100)
        #expect(setup.origin.openConnectionCount == left)
    }

    @Test("-disable-http-keepalives tells upstreams that the connection ends", arguments: [true, false]) func connectionsForOneRequest(isDisabled: Bool) throws {
        let setup = try Setup(flags: isDisabled ? ["-disable-http-keepalives"] : [])
        for number in 1...2 { #expect(try setup.client().exchange(post("/", "text", fields: "TE: trailers\r\n")).bodyText == "POST / text", "\(number)") }
        #expect(setup.origin.requests.map { $0.values("connection") } == Array(repeating: isDisabled ? ["te", "close"] : ["te"], count: 2))
        #expect(setup.origin.connectionCount == (isDisabled ? 2 : 1))
    }

    @Test("-upgrade-dial-timeout") func upgradeDial() throws {
        let full = try FullListener()
        let proxy = try FairwayProcess(routes: "r: * -> \"http://127.0.0.1:\(full.port)\"", flags: ["-upgrade-dial-timeout", "300ms", "-timeout-backend", "0s"])
        #expect(try RawClient.get("/", port: proxy.port, fields: "Connection: Upgrade\r\nUpgrade: websocket\r\n").status == 503)
    }

    @Test("what the logs hold: -access-log-strip-query, -validate-query-log, -access-log-json-enabled, -application-log-prefix, -access-log-disabled") func logs() throws {
        let stripped = try Setup(flags: ["-access-log-strip-query", "-validate-query-log=false", "-application-log-prefix", "[PROXY]"])
        #expect(try stripped.client().exchange(get("/a?secret=1")).status == 200)
        #expect(try stripped.client().exchange(get("/b?a=%zz")).status == 400)
        try stripped.proxy.waitForLog("\"GET /a HTTP/")
        try stripped.proxy.waitForLog("\"GET /b HTTP/", " 400 ")
        #expect(!stripped.proxy.log.contains("secret") && !stripped.proxy.log.contains("invalid query") && stripped.proxy.log.contains("[PROXY]time=") && !stripped.proxy.log.contains("[APP]"))
        let json = try Setup(flags: ["-access-log-json-enabled", "-application-log-json-enabled"])
        #expect(try json.client().exchange(get("/b?a=%zz")).status == 400)
        try json.proxy.waitForLog("\"uri\":\"/b?a=%zz\"", "\"status\":400")
        try json.proxy.waitForLog("\"msg\":\"400 invalid query")
        let silent = try Setup(flags: ["-access-log-disabled"])
        #expect(try silent.client().exchange(get("/a")).status == 200)
        Patience.pause(milliseconds: 100)
        #expect(!silent.proxy.log.contains("GET /a"))
    }

    @Test("how metrics are named and divided: -metrics-prefix, -histogram-metric-buckets, -serve-host-counter") func metrics() throws {
        let setup = try Setup(flags: ["-metrics-prefix", "edge.", "-histogram-metric-buckets", "0.5,200", "-serve-host-counter", "-serve-route-counter", "-serve-host-metrics", "-serve-method-metric=false"])
        #expect(try setup.client().exchange(get("/")).status == 200)
        var text = ""
        try Patience.wait(for: "the request in the metrics") {
            text = try RawClient.get("/metrics", port: setup.proxy.supportPort).bodyText
            return text.contains("edge_serve_route_count{code=\"200\",method=\"GET\",route=\"all\"} 1")
        }
        #expect(text.contains("edge_serve_host_count{code=\"200\",method=\"GET\",host=\"_unknownhost_\"} 1") && text.contains("edge_serve_host_duration_seconds_count{code=\"200\",host=\"_unknownhost_\"} 1") && !text.contains("skipper_"))
        #expect(text.contains("edge_backend_combined_duration_seconds_bucket{le=\"200\"} 1") && !text.contains("le=\"2.5\""))
    }
}
