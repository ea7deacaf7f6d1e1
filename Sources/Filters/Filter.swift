/// What a filter's phase tells the exchange to do next.
public enum FilterAction: Sendable {
    /// Go on with the next filter, or the backend.
    case next
    /// The request phase ends here: `FilterContext.response` holds the answer (routing.md §9); the backend is skipped.
    case serve
    /// Wait; `FilterContext.resumption` taken before returning continues on the same loop.
    case suspend
    /// Wait this long, then go on with the next filter. Nanoseconds.
    case delay(UInt64)
    /// Response phase only: route the changed request again; its response replaces this one.
    case reroute
    /// End the exchange as a failure of the proxy's own: an error page of this status, no ordinary response filters.
    case fail(UInt16)
}

/// One filter of one route: made from its arguments when the route is compiled, shared by all workers.
///
/// Both phases run on a worker's loop and must not block. What changes per request lives in `FilterContext`; what
/// a filter keeps across requests it guards itself, and it must survive updates of other routes.
open class Filter: @unchecked Sendable {
    /// Its name as metrics label it; set once, before the filter serves.
    public internal(set) final var metricLabel: UInt32 = 0

    public init() {}

    /// The request phase, in written order.
    open func request(_ context: FilterContext) -> FilterAction { .next }

    /// The response phase, in reverse order over the filters whose request phase ran.
    open func response(_ context: FilterContext) -> FilterAction { .next }

    /// Whether the response phase also runs on failures of the proxy's own (queues, admission control).
    open var handlesErrors: Bool { false }

    /// Called once at the exchange's very end, when the last body byte went or the exchange was given up; for
    /// filters that hold something until then and have said so by `FilterContext.notifyAtEnd`.
    open func ended(_ context: FilterContext) {}
}

/// What a filter with no action of its own says about its route; read when the route is compiled.
public enum RouteTrait: Sendable {
    /// Endpoints of this age, nanoseconds, get the share `(age / duration)^exponent` of their traffic.
    case fadeIn(duration: UInt64, exponent: Double)
    /// An endpoint, `host:port`, exists since this wall time, seconds since 1970.
    case endpointCreated(address: String, seconds: Double)
}

/// What a filter's factory made of its arguments.
public enum FilterInstance {
    case filter(Filter)
    case trait(RouteTrait)
    /// Valid and without effect, like `comment`.
    case nothing
}
