/// Which metrics are kept, and how; the defaults are those of the flags.
public struct MetricOptions: Sendable {
    /// Put before every name; a trailing dot is dropped and the rest made a valid name.
    public var prefix = "skipper."

    /// The series by route that Skipper calls compatible: responses, upstream and all filters of a route.
    public var compatible = true
    public var routeResponse = false
    public var routeBackend = false
    public var allFilters = false
    /// Adds to the responses by route one series with an empty route.
    public var combinedResponse = false

    public var serveRoute = false
    public var serveRouteCounter = false
    public var serveHost = false
    public var serveHostCounter = false
    public var serveMethod = true
    public var serveStatusCode = true
    public var backendHost = false
    public var backendZone = false
    public var proxyRequest = false
    public var proxyResponse = false

    /// Gives counters the label `start` with this text, so that those of two runs are not taken for one; nil for none.
    public var startLabel: String?

    /// Upper bounds of histograms, ascending; seconds, and bytes for the two below.
    public var durationBuckets = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]
    public var responseSizeBuckets: [Double] = [1, 512, 1024, 524_288, 1_048_576, 536_870_912, 1_073_741_824]
    public var requestSizeBuckets: [Double] = [4096, 8192, 16_384, 65_536]

    /// Series of one worker; what would exceed them is counted in `skipper_metric_series_dropped_total`.
    public var seriesMax = TelemetryLimits.seriesMax

    public init() {}

    /// The prefix as the beginning of a Prometheus name: `skipper.` gives `skipper_`, an empty one nothing.
    var namespace: String {
        let trimmed = prefix.hasSuffix(".") ? String(prefix.dropLast()) : prefix
        let valid = String(decoding: trimmed.utf8.map { Self.isNameByte($0) ? $0 : UInt8(ascii: "_") }, as: UTF8.self)
        guard let first = valid.utf8.first else { return "" }
        return ((48...57).contains(first) ? "_" : "") + valid + "_"
    }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
            UInt8(ascii: "_"), UInt8(ascii: ":"): true
        default: false
        }
    }

    func isEnabled(_ metric: Metric) -> Bool {
        switch metric {
        case .responseDuration: compatible || routeResponse || combinedResponse
        case .filterAllRequestDuration, .filterAllResponseDuration: compatible || allFilters
        case .backendDuration: compatible || routeBackend || backendHost || backendZone
        case .serveRouteDuration: serveRoute
        case .serveRouteCount: serveRouteCounter
        case .serveHostDuration: serveHost
        case .serveHostCount: serveHostCounter
        case .proxyRequestDuration: proxyRequest
        case .proxyResponseDuration: proxyResponse
        default: true
        }
    }

    /// The labels the metric shows; those of the durations `serve_…` are optional.
    func labelNames(_ metric: Metric) -> [String] {
        guard metric == .serveRouteDuration || metric == .serveHostDuration else { return metric.family.labels }
        return metric.family.labels.filter { ($0 != "code" || serveStatusCode) && ($0 != "method" || serveMethod) }
    }

    /// Bounds as the words observations come in: nanoseconds or bytes; negative and absurd ones are left out.
    func bounds(_ kind: MetricFamily.Kind) -> [UInt64] {
        switch kind {
        case .counter, .gauge: []
        case .durations: Self.words(durationBuckets, scale: 1e9)
        case .responseSizes: Self.words(responseSizeBuckets, scale: 1)
        case .requestSizes: Self.words(requestSizeBuckets, scale: 1)
        }
    }

    private static func words(_ bounds: [Double], scale: Double) -> [UInt64] {
        let words = bounds.compactMap { UInt64(exactly: ($0 * scale).rounded()) }
        return Array(Set(words)).sorted()
    }
}
