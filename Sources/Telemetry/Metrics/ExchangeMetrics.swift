// Which metrics an exchange touches under which options: one place, so that the exchange only says what happened.
extension MetricShard {
    /// The filters of a route have run their request phase.
    public func requestFiltersRan(route: MetricLabel, nanoseconds: UInt64) {
        observe(.filterAllCombinedRequestDuration, nanoseconds)
        observe(.filterAllRequestDuration, nanoseconds, route)
    }

    /// The filters of a route, and of those that it was reached from, have run their response phase.
    public func responseFiltersRan(route: MetricLabel, nanoseconds: UInt64) {
        observe(.filterAllCombinedResponseDuration, nanoseconds)
        observe(.filterAllResponseDuration, nanoseconds, route)
    }

    /// Whether `upstreamAnswered` is told hosts (`-backend-host-metrics`).
    public var wantsBackendHosts: Bool { plan.options.backendHost }

    /// The response's body has ended; `nanoseconds` from its head.
    public func responseEnded(code: MetricLabel, method: MetricLabel, route: MetricLabel, bytes: UInt64, host: MetricLabel, nanoseconds: UInt64) {
        if plan.options.compatible || plan.options.routeResponse {
            observe(.responseDuration, nanoseconds, code, method, route)
        }
        if plan.options.combinedResponse { observe(.responseDuration, nanoseconds, code, method) }
        observe(.responseSize, bytes, host)
    }

    /// The whole request is over; `nanoseconds` since its head came in.
    public func requestServed(code: MetricLabel, method: MetricLabel, route: MetricLabel, host: MetricLabel, nanoseconds: UInt64) {
        let options = plan.options
        if options.serveRoute { observe(.serveRouteDuration, nanoseconds, code, method, route) }
        if options.serveRouteCounter { add(.serveRouteCount, code, method, route) }
        if options.serveHost { observe(.serveHostDuration, nanoseconds, code, method, host) }
        if options.serveHostCounter { add(.serveHostCount, code, method, host) }
    }

    /// The upstream's response head is there; `nanoseconds` since the exchange turned to the upstream, earlier tries included.
    ///
    /// - Parameters:
    ///   - host: `host:port` of a network backend as it is written, `none` for load-balanced routes.
    ///   - zone: the endpoint's topology zone, `none` if it has none.
    public func upstreamAnswered(status: Int, route: MetricLabel, host: MetricLabel, zone: MetricLabel, nanoseconds: UInt64) {
        let options = plan.options
        observe(.backendCombinedDuration, nanoseconds)
        if status >= 500 { observe(.backend5xxDuration, nanoseconds) }
        if options.compatible || options.routeBackend { observe(.backendDuration, nanoseconds, route) }
        if options.backendHost, host != .none { observe(.backendDuration, nanoseconds, .none, host) }
        if options.backendZone, zone != .none { observe(.backendDuration, nanoseconds, .none, .none, zone) }
    }
}
