public import Eskip
public import Routing
public import Telemetry

/// What the support listener shows of the process; supplied by whoever puts the process together.
///
/// All calls come on the loop of the listener.
public protocol AdminSource: AnyObject {
    var metrics: MetricRegistry { get }

    /// Calls `body` with the definition of every route that requests are matched with, in any order.
    func forEachRoute(_ body: (RouteDefinition) -> Void)

    /// Seconds since 1970 at which the present routes were published; 0 before the first.
    var routesTimestamp: Int { get }

    /// Routes that are left out at present, by id.
    var refusedRoutes: [RefusedRoute] { get }

    var readiness: AdminReadiness { get }

    /// Which route a request would take now, judged by the process's own options.
    ///
    /// - Throws: why there can be no such request.
    func explain(_ request: ExplainedRequest) throws(ExplainedRequestError) -> RouteExplanation
}

/// A route that could not be compiled, and why.
public struct RefusedRoute: Sendable {
    public let definition: RouteDefinition
    public let diagnostic: RouteDiagnostic

    public init(definition: RouteDefinition, diagnostic: RouteDiagnostic) {
        self.definition = definition
        self.diagnostic = diagnostic
    }
}

/// Whether requests should be sent here.
public enum AdminReadiness: Sendable, Equatable {
    /// Some sources were never loaded; their names.
    case starting([String])
    /// Everything was loaded once. What fails later leaves the former routes in place, so it changes nothing here.
    case ready
    case draining
}
