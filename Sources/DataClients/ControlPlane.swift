public import Logging
public import Net
public import Routing
public import Telemetry

/// The control path of one process: its data clients and its updater, put together by the options.
///
/// Everything here lives on one loop's thread, which serves no requests; `status` may be read from any. Precedence of sources: the inline
/// routes, the files in the order given, the URLs in the order given, then clients that were added.
public final class ControlPlane {
    let loop: UnsafeMutablePointer<EventLoop>
    private let updater: RouteUpdater
    private var clients: [any DataClient] = []
    private var watcher: FileWatcher?
    private var fetcher: Fetcher?
    private let endpoints: EndpointRegistry?
    private var maintenance: LoopTimer!

    /// - Parameters:
    ///   - loop: outlives the control plane and calls it on its thread.
    ///   - compiler: made with the registries of filters and predicates.
    ///   - slot: where workers take tables from.
    ///   - endpoints: the compiler's; those that no route uses are forgotten after a while. Nil leaves them to somebody else.
    ///   - metrics: shows routes and sources; nil if nobody reads them.
    /// - Throws: what is wrong with the options, all at once.
    public init(
        loop: UnsafeMutablePointer<EventLoop>, options: DataClientOptions, compiler: RouteCompiler, slot: RoutingTableSlot, log: Logger,
        endpoints: EndpointRegistry? = nil, metrics: MetricRegistry? = nil
    ) throws(DataClientOptionError) {
        self.loop = loop
        self.endpoints = endpoints
        var problems: [String] = []
        let sources = Source.all(of: options, problems: &problems)
        do throws(DataClientOptionError) {
            updater = try RouteUpdater(options: options, compiler: compiler, slot: slot, log: log, metrics: metrics) {
                RouteClock(now: loop.pointee.now, wallTime: loop.pointee.wallTime)
            }
        } catch {
            throw DataClientOptionError(reasons: error.reasons + problems)
        }
        if !problems.isEmpty { throw DataClientOptionError(reasons: problems) }
        maintenance = LoopTimer(loop) { [unowned self] in maintain() }
        updater.updateNeeded = { [unowned self] in scheduleUpdate() }
        addClients(options, sources, log)
    }

    /// What is loaded, what failed, which routes are refused.
    public var status: RouteStatus { updater.status }

    /// Called on the loop, once, when every source was loaded and its routes are published.
    public var firstLoadDone: () -> Void {
        get { updater.firstLoadDone }
        set { updater.firstLoadDone = newValue }
    }

    /// Called on the loop before each table is published, for what its routes need besides.
    public var tableCompiled: () -> Void {
        get { updater.tableCompiled }
        set { updater.tableCompiled = newValue }
    }

    /// Called on the loop after each table was published. Workers take a table at the start of a turn; an idle one keeps the
    /// former, and its memory, until it is woken.
    public var tablePublished: () -> Void {
        get { updater.tablePublished }
        set { updater.tablePublished = newValue }
    }

    /// Adds a client behind those of the options; before the start.
    public func add(_ client: any DataClient) { clients.append(client) }

    /// Loads every source for the first time and begins to watch it. A source that fails is tried again; the others serve.
    public func start() {
        let feeds = clients.map { updater.addFeed(name: $0.name) }
        updater.completeFeeds()
        for (client, feed) in zip(clients, feeds) { client.start(feed) }
        // Nobody waits for a turn of the loop at the start.
        updater.update()
        maintenance.set(after: DataClientLimits.maintenanceNanoseconds)
    }

    /// Looks at every source at once, as SIGHUP asks for.
    public func refresh() {
        for client in clients { client.refresh() }
    }

    private func maintain() {
        updater.reclaim()
        endpoints?.sweep(now: loop.pointee.now)
        maintenance.set(after: DataClientLimits.maintenanceNanoseconds)
    }

    private func addClients(_ options: DataClientOptions, _ sources: [Source], _ log: Logger) {
        if !options.inlineRoutes.isEmpty { clients.append(InlineRoutes(options.inlineRoutes)) }
        let interval = max(options.pollInterval, DataClientLimits.pollNanosecondsMin)
        for source in sources {
            switch source {
            case .file(let path):
                watcher = watcher ?? makeWatcher(log)
                clients.append(EskipFile(path: path, loop: loop, pollInterval: interval, watcher: watcher))
            case .url(let url):
                let fetcher = fetcher ?? Fetcher(loop, dnsServers: options.dnsServers, security: options.security)
                self.fetcher = fetcher
                clients.append(RemoteRoutes(url, loop: loop, pollInterval: interval, fetcher: fetcher))
            }
        }
    }

    private enum Source {
        case file(String), url(FetchURL)

        /// In the order of their precedence.
        static func all(of options: DataClientOptions, problems: inout [String]) -> [Source] {
            problems += FetchURL.problems(options.routeURLs.filter(isURL), flag: "routes-urls")
            return options.routeFiles.map { .file($0) } + options.routeURLs.compactMap { entry in
                guard isURL(entry) else { return .file(entry) }
                return (try? FetchURL(entry)).map { .url($0) }
            }
        }

        private static func isURL(_ entry: String) -> Bool { entry.hasPrefix("http://") || entry.hasPrefix("https://") }
    }

    private func makeWatcher(_ log: Logger) -> FileWatcher? {
        do throws(SystemError) {
            return try FileWatcher(loop) { log.warning("\($0)") }
        } catch {
            log.warning("route files are looked at in intervals only, since they cannot be watched: \(error)")
            return nil
        }
    }

    /// One table for all that a turn brings: routes that move from one file to another are never missing in between.
    private func scheduleUpdate() {
        loop.atEndOfTurn(Unmanaged.passUnretained(self).toOpaque()) {
            Unmanaged<ControlPlane>.fromOpaque($0).takeUnretainedValue().updater.update()
        }
    }
}
