/// Finds the endpoint of a request; without sockets, so that tests ask it directly.
struct AdminEndpoints {
    let options: AdminOptions
    unowned let source: any AdminSource

    func answer(_ request: AdminRequest) -> AdminResponse {
        switch request.path {
        case "/": AdminResponse(AdminEndpoints.index)
        case "/metrics": MetricsEndpoint(options: options, source: source).answer(request)
        case "/routes": RoutesEndpoint(source: source).answer(request)
        case "/explain": ExplainEndpoint(source: source).answer(request)
        case "/healthz": HealthEndpoint.health(source.readiness)
        case "/readyz": HealthEndpoint.readiness(source.readiness)
        case "/livez": AdminResponse("alive")
        default: AdminResponse("nothing here; / names what there is", status: 404)
        }
    }

    static let methodNotAllowed = "only GET and HEAD"

    private static let index = """
        fairway support listener

        /metrics   metrics in the Prometheus text format
        /routes    the routes in use, as Eskip, or JSON with Accept: application/json
                   offset=0 limit=1024 timestamp=T nopretty invalid=true
        /explain   which route a request would take and why, as text, or JSON with Accept: application/json
                   url=http://host/path%3Fquery method=GET header=Name:value client-ip=127.0.0.1 json; header may repeat
        /healthz   200, and 503 once the process is shutting down
        /readyz    200 once every source of routes was loaded, and 503 before that and while shutting down
        /livez     200 while the process lives
        """
}

/// Health as text for people and status for load balancers.
enum HealthEndpoint {
    static func health(_ readiness: AdminReadiness) -> AdminResponse {
        readiness == .draining ? AdminResponse("shutting down", status: 503) : AdminResponse("healthy")
    }

    static func readiness(_ readiness: AdminReadiness) -> AdminResponse {
        switch readiness {
        case .ready: AdminResponse("ready")
        case .draining: AdminResponse("shutting down", status: 503)
        case .starting(let names): AdminResponse((["not ready, waiting for routes of:"] + names).joined(separator: "\n"), status: 503)
        }
    }
}
