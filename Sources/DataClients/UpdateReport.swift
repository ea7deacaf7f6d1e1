internal import Logging
internal import Routing
internal import Telemetry

/// Tells what updates did: in the log for people, in `RouteStatus` for readiness, listings and metrics.
final class UpdateReport {
    let status = RouteStatus()
    private let log: Logger
    private let metrics: UpdateMetrics?
    private let isDetailed: Bool
    private var isFirstLoadTold = false

    init(_ log: Logger, _ registry: MetricRegistry?, isDetailed: Bool) {
        self.log = log
        metrics = registry.map { [status] in UpdateMetrics($0, status) }
        self.isDetailed = isDetailed
    }

    func add(_ name: String) {
        let index = status.update { state in
            state.sources.append(RouteStatus.Source(name: name))
            return state.sources.count - 1
        }
        metrics?.add(index, name)
    }

    func completeSources() {
        status.update { $0.isComplete = true }
    }

    // MARK: Loads

    /// - Returns: whether it is the source's first good load.
    func loaded(_ index: Int, routeCount: Int, isChange: Bool) -> Bool {
        let (name, isFirst, isRecovery) = status.update { state in
            let source = state.sources[index]
            state.sources[index].isLoaded = true
            state.sources[index].routeCount = routeCount
            state.sources[index].loadCount += isChange || !source.isLoaded ? 1 : 0
            state.sources[index].problems = []
            return (source.name, !source.isLoaded, !source.problems.isEmpty)
        }
        if isRecovery { log.info("\(name): right again, \(routeCount) routes") }
        return isFirst
    }

    func failed(_ index: Int, _ problems: [String]) {
        let (source, isNews) = status.update { state in
            state.sources[index].failureCount += 1
            let isNews = state.sources[index].problems != problems
            state.sources[index].problems = problems
            return (state.sources[index], isNews)
        }
        guard isNews else { return }
        for problem in problems { log.error("\(problem)") }
        let kept = source.isLoaded ? "its \(source.routeCount) routes stay" : "it has no routes yet"
        log.error("\(source.name): \(problems.count == 1 ? "1 error" : "\(problems.count) errors"); \(kept)")
    }

    // MARK: Updates

    func updated(_ update: RouteUpdate, at now: RouteClock) {
        let count = update.table.count
        status.update { state in
            state.routeCount = count
            if update.hasChanges || update.endpointChangeCount > 0 {
                state.updateCount += 1
                state.updatedAt = Int(now.wallTime / 1_000_000_000)
            }
            guard !state.invalid.isEmpty || !update.diagnostics.isEmpty else { return }
            update.forEachChangedID { state.invalid[$0] = nil }
            for diagnostic in update.diagnostics { state.invalid[diagnostic.routeID] = diagnostic }
        }
        metrics?.changed(by: update)
        for problem in update.groupProblems.prefix(DataClientLimits.problemsLoggedMax) { log.error("\(problem)") }
        for diagnostic in update.diagnostics.prefix(DataClientLimits.problemsLoggedMax) { log.error("\(diagnostic)") }
        logRest(update.diagnostics.count, "routes that cannot be compiled")
    }

    /// Whether the first load is done and nobody was told.
    func takeFirstLoad() -> Bool {
        guard !isFirstLoadTold, status.isFirstLoadDone else { return false }
        isFirstLoadTold = true
        return true
    }

    // MARK: Log

    /// - Parameters:
    ///   - rewritten: the changes as they were compiled, one for each of `changes`.
    ///   - notes: what rewriting could not do.
    func log(_ changes: [RouteUpdater.PendingChange], _ rewritten: [RouteChange], _ notes: [String], names: [String]) {
        for (pending, change) in zip(changes, rewritten) {
            logConflicts(pending.outcome, names)
            if pending.isFirst || !change.upserts.isEmpty || !change.deletes.isEmpty { logChange(change, pending) }
            for group in change.groups { log.info("route settings, update, \(pending.feed.name): \(group.endpoints.count) endpoints of \(group.key)") }
        }
        for note in notes.prefix(DataClientLimits.problemsLoggedMax) { log.warning("\(note)") }
        logRest(notes.count, "rewritings that could not be done")
    }

    private func logConflicts(_ outcome: RouteMerge.Outcome, _ names: [String]) {
        for conflict in outcome.conflicts {
            log.warning("route \"\(conflict.id)\" of \(names[conflict.loser]) is not used: \(names[conflict.winner]) has one of this id and comes first")
        }
        logRest(outcome.conflictCount, "ids of two sources")
    }

    private func logChange(_ change: RouteChange, _ pending: RouteUpdater.PendingChange) {
        let verb = pending.isFirst ? "reset" : "update"
        if isDetailed {
            for definition in change.upserts.prefix(DataClientLimits.routesLoggedMax) {
                log.info("route settings, \(verb), route: \(LoggedRoute.text(of: definition))")
            }
            for id in change.deletes.prefix(DataClientLimits.routesLoggedMax) { log.info("route settings, delete, route: \(id)") }
        }
        log.info("route settings, \(verb), \(pending.feed.name): \(change.upserts.count) upserted, \(change.deletes.count) deleted, \(pending.feed.routeCount) in all")
    }

    private func logRest(_ count: Int, _ what: String) {
        guard count > DataClientLimits.problemsLoggedMax else { return }
        log.warning("\(count - DataClientLimits.problemsLoggedMax) more \(what), not shown")
    }
}
