internal import CLinux
internal import Eskip
public import Logging
public import Routing
public import Telemetry

/// Conducts an update from what the data clients report to the table that requests are matched with. Read this file first.
///
///     DataClient ─ RouteFeed ─▶ take ─ RouteMerge          one set, by id; the first source wins
///                               update ─ RouteRewriter     default filters, clones, edits, forward
///                                      ─ RouteCompiler     compiled routes; a diagnostic for each refused one
///                                      ─ RoutingTableSlot  every worker takes the table at its next turn
///                                      ─ UpdateReport      log, status, metrics
///
/// Every step works on changed routes only. Nothing that fails removes what works: a bad document leaves the routes its
/// source had, a bad route costs itself. Lives on the control thread.
public final class RouteUpdater {
    private(set) var merge = RouteMerge()
    private let rewriter: RouteRewriter
    private let compiler: RouteCompiler
    private let slot: RoutingTableSlot
    private let clock: () -> RouteClock
    private let report: UpdateReport
    private var feeds: [RouteFeed] = []
    private var pending: [PendingChange] = []
    /// Rounds of `reclaim` after a large update, which free much.
    private var trimsLeft = 0

    /// What one client's change did to the merged set.
    struct PendingChange {
        let feed: RouteFeed
        /// The client had not been loaded before.
        let isFirst: Bool
        let outcome: RouteMerge.Outcome
    }

    /// Called once there is something to publish: the owner then calls `update()`, at the end of the turn.
    public var updateNeeded: () -> Void = {}

    /// Called before each table is published, and after other endpoints were, for what routes need besides.
    public var tableCompiled: () -> Void = {}

    /// Called after each table was published, and when workers should have a turn.
    public var tablePublished: () -> Void = {}

    /// Called once when every source was loaded and published.
    public var firstLoadDone: () -> Void = {}

    /// - Parameters:
    ///   - metrics: shows routes and sources; nil if nobody reads them.
    ///   - clock: the time routes are compiled at.
    public init(
        options: DataClientOptions, compiler: RouteCompiler, slot: RoutingTableSlot, log: Logger, metrics: MetricRegistry? = nil,
        clock: @escaping () -> RouteClock
    ) throws(DataClientOptionError) {
        rewriter = try RouteRewriter(options.rewriting)
        report = UpdateReport(log, metrics, isDetailed: !options.suppressesUpdateLogs)
        self.compiler = compiler
        self.slot = slot
        self.clock = clock
    }

    public var status: RouteStatus { report.status }

    /// A place for one more client, behind those that have one: of several routes with one id the first client's counts.
    public func addFeed(name: String) -> RouteFeed {
        let feed = RouteFeed(name: name, index: merge.addSource(), updater: self)
        feeds.append(feed)
        report.add(name)
        return feed
    }

    /// All clients have their feeds: from now on the first load may be done.
    public func completeFeeds() {
        report.completeSources()
        reportFirstLoad()
    }

    // MARK: What clients report

    func take(_ change: SourceChange, from feed: RouteFeed) {
        let outcome = merge.apply(change, from: feed.index)
        let isFirst = report.loaded(feed.index, routeCount: feed.routeCount, isChange: !change.isEmpty)
        pending.append(PendingChange(feed: feed, isFirst: isFirst, outcome: outcome))
        if pending.count == 1 { updateNeeded() }
    }

    func take(_ problems: [String], from feed: RouteFeed) {
        report.failed(feed.index, problems)
    }

    // MARK: What becomes of it

    /// Publishes what was reported since the last call, as one table.
    public func update() {
        guard !pending.isEmpty else { return }
        let changes = pending
        pending.removeAll()
        var notes: [String] = []
        let rewritten = changes.map { rewriter.rewrite($0.outcome.change, of: merge, notes: &notes) }
        if rewritten.contains(where: { !$0.isEmpty }) {
            let now = clock()
            let update = compiler.apply(rewritten, clock: now)
            if update.hasChanges { publish(update.table) } else if update.endpointChangeCount > 0 { tableCompiled() }
            slot.retire(update.replaced)
            _ = slot.reclaim()
            report.updated(update, at: now)
        }
        report.log(changes, rewritten, notes, names: feeds.map(\.name))
        reportFirstLoad()
        // Reading many routes takes memory for a moment that the allocator would keep; that of the former ones comes free later.
        if rewritten.contains(where: { $0.upserts.count + $0.deletes.count >= DataClientLimits.trimmedRoutesMin }) {
            clinux_trim_heap()
            trimsLeft = 2
        }
    }

    /// Gives back what former tables held, and former endpoints; to be called every few seconds.
    public func reclaim() {
        compiler.reclaim()
        // A worker without requests has no turns.
        if slot.reclaim() { tablePublished() }
        guard trimsLeft > 0 else { return }
        clinux_trim_heap()
        trimsLeft -= 1
    }

    private func publish(_ table: RoutingTable) {
        tableCompiled()
        slot.publish(table)
        tablePublished()
    }

    private func reportFirstLoad() {
        guard pending.isEmpty, report.takeFirstLoad() else { return }
        firstLoadDone()
    }
}
