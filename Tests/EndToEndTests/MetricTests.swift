import TestSupport
import Testing

@Suite("What metrics count")
struct MetricTests {
    private func metrics(_ setup: Setup, _ count: Int) throws -> [String: Double] {
        var result: [String: Double] = [:]
        try Patience.wait(for: "\(count) requests in the metrics") {
            let text = try RawClient.get("/metrics", port: setup.proxy.supportPort).bodyText
            for line in text.split(separator: "\n") where !line.hasPrefix("#") {
                let words = line.split(separator: " ")
                result[String(words[0])] = Double(words[1])
            }
            return result["skipper_custom_total{key=\"incoming.\(TestProtocol.isHTTP2 ? "HTTP/2.0" : "HTTP/1.1")\"}"] == Double(count)
        }
        return result
    }

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

    @Test("a request without a route is looked up, and meets no filter") func unrouted() throws {
        let setup = try Setup(filters: "status(200) ->", flags: ["-inline-routes", "none: Path(\"/none\") -> <shunt>"])
        #expect(try setup.client().exchange(get("/other")).status == 404)
        let metrics = try metrics(setup, 1)
        #expect(metrics["skipper_route_lookup_duration_seconds_count"] == 1 && metrics["skipper_route_error_total"] == 1)
        #expect(metrics["skipper_filter_all_combined_request_duration_seconds_count"] == 0)
        #expect(metrics["skipper_custom_total{key=\"outgoing.HTTP/1.1\"}"] ?? 0 == 0)
    }
}
