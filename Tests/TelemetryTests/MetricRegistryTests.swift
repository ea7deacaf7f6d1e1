import Bytes
import Synchronization
import Testing

@testable import Telemetry

/// A number that several threads see.
final class SharedNumber: Sendable {
    private let number: Atomic<Int>

    init(_ value: Int) { number = Atomic(value) }

    var value: Int {
        get { number.load(ordering: .acquiring) }
        set { number.store(newValue, ordering: .releasing) }
    }
}

@Suite("Metrics")
struct MetricRegistryTests {
    @Test func shardsAddUp() {
        let registry = MetricRegistry()
        let shards = (0..<3).map { _ in registry.makeShard() }
        let route = registry.labels.label("shop")
        for (index, shard) in shards.enumerated() {
            shard.add(.routeError, UInt64(index + 1))
            shard.add(.backendError, route, by: 10)
            shard.observe(.routeLookupDuration, 1000)
        }
        registry.withSharedShard { $0.add(.backendError, route) }
        #expect(registry.value(.routeError) == 6)
        #expect(registry.value(.backendError, route) == 31)
        #expect(registry.observationCount(.routeLookupDuration) == 3)
        #expect(registry.value(.backendError, registry.labels.label("other")) == 0)
    }

    @Test("puts an observation into the bucket whose bound it does not exceed", arguments: [
        (0, 0), (4_999_999, 0), (5_000_000, 0), (5_000_001, 1), (10_000_000_000, 10), (10_000_000_001, 11), (.max, 11),
    ] as [(UInt64, Int)])
    func buckets(nanoseconds: UInt64, bucket: Int) {
        let registry = MetricRegistry()
        registry.makeShard().observe(.routeLookupDuration, nanoseconds)
        let words = registry.snapshot().first { $0.key.metric == .routeLookupDuration }.map { Array($0.words) }
        var expected = [UInt64](repeating: 0, count: 13)
        expected[bucket] = 1
        expected[12] = nanoseconds
        #expect(words == expected)
    }

    @Test func gaugesAreSetPerShardAndSummed() {
        let registry = MetricRegistry()
        let key = registry.labels.label("lb-conn-active")
        let (first, second) = (registry.makeShard(), registry.makeShard())
        first.set(.customGauge, key, to: 5)
        second.set(.customGauge, key, to: -4)
        #expect(registry.value(.customGauge, key) == 1)
        first.set(.customGauge, key, to: 1)
        #expect(registry.value(.customGauge, key) == -3)
    }

    @Test("metrics that are off by default", arguments: [
        Metric.serveRouteDuration, .serveRouteCount, .serveHostDuration, .serveHostCount, .proxyRequestDuration, .proxyResponseDuration,
    ])
    func offByDefault(metric: Metric) {
        let registry = MetricRegistry()
        let shard = registry.makeShard()
        shard.observe(metric, 1)
        shard.observe(metric, 1, .code(200))
        shard.add(metric, .code(200))
        #expect(!registry.snapshot().contains { $0.key.metric == metric })
    }

    @Test func seriesBeyondTheLimitAreCountedOnly() {
        var options = MetricOptions()
        options.seriesMax = 50
        let registry = MetricRegistry(options: options)
        let shard = registry.makeShard()
        let labels = (0..<100).map { registry.labels.label("route-\($0)") }
        for _ in 0..<2 { for label in labels { shard.add(.backendError, label) } }
        let kept = labels.count { registry.value(.backendError, $0) == 2 }
        #expect(kept > 0 && kept < 50)
        #expect(registry.value(.metricSeriesDropped) == 2 * (100 - kept))
        // What has a series goes on counting.
        shard.add(.backendError, labels[0])
        #expect(registry.value(.backendError, labels[0]) == 3)
    }

    @Test func manySeriesKeepTheirCounts() {
        let registry = MetricRegistry()
        let shard = registry.makeShard()
        let labels = (0..<5000).map { registry.labels.label("route-\($0)") }
        for round in 0..<3 { for (index, label) in labels.enumerated() where index % (round + 1) == 0 { shard.observe(.responseDuration, 1, .code(200), .method(0), label) } }
        let counts = Dictionary(uniqueKeysWithValues: registry.snapshot().filter { $0.key.metric == .responseDuration }.map { ($0.key.labels[2], $0.words.first) })
        #expect(counts.count == 5000)
        #expect(counts[labels[0]] == 3)
        #expect(counts[labels[1]] == 1)
        #expect(counts[labels[4]] == 2)
        #expect(counts[labels[6]] == 3)
    }

    @Test func readsWhileAWorkerWrites() async {
        let registry = MetricRegistry()
        let shard = registry.makeShard()
        let labels = (0..<2000).map { registry.labels.label("route-\($0)") }
        let done = SharedNumber(0)
        await withTaskGroup(of: Bool.self) { group in
            group.addTask {
                for label in labels {
                    shard.add(.routeError)
                    shard.observe(.responseDuration, 1, .code(200), .method(0), label)
                }
                done.value = 1
                return true
            }
            group.addTask {
                var previous = 0
                var isMonotonic = true
                while done.value == 0 {
                    let count = registry.snapshot().filter { $0.key.metric == .responseDuration }.reduce(0) { $0 + Int($1.words.first!) }
                    isMonotonic = isMonotonic && count >= previous
                    previous = count
                }
                return isMonotonic
            }
            for await result in group { #expect(result) }
        }
        #expect(registry.value(.routeError) == 2000)
    }

    @Test func sourcesAreReadWhenAsked() {
        let registry = MetricRegistry()
        let lost = SharedNumber(3)
        registry.addSource(.applicationLogLinesDropped) { lost.value }
        #expect(registry.value(.applicationLogLinesDropped) == 3)
        lost.value = 4
        #expect(registry.value(.applicationLogLinesDropped) == 4)
    }

    @Test func everyMetricHasAName() {
        let names = Metric.allCases.map(\.family.name)
        #expect(Set(names).count == names.count)
        for metric in Metric.allCases {
            let family = metric.family
            #expect(family.name.utf8.allSatisfy { (97...122).contains($0) || (48...57).contains($0) || $0 == 95 })
            #expect(family.labels.count <= 3)
            #expect(family.help.hasSuffix("."))
        }
    }
}

@Suite("Labels of metrics")
struct MetricLabelTests {
    @Test(arguments: [
        (MetricLabel.none, ""), (.code(200), "200"), (.code(999), "999"), (.code(99), "_other_"), (.code(1000), "_other_"), (.code(-1), "_other_"),
        (.method(0), "GET"), (.method(8), "TRACE"), (.method(9), "_unknownmethod_"), (.method(255), "_unknownmethod_"),
        (.unknownRoute, "_unknownroute_"), (.unknownHost, "_unknownhost_"), (MetricLabel(id: 4_000_000), "_other_"),
    ])
    func fixedTexts(label: MetricLabel, text: String) {
        #expect(MetricLabels().text(of: label) == text)
    }

    @Test func equalTextsHaveOneNumber() {
        let labels = MetricLabels()
        let numbers = (0..<1000).map { labels.label("route-\($0)") }
        #expect(Set(numbers).count == 1000)
        #expect(numbers == (0..<1000).map { labels.label("route-\($0)") })
        #expect(labels.text(of: numbers[777]) == "route-777")
        #expect(labels.label("") == .none)
        #expect(labels.count == 1000)
    }

    @Test("hosts from traffic", arguments: [
        ("shop.example.org", "shop_example_org"), ("10.0.0.1:8080", "10_0_0_1__8080"), ("localhost", "localhost"), ("", "_unknownhost_"),
        ("a\"b\n", "a\"b\n"),
    ])
    func hosts(host: String, expected: String) {
        let registry = MetricRegistry()
        let shard = registry.makeShard()
        let first = host.withBytes { shard.hostLabel($0) }
        #expect(registry.labels.text(of: first) == expected)
        #expect(host.withBytes { shard.hostLabel($0) } == first)
        #expect(host.withBytes { registry.makeShard().hostLabel($0) } == first)
    }

    @Test func clientsCannotFillTheTable() {
        let registry = MetricRegistry()
        let shard = registry.makeShard()
        for index in 0..<(TelemetryLimits.observedLabelsMax + 100) { _ = "h\(index)".withBytes { shard.hostLabel($0) } }
        #expect(registry.labels.count == TelemetryLimits.observedLabelsMax)
        #expect("late".withBytes { shard.hostLabel($0) } == .other)
        #expect("late".withBytes { registry.makeShard().hostLabel($0) } == .other)
        #expect("h5".withBytes { shard.hostLabel($0) } != .other)
        #expect(registry.labels.text(of: registry.labels.label("a route still has its label")) == "a route still has its label")
    }

    @Test func longTextsAreCut() {
        let labels = MetricLabels()
        let long = String(repeating: "x", count: 1000)
        #expect(labels.text(of: labels.label(long)).utf8.count == TelemetryLimits.labelBytesMax)
        #expect(labels.label(long) == labels.label(long + "y"))
    }
}
