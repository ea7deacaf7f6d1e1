import Admin
import Config
import DataClients
import Eskip
import Filters
import Logging
import Net
import Proxy
import Routing
import Telemetry

/// The support listener with what it shows of this process.
final class SupportListener: AdminSource {
    private unowned let assembly: Assembly
    private let status: RouteStatus
    private var server: AdminServer?

    /// - Parameter socket: listening.
    init(_ assembly: Assembly, socket: consuming FileDescriptor) throws(SystemError) {
        self.assembly = assembly
        status = assembly.controlPlane.status
        ProcessMetrics.noteStart()
        showRoutes()
        showPassiveHealth()
        var options = AdminOptions()
        if !assembly.configuration.metrics.disableCompression { options.gzip = { Gzip.compressed($0) } }
        let server = AdminServer(loop: assembly.control, options: options, source: self)
        let address = try server.listen(on: socket)
        self.server = server
        assembly.log.info("metrics, routes and health on \(address)")
    }

    // MARK: AdminSource

    var metrics: MetricRegistry { assembly.metrics }

    func forEachRoute(_ body: (RouteDefinition) -> Void) {
        assembly.slot.table.forEachRoute { body($0.currentDefinition) }
    }

    var routesTimestamp: Int { status.updatedAt }

    var refusedRoutes: [RefusedRoute] {
        status.invalidRoutes.compactMap { diagnostic in
            assembly.compiler.refusedDefinition(diagnostic.routeID).map { RefusedRoute(definition: $0, diagnostic: diagnostic) }
        }
    }

    var readiness: AdminReadiness {
        if assembly.shutdown.isSet { return .draining }
        let checks = assembly.statusChecks?.awaited ?? []
        return status.isFirstLoadDone && checks.isEmpty ? .ready : .starting(status.sources.filter { !$0.isLoaded }.map(\.name) + checks)
    }

    func explain(_ request: ExplainedRequest) throws(ExplainedRequestError) -> RouteExplanation {
        var request = request
        request.normalizesHost = assembly.configuration.requests.normalizeHost
        request.reservedStayEncoded = assembly.configuration.routes.rfcPatchPath
        request.wallTime = assembly.control.pointee.wallTime
        return try assembly.slot.table.explain(request, ownAnswer: ProxyOptions(assembly.configuration).ownAnswer)
    }

    // MARK: Counted elsewhere, shown by Skipper's keys where it has them

    /// Beside what the control plane shows of routes and sources.
    private func showRoutes() {
        let status = status
        show(.customTotal, "routes.updates") { status.updateCount }
        for refusal in RouteRefusal.allCases {
            show(.customGauge, "route.invalid.\(refusal.rawValue)") { status.invalidCount(refusal) }
        }
    }

    private func showPassiveHealth() {
        guard let judge = assembly.endpoints.health else { return }
        show(.customTotal, "passive-health-check.endpoints.dropped") { Int(judge.endpointsDropped) }
        show(.customTotal, "passive-health-check.requests.passed") { Int(judge.requestsPassed) }
    }

    /// What the connections of all workers did.
    func showConnections(of workers: [WorkerThread]) {
        let workers = workers.map(\.connections)
        @Sendable func total(_ count: ConnectionCounts.Count) -> Int { workers.reduce(0) { $0 + $1[count] } }
        let counters: [(key: String, count: ConnectionCounts.Count)] = [
            ("lb-conn-new", .accepted), ("lb-conn-active", .active), ("lb-conn-idle", .idle), ("lb-conn-closed", .closed),
            ("lb-conn-closed.keepalive", .closedByAge), ("lb-conn-closed.keepalive-requests", .closedByRequests),
            ("listener.accepted.connections", .accepted),
            ("tls-handshakes", .handshakes), ("tls-handshakes-resumed", .handshakesResumed), ("tls-handshakes-failed", .handshakesFailed),
            ("tls-sent.kernel", .sentByKernel), ("tls-sent.openssl", .sentByOpenSSL),
            ("http2-protocol-errors", .protocolErrors), ("proxy-protocol-refused", .prefacesFailed), ("listener.descriptors.exhausted", .exhausted),
            ("backend-conn-new", .upstreamOpened), ("backend-conn-reused", .upstreamReused), ("backend-conn-closed", .upstreamClosed),
        ]
        for (key, count) in counters { show(.customTotal, key) { total(count) } }
        show(.customGauge, "lb-conn-open") { total(.accepted) - total(.closed) }
        show(.customGauge, "backend-conn-open") { total(.upstreamOpened) - total(.upstreamClosed) }
        show(.customGauge, "backend-conn-idle") { total(.upstreamIdle) }
    }

    private func show(_ metric: Metric, _ key: String, _ read: @escaping @Sendable () -> Int) {
        metrics.addSource(metric, metrics.labels.label(key), read: read)
    }
}
