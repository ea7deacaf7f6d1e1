/// Everything that is counted. The names and labels are those of Skipper's Prometheus metrics, so that its dashboards go on working.
public enum Metric: Int, CaseIterable, Sendable {
    case routeLookupDuration, routeError, routeInvalid
    case responseDuration, responseSize
    case filterCreateDuration, filterRequestDuration, filterResponseDuration
    case filterAllRequestDuration, filterAllResponseDuration
    case filterAllCombinedRequestDuration, filterAllCombinedResponseDuration
    case backendRequestHeaderBytes, backendDuration, backendCombinedDuration, backend5xxDuration
    case backendError, streamingError
    case serveRouteDuration, serveRouteCount, serveHostDuration, serveHostCount
    case proxyTotalDuration, proxyRequestDuration, proxyResponseDuration
    case customTotal, customGauge, customDuration
    // Ours.
    case metricSeriesDropped, accessLogLinesDropped, applicationLogLinesDropped
}

/// Name, type, labels and meaning of a metric.
public struct MetricFamily: Sendable {
    public enum Kind: Sendable {
        case counter, gauge
        /// Histogram of nanoseconds, shown in seconds.
        case durations
        /// Histograms of bytes.
        case responseSizes, requestSizes
    }

    /// Without namespace.
    public let name: String
    public let kind: Kind
    public let labels: [String]
    public let help: String
    /// A series whose value is 0 is not shown: it says that something is the case, and to which object it applies.
    public var hidesZero = false
}

extension Metric {
    public var family: MetricFamily {
        switch self {
        case .routeLookupDuration, .routeError, .routeInvalid: routeFamily
        case .responseDuration, .responseSize: responseFamily
        case .filterCreateDuration, .filterRequestDuration, .filterResponseDuration, .filterAllRequestDuration, .filterAllResponseDuration,
            .filterAllCombinedRequestDuration, .filterAllCombinedResponseDuration: filterFamily
        case .backendRequestHeaderBytes, .backendDuration, .backendCombinedDuration, .backend5xxDuration, .backendError, .streamingError:
            backendFamily
        case .serveRouteDuration, .serveRouteCount, .serveHostDuration, .serveHostCount: serveFamily
        case .proxyTotalDuration, .proxyRequestDuration, .proxyResponseDuration: proxyFamily
        case .customTotal, .customGauge, .customDuration: customFamily
        case .metricSeriesDropped, .accessLogLinesDropped, .applicationLogLinesDropped: ownFamily
        }
    }

    private func counter(_ name: String, _ labels: [String] = [], _ help: String) -> MetricFamily {
        MetricFamily(name: name + "_total", kind: .counter, labels: labels, help: help)
    }

    private func durations(_ name: String, _ labels: [String] = [], _ help: String) -> MetricFamily {
        MetricFamily(name: name + "_duration_seconds", kind: .durations, labels: labels, help: help)
    }

    private var routeFamily: MetricFamily {
        switch self {
        case .routeLookupDuration: durations("route_lookup", [], "Time to find the route of a request.")
        case .routeError: counter("route_error", [], "Requests for which no route was found.")
        default:
            MetricFamily(
                name: "route_invalid", kind: .gauge, labels: ["route_id", "reason"],
                help: "1 for each route that was left out of the table, with the reason.", hidesZero: true)
        }
    }

    private var responseFamily: MetricFamily {
        switch self {
        case .responseDuration:
            durations("response", ["code", "method", "route"], "Time from the response head to the end of its body, by route.")
        default:
            MetricFamily(name: "response_size_bytes", kind: .responseSizes, labels: ["host"], help: "Size of response bodies, by host.")
        }
    }

    private var filterFamily: MetricFamily {
        switch self {
        case .filterCreateDuration: durations("filter_create", ["filter"], "Time to create a filter of a route.")
        case .filterRequestDuration: durations("filter_request", ["filter"], "Time of a filter in the request phase.")
        case .filterResponseDuration: durations("filter_response", ["filter"], "Time of a filter in the response phase.")
        case .filterAllRequestDuration: durations("filter_all_request", ["route"], "Time of all filters in the request phase, by route.")
        case .filterAllResponseDuration: durations("filter_all_response", ["route"], "Time of all filters in the response phase, by route.")
        case .filterAllCombinedRequestDuration:
            durations("filter_all_combined_request", [], "Time of all filters in the request phase.")
        default: durations("filter_all_combined_response", [], "Time of all filters in the response phase.")
        }
    }

    private var backendFamily: MetricFamily {
        switch self {
        case .backendRequestHeaderBytes:
            MetricFamily(
                name: "backend_request_header_bytes", kind: .requestSizes, labels: ["host"],
                help: "Size of request heads sent upstream, by host.")
        case .backendDuration: durations("backend", ["route", "host", "zone"], "Time until the upstream's response head; one label is set.")
        case .backendCombinedDuration: durations("backend_combined", [], "Time until the upstream's response head.")
        case .backend5xxDuration: durations("backend_5xx", [], "Time until a response head of the upstream with a status of 500 or above.")
        case .backendError: counter("backend_error", ["route"], "Requests that the upstream did not answer, by route.")
        default: counter("streaming_error", ["route"], "Response bodies that ended too early, by route.")
        }
    }

    private var serveFamily: MetricFamily {
        switch self {
        case .serveRouteDuration: durations("serve_route", ["code", "method", "route"], "Time of whole requests, by route.")
        case .serveRouteCount:
            MetricFamily(name: "serve_route_count", kind: .counter, labels: ["code", "method", "route"], help: "Requests served, by route.")
        case .serveHostDuration: durations("serve_host", ["code", "method", "host"], "Time of whole requests, by host.")
        default:
            MetricFamily(name: "serve_host_count", kind: .counter, labels: ["code", "method", "host"], help: "Requests served, by host.")
        }
    }

    private var proxyFamily: MetricFamily {
        switch self {
        case .proxyTotalDuration: durations("proxy_total", [], "The proxy's own time per request, without filters, upstream and bodies.")
        case .proxyRequestDuration: durations("proxy_request", [], "The proxy's own time before the request goes upstream.")
        default: durations("proxy_response", [], "The proxy's own time after the upstream's response head.")
        }
    }

    private var customFamily: MetricFamily {
        switch self {
        case .customTotal: counter("custom", ["key"], "Counters of filters and connections, by key.")
        case .customGauge: MetricFamily(name: "custom_gauges", kind: .gauge, labels: ["key"], help: "Gauges of filters and connections, by key.")
        default: durations("custom", ["key"], "Durations of filters and connections, by key.")
        }
    }

    private var ownFamily: MetricFamily {
        switch self {
        case .metricSeriesDropped: counter("metric_series_dropped", [], "Observations without a series because there are too many series.")
        case .accessLogLinesDropped: counter("access_log_lines_dropped", [], "Access log lines lost because their destination is too slow.")
        default: counter("application_log_lines_dropped", [], "Application log lines lost because their destination is too slow.")
        }
    }
}
