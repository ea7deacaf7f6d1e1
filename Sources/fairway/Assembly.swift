import Bytes
import Config
import Downstream
import Eskip
import Filters
import HTTP
import Logging
import Net
import Proxy
import Routing
import Telemetry
import Upstream

/// The program put together from its configuration: everything is made here, and only here.
final class Assembly {
    let configuration: Configuration
    let log: Logger
    private let logWriter: LogWriter
    private let accessWriter: LogWriter
    let metrics: MetricRegistry
    let slot = RoutingTableSlot()
    let endpoints: EndpointRegistry
    let shutdown = ShutdownFlag()
    let compiler: RouteCompiler
    private(set) var workers: [WorkerThread] = []
    /// The loop of the control path: signals, data clients, the support listener. Runs on the main thread.
    let control: UnsafeMutablePointer<EventLoop>

    init(_ configuration: Configuration) throws {
        self.configuration = configuration
        control = .allocate(capacity: 1)
        control.initialize(to: try EventLoop())
        let applicationLog = configuration.applicationLog
        logWriter = try LogWriter(LogDestination(path: applicationLog.file))
        accessWriter = configuration.accessLog.file == applicationLog.file ? logWriter : try LogWriter(LogDestination(path: configuration.accessLog.file))
        let options = ApplicationLogOptions(destination: LogDestination(path: applicationLog.file), isJSON: applicationLog.jsonEnabled, prefix: applicationLog.prefix)
        let writer = logWriter
        let level = Logger.Level(flag: applicationLog.level.rawValue) ?? .info
        log = Logger(label: "fairway") { _ in ApplicationLog(writer, options: options, level: level) }
        metrics = MetricRegistry(options: MetricOptions(configuration.metrics))
        endpoints = EndpointRegistry(passiveHealth: PassiveHealth(configuration.backend.passiveHealthCheck))
        var filters = FilterRegistry.builtIn(FilterEnvironment(configuration))
        filters.disable(configuration.routes.disabledFilters)
        var routing = RoutingOptions()
        routing.ignoresTrailingSlash = configuration.routes.ignoreTrailingSlash
        let labels = metrics.labels
        compiler = RouteCompiler(
            options: routing, filters: filters, environment: PredicateEnvironment(shutdown: shutdown), endpoints: endpoints,
            metricLabel: { labels.label($0).id })
    }

    /// Serves until the control loop is stopped.
    func run(_ shutdown: Shutdown) throws(StartError) {
        loadRoutes()
        try start()
        control.run()
        _ = shutdown
    }

    func reload() { loadRoutes() }

    /// Opens the listeners and starts a thread for each worker.
    func start() throws(StartError) {
        let address = try SocketAddress(listen: configuration.listeners.address)
        let socket = try Assembly.listen(address, flag: "-address")
        let count = configuration.general.workers > 0 ? configuration.general.workers : ProcessorCount.available
        let share = AcceptShare(workerCount: count)
        do throws(SystemError) {
            for index in 0..<count { workers.append(try WorkerThread(makeWorker(), socket: socket, share: share, index: index)) }
        } catch {
            throw StartError("listening on \(address): \(error)")
        }
        for worker in workers { worker.start() }
    }

    /// Loads the routes that the flags name.
    func loadRoutes() {
        var definitions: [RouteDefinition] = []
        for text in [configuration.routes.inlineRoutes] + configuration.routes.routesFile.compactMap({ ReadFile.text($0) }) where !text.isEmpty {
            let parsed = RouteDocument.parse(text)
            for error in parsed.errors { log.error("\(error)") }
            if parsed.errors.isEmpty { definitions += Array(parsed.document) }
        }
        let update = compiler.replaceAll(with: definitions, clock: RouteClock(now: 0, wallTime: 0))
        for diagnostic in update.diagnostics { log.error("\(diagnostic)") }
        slot.publish(update.table)
    }

    private func makeWorker() throws(SystemError) -> ProxyWorker {
        let telemetry = WorkerTelemetry(
            metrics: metrics.makeShard(),
            accessLog: AccessLog(accessWriter, options: AccessLogOptions(isJSON: configuration.accessLog.jsonEnabled, stripsQuery: configuration.accessLog.stripQuery)),
            log: ThrottledLog(log), logsAccess: !configuration.accessLog.disabled)
        return try ProxyWorker(
            options: ProxyOptions(configuration), server: ServerOptions(configuration), client: ClientOptions(configuration.backend),
            slot: slot, telemetry: telemetry, dnsServers: configuration.backend.dnsServers)
    }

    private static func listen(_ address: SocketAddress, flag: String) throws(StartError) -> FileDescriptor {
        do throws(SystemError) {
            return try Sockets.listen(address)
        } catch {
            throw StartError("\(flag) \(address): \(error); choose another with \(flag)")
        }
    }

    /// Writes what the logs still hold.
    func finish() {
        _ = logWriter.finish(withinMilliseconds: 1000)
        _ = accessWriter.finish(withinMilliseconds: 1000)
    }
}

/// Why the program could not start: what was tried and what to change.
struct StartError: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}
