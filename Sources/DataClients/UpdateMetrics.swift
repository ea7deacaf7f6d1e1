internal import Routing
internal import Telemetry

/// Shows routes and sources in the metrics: `routes.total`, `routes.updated_timestamp`, per source loads, failures and present problems, and
/// one series for each refused route, which goes when the route is right or gone.
final class UpdateMetrics {
    private let registry: MetricRegistry
    private let status: RouteStatus
    /// Routes shown as refused, with the reason.
    private var shown: [String: RouteRefusal] = [:]

    init(_ registry: MetricRegistry, _ status: RouteStatus) {
        self.registry = registry
        self.status = status
        registry.addSource(.customGauge, registry.labels.label("routes.total")) { status.routeCount }
        registry.addSource(.customGauge, registry.labels.label("routes.updated_timestamp")) { status.updatedAt }
    }

    /// A source of this place and name was added.
    func add(_ index: Int, _ name: String) {
        let status = status
        add(.customTotal, "routes.load_all.\(name)") { status.sources[index].loadCount }
        add(.customTotal, "routes.load_failed.\(name)") { status.sources[index].failureCount }
        add(.customGauge, "routes.problems.\(name)") { status.sources[index].problems.count }
    }

    private func add(_ metric: Metric, _ key: String, read: @escaping @Sendable () -> Int) {
        registry.addSource(metric, registry.labels.label(key), read: read)
    }

    /// Routes that were compiled, refused or deleted.
    func changed(by update: RouteUpdate) {
        guard !shown.isEmpty || !update.diagnostics.isEmpty else { return }
        update.forEachChangedID { id in
            if let reason = shown.removeValue(forKey: id) { show(id, reason, 0) }
        }
        for diagnostic in update.diagnostics where shown.count < DataClientLimits.invalidSeriesMax {
            shown[diagnostic.routeID] = diagnostic.refusal
            show(diagnostic.routeID, diagnostic.refusal, 1)
        }
    }

    private func show(_ id: String, _ reason: RouteRefusal, _ value: Int) {
        let labels = (registry.labels.label(id), registry.labels.label(reason.rawValue))
        registry.withSharedShard { $0.set(.routeInvalid, labels.0, labels.1, to: value) }
    }
}
