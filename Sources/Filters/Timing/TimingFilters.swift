/// Timeouts of a route, and delays for tests of clients and backends.
public enum TimingFilters {
    public static let specs: [FilterSpec] = [
        timeout("backendTimeout", .backend),
        timeout("readTimeout", .read),
        timeout("writeTimeout", .write),
        latency("latency", "(duration or milliseconds)", 1...1, .responseBody, LatencyDistribution.fixed),
        latency("backendLatency", "(duration or milliseconds)", 1...1, .request, LatencyDistribution.fixed),
        latency("uniformRequestLatency", "(mean, delta)", 2...2, .request, LatencyDistribution.uniform),
        latency("uniformResponseLatency", "(mean, delta)", 2...2, .response, LatencyDistribution.uniform),
        latency("normalRequestLatency", "(mean, deviation)", 2...2, .request, LatencyDistribution.normal),
        latency("normalResponseLatency", "(mean, deviation)", 2...2, .response, LatencyDistribution.normal),
        latency("histogramRequestLatency", histogramUsage, 3...Int.max, .request, LatencyDistribution.histogram),
        latency("histogramResponseLatency", histogramUsage, 3...Int.max, .response, LatencyDistribution.histogram),
        throttle("bandwidth", "(kilobytes per second)", 1, .response, ThrottleFilter.bandwidth),
        throttle("backendBandwidth", "(kilobytes per second)", 1, .request, ThrottleFilter.bandwidth),
        throttle("chunks", "(bytes, duration or milliseconds)", 2, .response, ThrottleFilter.chunks),
        throttle("backendChunks", "(bytes, duration or milliseconds)", 2, .request, ThrottleFilter.chunks),
    ]

    private static let histogramUsage: StaticString = "(duration, weight, duration, …, duration)"

    private static func timeout(_ name: String, _ limit: TimeoutFilter.Limit) -> FilterSpec {
        FilterSpec(name, "(duration)", 1) { reader throws(FilterArgumentError) in try TimeoutFilter(limit, reader) }
    }

    private static func latency(
        _ name: String, _ usage: StaticString, _ counts: ClosedRange<Int>, _ phase: LatencyFilter.Phase,
        _ distribution: @escaping @Sendable (ArgumentReader) throws(FilterArgumentError) -> LatencyDistribution
    ) -> FilterSpec {
        FilterSpec(name, usage, counts) { reader throws(FilterArgumentError) in LatencyFilter(phase, try distribution(reader)) }
    }

    private static func throttle(
        _ name: String, _ usage: StaticString, _ count: Int, _ side: ThrottleFilter.Side,
        _ make: @escaping @Sendable (ThrottleFilter.Side, ArgumentReader) throws(FilterArgumentError) -> ThrottleFilter
    ) -> FilterSpec {
        FilterSpec(name, usage, count) { reader throws(FilterArgumentError) in try make(side, reader) }
    }
}
