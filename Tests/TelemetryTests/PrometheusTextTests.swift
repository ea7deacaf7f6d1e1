import Bytes
import Testing

@testable import Telemetry

@Suite("Prometheus text")
struct PrometheusTextTests {
    static func text(_ registry: MetricRegistry) -> String {
        var text = PrometheusText()
        registry.write(to: &text)
        return text.takeOutput().readable.text
    }

    static func lines(_ registry: MetricRegistry, _ prefix: String) -> [String] {
        text(registry).split(separator: "\n").map(String.init).filter { $0.hasPrefix(prefix) }
    }

    @Test func counterWithLabels() {
        let registry = MetricRegistry()
        registry.makeShard().add(.backendError, registry.labels.label("a\\b\"c\nd"), by: 3)
        #expect(Self.text(registry).contains("""
            # HELP skipper_backend_error_total Requests that the upstream did not answer, by route.
            # TYPE skipper_backend_error_total counter
            skipper_backend_error_total{route="a\\\\b\\"c\\nd"} 3

            """))
    }

    @Test func startLabelIsForCountersOnly() {
        var options = MetricOptions()
        options.startLabel = "17"
        let registry = MetricRegistry(options: options)
        registry.withSharedShard {
            $0.add(.routeError)
            $0.observe(.routeLookupDuration, 1000)
        }
        let text = Self.text(registry)
        #expect(text.contains(#"skipper_route_error_total{start="17"} 1"#))
        #expect(text.contains("skipper_route_lookup_duration_seconds_count 1"))
    }

    @Test func histogramIsCumulativeAndInSeconds() {
        let registry = MetricRegistry()
        let shard = registry.makeShard()
        for nanoseconds in [1_000_000, 6_000_000, 6_000_000, 20_000_000_000] as [UInt64] { shard.observe(.backendCombinedDuration, nanoseconds) }
        #expect(Self.lines(registry, "skipper_backend_combined") == [
            "skipper_backend_combined_duration_seconds_bucket{le=\"0.005\"} 1", "skipper_backend_combined_duration_seconds_bucket{le=\"0.01\"} 3",
            "skipper_backend_combined_duration_seconds_bucket{le=\"0.025\"} 3", "skipper_backend_combined_duration_seconds_bucket{le=\"0.05\"} 3",
            "skipper_backend_combined_duration_seconds_bucket{le=\"0.1\"} 3", "skipper_backend_combined_duration_seconds_bucket{le=\"0.25\"} 3",
            "skipper_backend_combined_duration_seconds_bucket{le=\"0.5\"} 3", "skipper_backend_combined_duration_seconds_bucket{le=\"1\"} 3",
            "skipper_backend_combined_duration_seconds_bucket{le=\"2.5\"} 3", "skipper_backend_combined_duration_seconds_bucket{le=\"5\"} 3",
            "skipper_backend_combined_duration_seconds_bucket{le=\"10\"} 3", "skipper_backend_combined_duration_seconds_bucket{le=\"+Inf\"} 4",
            "skipper_backend_combined_duration_seconds_sum 20.013", "skipper_backend_combined_duration_seconds_count 4",
        ])
    }

    @Test func sizesStayInBytes() {
        let registry = MetricRegistry()
        let shard = registry.makeShard()
        let host = "a.org:80".withBytes { shard.hostLabel($0) }
        shard.observe(.responseSize, 2_000_000, host)
        let lines = Self.lines(registry, "skipper_response_size_bytes")
        #expect(lines.contains("skipper_response_size_bytes_bucket{host=\"a_org__80\",le=\"1.048576e+06\"} 0"))
        #expect(lines.contains("skipper_response_size_bytes_bucket{host=\"a_org__80\",le=\"5.36870912e+08\"} 1"))
        #expect(lines.contains("skipper_response_size_bytes_sum{host=\"a_org__80\"} 2000000"))
    }

    @Test func emptyLabelsAreShownWhereTheMetricHasThem() {
        let registry = MetricRegistry()
        registry.makeShard().upstreamAnswered(status: 200, route: registry.labels.label("r"), host: .none, zone: .none, nanoseconds: 1)
        #expect(Self.lines(registry, "skipper_backend_duration_seconds_count") == ["skipper_backend_duration_seconds_count{route=\"r\",host=\"\",zone=\"\"} 1"])
    }

    @Test func backendLabelsAreSetOneAtATime() {
        var options = MetricOptions()
        options.compatible = false
        options.backendHost = true
        options.backendZone = true
        let registry = MetricRegistry(options: options)
        let (route, host, zone) = (registry.labels.label("r"), registry.labels.label("10.0.0.1:80"), registry.labels.label("eu-1a"))
        registry.makeShard().upstreamAnswered(status: 503, route: route, host: host, zone: zone, nanoseconds: 1)
        #expect(Self.lines(registry, "skipper_backend_duration_seconds_count") == [
            "skipper_backend_duration_seconds_count{route=\"\",host=\"\",zone=\"eu-1a\"} 1",
            "skipper_backend_duration_seconds_count{route=\"\",host=\"10.0.0.1:80\",zone=\"\"} 1",
        ])
        #expect(Self.lines(registry, "skipper_backend_5xx_duration_seconds_count") == ["skipper_backend_5xx_duration_seconds_count 1"])
    }

    @Test("labels that options leave out", arguments: [
        (true, true, "{code=\"200\",method=\"GET\",route=\"r\"}"), (false, true, "{method=\"GET\",route=\"r\"}"),
        (true, false, "{code=\"200\",route=\"r\"}"), (false, false, "{route=\"r\"}"),
    ])
    func optionalLabels(code: Bool, method: Bool, expected: String) {
        var options = MetricOptions()
        options.serveRoute = true
        options.serveRouteCounter = true
        options.serveStatusCode = code
        options.serveMethod = method
        let registry = MetricRegistry(options: options)
        let (shard, route) = (registry.makeShard(), registry.labels.label("r"))
        shard.requestServed(code: .code(200), method: .method(0), route: route, host: .unknownHost, nanoseconds: 1)
        #expect(Self.lines(registry, "skipper_serve_route_duration_seconds_count") == ["skipper_serve_route_duration_seconds_count\(expected) 1"])
        #expect(Self.lines(registry, "skipper_serve_route_count") == ["skipper_serve_route_count{code=\"200\",method=\"GET\",route=\"r\"} 1"])
        #expect(Self.lines(registry, "skipper_serve_host").isEmpty)
    }

    @Test func combinedResponsesHaveAnEmptyRoute() {
        var options = MetricOptions()
        options.combinedResponse = true
        options.compatible = false
        let registry = MetricRegistry(options: options)
        registry.makeShard().responseEnded(
            code: .code(200), method: .method(0), route: registry.labels.label("r"), bytes: 1, host: .unknownHost, nanoseconds: 1)
        #expect(Self.lines(registry, "skipper_response_duration_seconds_count") == ["skipper_response_duration_seconds_count{code=\"200\",method=\"GET\",route=\"\"} 1"])
    }

    @Test func aRouteThatBecameValidDisappears() {
        let registry = MetricRegistry()
        let (route, reason) = (registry.labels.label("r"), registry.labels.label("unknown_filter"))
        registry.withSharedShard { $0.set(.routeInvalid, route, reason, to: 1) }
        #expect(Self.lines(registry, "skipper_route_invalid") == ["skipper_route_invalid{route_id=\"r\",reason=\"unknown_filter\"} 1"])
        registry.withSharedShard { $0.set(.routeInvalid, route, reason, to: 0) }
        #expect(!Self.text(registry).contains("route_invalid"))
    }

    @Test("namespaces", arguments: [("skipper.", "skipper_"), ("my-app.", "my_app_"), ("", ""), (".", ""), ("a.b.", "a_b_"), ("9x", "_9x_")])
    func namespace(prefix: String, expected: String) {
        var options = MetricOptions()
        options.prefix = prefix
        #expect(options.namespace == expected)
    }

    @Test("bounds as Go writes them", arguments: [
        (5_000_000, "0.005"), (250_000_000, "0.25"), (1_000_000_000, "1"), (2_500_000_000, "2.5"), (10_000_000_000, "10"), (120_000_000_000, "120"),
        (1_234_500_000_000, "1234.5"), (100_000, "0.0001"), (10_000, "1e-05"), (12_000, "1.2e-05"), (999_999_000_000_000, "999999"), (1_000_000_000_000_000, "1e+06"), (0, "0"),
    ] as [(UInt64, String)])
    func durationBound(nanoseconds: UInt64, expected: String) {
        #expect(DecimalText.bound(nanoseconds, isNanoseconds: true) == expected)
    }

    @Test("bounds as Go writes them, bytes", arguments: [
        (1, "1"), (512, "512"), (524_288, "524288"), (1_000_000, "1e+06"), (1_048_576, "1.048576e+06"), (1_073_741_824, "1.073741824e+09"), (10_000_000_000_000, "1e+13"),
    ] as [(UInt64, String)])
    func sizeBound(bytes: UInt64, expected: String) {
        #expect(DecimalText.bound(bytes, isNanoseconds: false) == expected)
    }

    @Test("bounds out of reason are left out and the rest is ordered")
    func configuredBounds() {
        var options = MetricOptions()
        options.durationBuckets = [1, 0.1, -1, .infinity, .nan, 1e300, 0.1, 0.5]
        #expect(options.bounds(.durations) == [100_000_000, 500_000_000, 1_000_000_000])
        options.durationBuckets = []
        let registry = MetricRegistry(options: options)
        registry.makeShard().observe(.routeLookupDuration, 5)
        #expect(Self.lines(registry, "skipper_route_lookup") == [
            "skipper_route_lookup_duration_seconds_bucket{le=\"+Inf\"} 1", "skipper_route_lookup_duration_seconds_sum 0.000000005", "skipper_route_lookup_duration_seconds_count 1",
        ])
    }

    @Test("seconds", arguments: [(0, "0"), (1, "0.000000001"), (1_500_000_000, "1.5"), (60_000_000_000, "60"), (.max, "18446744073.709551615")] as [(UInt64, String)])
    func seconds(nanoseconds: UInt64, expected: String) {
        #expect(DecimalText.seconds(nanoseconds) == expected)
    }
}
