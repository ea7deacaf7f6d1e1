import Glibc
import TestSupport
import Testing

@Suite("What metrics count")
struct MetricTests {
    private func metrics(_ proxy: FairwayProcess) throws -> [String: Double] {
        var result: [String: Double] = [:]
        for line in try RawClient.get("/metrics", port: proxy.supportPort).bodyText.split(separator: "\n") where !line.hasPrefix("#") {
            let words = line.split(separator: " ")
            result[String(words[0])] = Double(words[1])
        }
        return result
    }

    private func metrics(_ setup: Setup, _ count: Int) throws -> [String: Double] { try metrics(setup.proxy, count) }

    private func metrics(_ proxy: FairwayProcess, _ count: Int) throws -> [String: Double] {
        // The former is what a request counts first at its end, the latter what it counts last.
        for name in [Self.incoming, "proxy_total_duration_seconds_count"] {
            try Patience.wait(for: "\(count) requests in the metrics") { try metrics(proxy)["skipper_\(name)"] == Double(count) }
        }
        // They are read one after the other: only now all show what these requests added.
        return try metrics(proxy)
    }

    private static let incoming = "custom_total{key=\"incoming.\(TestProtocol.isHTTP2 ? "HTTP/2.0" : "HTTP/1.1")\"}"

    @Test("each request is in the histograms of the steps it went through") func steps() throws {
        let setup = try Setup(filters: "setRequestHeader(\"X-A\", \"1\") -> backendLatency(30) ->", flags: ["-backend-host-metrics"])
        let client = try setup.client()
        for _ in 0..<3 { #expect(try client.exchange(get("/")).status == 200) }
        let metrics = try metrics(setup, 3)
        for name in [
            "route_lookup_duration_seconds", "filter_all_combined_request_duration_seconds", "filter_all_combined_response_duration_seconds",
            "backend_combined_duration_seconds", "proxy_total_duration_seconds",
        ] {
            #expect(metrics["skipper_\(name)_count"] == 3, "\(name)")
        }
        #expect(metrics["skipper_route_lookup_duration_seconds_sum"]! > 0)
        #expect(metrics["skipper_filter_all_request_duration_seconds_count{route=\"all\"}"] == 3)
        #expect(metrics["skipper_filter_all_request_duration_seconds_sum{route=\"all\"}"]! >= 0.06)
        #expect(metrics["skipper_backend_request_header_bytes_count{host=\"_unknownhost_\"}"] == 3)
        #expect(metrics["skipper_backend_duration_seconds_count{route=\"\",host=\"\(setup.origin.url.dropFirst(7))\",zone=\"\"}"] == 3)
        #expect(metrics["skipper_custom_total{key=\"outgoing.HTTP/1.1\"}"] == 3)
    }

    @Test("each filter is measured by its name: its making, and each of its phases with what it waited") func filters() throws {
        let setup = try Setup(filters: "setRequestHeader(\"X-A\", \"1\") -> latency(20) -> backendLatency(30) -> status(202) ->")
        let client = try setup.client()
        for _ in 0..<3 { #expect(try client.exchange(get("/")).status == 202) }
        let metrics = try metrics(setup, 3)
        for filter in ["setRequestHeader", "latency", "backendLatency", "status"] {
            #expect(metrics["skipper_filter_create_duration_seconds_count{filter=\"\(filter)\"}"] ?? 0 >= 1, "\(filter)")
            for phase in ["request", "response"] {
                #expect(metrics["skipper_filter_\(phase)_duration_seconds_count{filter=\"\(filter)\"}"] == 3, "\(phase) of \(filter)")
            }
        }
        func sum(_ phase: String, _ filter: String) -> Double { metrics["skipper_filter_\(phase)_duration_seconds_sum{filter=\"\(filter)\"}"] ?? -1 }
        #expect(sum("request", "backendLatency") >= 0.08 && sum("request", "setRequestHeader") < sum("request", "backendLatency"))
        #expect(metrics["skipper_proxy_request_duration_seconds_count"] == nil && metrics["skipper_proxy_response_duration_seconds_count"] == nil)
    }

    @Test("the proxy's own time, without filters and upstream, where the flags ask for it") func ownTime() throws {
        let setup = try Setup(filters: "backendLatency(40) ->", flags: ["-proxy-request-metrics", "-proxy-response-metrics"])
        let client = try setup.client()
        for _ in 0..<3 { #expect(try client.exchange(get("/")).status == 200) }
        let metrics = try metrics(setup, 3)
        let names = ["proxy_request_duration_seconds", "proxy_response_duration_seconds", "proxy_total_duration_seconds"]
        for name in names { #expect(metrics["skipper_\(name)_count"] == 3, "\(name)") }
        for name in names.dropLast() { #expect(metrics["skipper_\(name)_sum"]! > 0, "\(name)") }
        let filters = metrics["skipper_filter_all_combined_request_duration_seconds_sum"]! + metrics["skipper_filter_all_combined_response_duration_seconds_sum"]!
        #expect(filters >= 0.1)
        for name in names { #expect(metrics["skipper_\(name)_sum"]! < filters, "\(name)") }
    }

    @Test("upstream time by zone, for endpoints that name theirs") func zones() throws {
        let first = try LoopbackOrigin(answer: Setup.answer)
        let second = try LoopbackOrigin(answer: Setup.answer)
        let routes = "all: * -> <roundRobin, \"\(first.url)?zone=eu-1a\", \"\(second.url)\">"
        let proxy = try FairwayProcess(routes: routes, flags: ["-backend-zone-metrics", "-disable-metrics-compat"])
        let client = try RawClient(port: proxy.port)
        for _ in 0..<4 { #expect(try client.exchange(get("/")).status == 200) }
        let series = "skipper_backend_duration_seconds_count{route=\"\",host=\"\",zone=\"eu-1a\"} 2\n"
        var text = ""
        try Patience.wait(for: "the series; \(text)") {
            text = try RawClient.get("/metrics", port: proxy.supportPort).bodyText
            return text.contains(series)
        }
        #expect(text.split(separator: "\n").filter { $0.hasPrefix("skipper_backend_duration_seconds_count") }.count == 1)
    }

    @Test("upstream time by host, of a route whose backend moves to another address") func movedBackend() throws {
        let origins = [try LoopbackOrigin(answer: Setup.answer), try LoopbackOrigin(answer: Setup.answer)]
        let folder = try TemporaryFolder()
        try folder.write("all: * -> \"\(origins[0].url)\";\n", to: "routes.eskip")
        let proxy = try FairwayProcess(routesFile: "\(folder.path)/routes.eskip", flags: ["-backend-host-metrics"])
        #expect(try RawClient.get("/", port: proxy.port).status == 200)
        try folder.replace("routes.eskip", by: "all: * -> \"\(origins[1].url)\";\n")
        try Patience.wait(for: "a request at the new address; the log:\n\(proxy.log)") {
            _ = try RawClient.get("/", port: proxy.port)
            return !origins[1].requests.isEmpty
        }
        let counts = origins.map(\.requests.count)
        let metrics = try metrics(proxy, counts[0] + counts[1])
        for (origin, count) in zip(origins, counts) {
            #expect(metrics["skipper_backend_duration_seconds_count{route=\"\",host=\"\(origin.url.dropFirst(7))\",zone=\"\"}"] == Double(count))
        }
    }

    @Test("what passive health leaves out") func passiveHealth() throws {
        let origin = try LoopbackOrigin(answer: Setup.answer)
        let gone = try FreePorts.next()
        let proxy = try FairwayProcess(
            routes: "all: * -> <roundRobin, \"\(origin.url)\", \"http://127.0.0.1:\(gone)\">",
            flags: ["-passive-health-check", "period=2s,min-requests=2,max-drop-probability=1"])
        let client = try RawClient(port: proxy.port)
        try Patience.wait(for: "picks without the endpoint that fails") {
            _ = try client.exchange(get("/"))
            let text = try RawClient.get("/metrics", port: proxy.supportPort).bodyText
            return text.contains(/skipper_custom_total{key="passive-health-check\.endpoints\.dropped"} [1-9]/)
                && text.contains(/skipper_custom_total{key="passive-health-check\.requests\.passed"} [1-9]/)
        }
    }

    @Test("connections that never stood are no longer open, and no fewer than none are", arguments: ["http", "h2c", "https"]) func failedConnections(scheme: String) throws {
        let gone = try FreePorts.next()
        let proxy = try FairwayProcess(routes: "all: * -> \"\(scheme)://127.0.0.1:\(gone)\"")
        for _ in 0..<3 { #expect(try RawClient.get("/", port: proxy.port).status == 502) }
        func value(_ metric: String, _ key: String) throws -> Int? {
            let start = "skipper_custom_\(metric){key=\"backend-conn-\(key)\"} "
            let lines = try RawClient.get("/metrics", port: proxy.supportPort).bodyText.split(separator: "\n")
            return lines.first { $0.hasPrefix(start) }.flatMap { Int($0.dropFirst(start.count)) }
        }
        try Patience.wait(for: "three failed connections") { try value("total", "new") == 3 && value("total", "closed") ?? 0 >= 3 }
        #expect(try value("gauges", "open") == 0)
    }

    @Test("backend errors are what upstreams fail at; what is refused, has no route or was left by its client is none") func backendErrors() throws {
        let origin = try LoopbackOrigin(serve: { connection in
            guard try connection.readRequest() != nil else { return }
            _ = try? connection.readToEnd()
        })
        let gone = try FreePorts.next()
        let proxy = try FairwayProcess(
            routes: "held: Path(\"/held\") -> \"\(origin.url)\"; loop: Path(\"/loop\") -> <loopback>; gone: Path(\"/gone\") -> \"http://127.0.0.1:\(gone)\";",
            flags: ["-max-content-length", "10"])
        let requests = [(get("/none"), 404), (get("/gone?a;b"), 400), (post("/gone", "12345678901"), 413), (get("/loop"), 500), (get("/gone"), 502)]
        for (request, status) in requests { #expect(try RawClient(port: proxy.port).exchange(request).status == status) }
        let client = try RawClient(port: proxy.port)
        try client.send(get("/held"))
        try origin.waitForRequests(1)
        client.reset()
        let metrics = try metrics(proxy, requests.count + 1)
        #expect(metrics.filter { $0.key.hasPrefix("skipper_backend_error_total") } == ["skipper_backend_error_total{route=\"gone\"}": 1])
        #expect(!metrics.keys.contains { $0.hasPrefix("skipper_streaming_error_total") })
    }

    @Test("a response that is cut in its body is counted, and one line of the log tells why", arguments: [
        ("", "connection closed before the end of the response"), ("backendTimeout(\"5s\") ->", "no response in time"),
    ])
    func cut(filter: String, reason: String) throws {
        let isBegun = Gate()
        let setup = try Setup(filters: filter, serve: { connection in
            guard try connection.readRequest() != nil else { return }
            try connection.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello")
            if filter.isEmpty { try isBegun.wait() } else { _ = try? connection.readToEnd() }
        })
        let client = try setup.client()
        try client.send(get("/"))
        // Before its head has gone the answer would be another one.
        _ = try client.read(through: "hello")
        isBegun.open()
        try setup.proxy.waitForLog("response cut: \(reason) client=127.0.0.1 route=all endpoint=127.0.0.1:\(setup.origin.port) attempt=1")
        let values = try metrics(setup, 1)
        #expect(values["skipper_streaming_error_total{route=\"all\"}"] == 1)
        #expect(!values.keys.contains { $0.hasPrefix("skipper_backend_error_total") })
        #expect(setup.proxy.log.split(separator: "\n").filter { $0.contains("response cut") }.count == 1)
    }

    @Test("what has been upgraded has a line in the access log, and its life is no latency") func tunnels() throws {
        let setup = try Setup(flags: ["-serve-route-metrics", "-serve-route-counter", "-serve-host-metrics", "-serve-host-counter"], serve: { connection in
            guard let request = try connection.readRequestHead() else { return }
            guard request.target == "/ws" else { return try connection.send(ok("plain")) }
            try connection.send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: y\r\n\r\nbye")
        })
        let client = try setup.client()
        try client.send(get("/ws", fields: "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\n"))
        #expect(try client.readResponse().status == 101)
        #expect(try client.readToEnd() == Array("bye".utf8))
        try Patience.wait(for: "the end of the tunnel") { try metrics(setup.proxy)["skipper_\(Self.incoming)"] == 1 }
        #expect(try setup.client().exchange(get("/")).status == 200)
        try Patience.wait(for: "the request behind it") {
            let values = try metrics(setup.proxy)
            return values["skipper_\(Self.incoming)"] == 2 && values["skipper_proxy_total_duration_seconds_count"] ?? 0 >= 1
        }
        let values = try metrics(setup.proxy)
        let hosts = "{host=\"_unknownhost_\"}"
        for name in [
            "proxy_total_duration_seconds_count", "response_size_bytes_count\(hosts)", "backend_request_header_bytes_count\(hosts)",
            "response_duration_seconds_count{code=\"200\",method=\"GET\",route=\"all\"}", "serve_route_count{code=\"200\",method=\"GET\",route=\"all\"}",
        ] {
            #expect(values["skipper_\(name)"] == 1, "\(name)")
        }
        #expect(!values.keys.contains { $0.contains("code=\"101\"") || $0.contains("streaming_error") })
        try setup.proxy.waitForLog("/ws", " 101 ")
    }

    @Test("a request without a route is looked up, and meets no filter") func unrouted() throws {
        let setup = try Setup(filters: "status(200) ->", flags: ["-inline-routes", "none: Path(\"/none\") -> <shunt>"])
        #expect(try setup.client().exchange(get("/other")).status == 404)
        let metrics = try metrics(setup, 1)
        #expect(metrics["skipper_route_lookup_duration_seconds_count"] == 1 && metrics["skipper_route_error_total"] == 1)
        #expect(metrics["skipper_filter_all_combined_request_duration_seconds_count"] == 0)
        #expect(metrics["skipper_custom_total{key=\"outgoing.HTTP/1.1\"}"] ?? 0 == 0)
    }

    @Test("what is answered before a route is looked for lacks none, and load balancers that find the proxy healthy leave no line in the log") func routeErrors() throws {
        let setup = try Setup(flags: ["-inline-routes", "none: Path(\"/none\") -> <shunt>; loop: Path(\"/loop\") -> setPath(\"/nowhere\") -> <loopback>", "-wait-for-healthcheck-interval", "60s"])
        let requests = [(get("/kube-system/healthz"), 200), (get("/none?a;b"), 400), (get("/none"), 404), (get("/loop"), 404), (get("/nowhere"), 404)]
        for (request, status) in requests { #expect(try setup.client().exchange(request).status == status) }
        #expect(try metrics(setup, requests.count)["skipper_route_error_total"] == 2)
        // One thread writes the lines, in the order of the requests.
        try setup.proxy.waitForLog("/nowhere", " 404 ")
        #expect(!setup.proxy.log.contains("/kube-system/healthz"))
        setup.proxy.signal(SIGTERM)
        try Patience.wait(for: "the health path to fail") { try RawClient.get("/kube-system/healthz", port: setup.proxy.port).status == 503 }
        try setup.proxy.waitForLog("/kube-system/healthz", " 503 ")
    }
}
