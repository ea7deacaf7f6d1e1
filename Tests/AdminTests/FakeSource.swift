import Admin
import Eskip
import Filters
import Routing
import Telemetry

/// A process to show, as a test wants it.
final class FakeSource: AdminSource {
    let metrics = MetricRegistry()
    var routesTimestamp = 1_700_000_000
    var readiness = AdminReadiness.ready
    var routes: [RouteDefinition] = []
    var refusedRoutes: [RefusedRoute] = []

    init(_ eskip: String = "", refused: String = "", reason: RouteRefusal = .unknownFilter, message: String = "nosuch is no known filter") {
        routes = Array(RouteDocument.parse(eskip).document)
        refusedRoutes = RouteDocument.parse(refused).document.map { definition in
            let diagnostic = RouteDiagnostic(routeID: definition.id, refusal: reason, message: message, position: definition.position)
            return RefusedRoute(definition: definition, diagnostic: diagnostic)
        }
    }

    func explain(_ request: ExplainedRequest) throws(ExplainedRequestError) -> RouteExplanation {
        let compiler = RouteCompiler(filters: .builtIn(), endpoints: EndpointRegistry())
        return try compiler.replaceAll(with: routes, clock: RouteClock(now: 0, wallTime: 0)).table.explain(request)
    }

    func forEachRoute(_ body: (RouteDefinition) -> Void) { routes.forEach(body) }

    /// `count` routes `r1`, `r2`, …
    static func numbered(_ count: Int) -> FakeSource {
        FakeSource((1...count).map { "r\($0): Path(\"/\($0)\") -> status(200) -> <shunt>;" }.joined(separator: "\n"))
    }
}
