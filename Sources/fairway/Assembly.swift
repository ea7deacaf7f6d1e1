import Bytes
import CLinux
import Config
import DataClients
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
    /// Standard error, where `auditLog` writes.
    private let auditWriter: LogWriter
    let metrics: MetricRegistry
    let slot = RoutingTableSlot()
    let endpoints: EndpointRegistry
    let shutdown = ShutdownFlag()
    let compiler: RouteCompiler
    let controlPlane: ControlPlane
    /// nil if there are none.
    let statusChecks: StatusChecks?
    /// What is awaited before the main listener opens.
    private var awaitedCount = 0
    private var startError: StartError?
    /// nil unless the main listener speaks TLS.
    private let certificates: ServerCertificates?
    private let upstreamCertificates: UpstreamCertificates
    private let clientAuthorities: ClientAuthorities
    private var certificateTimer: ControlTimer?
    private let secrets: FileSecrets
    private var secretTimer: ControlTimer?
    private(set) var workers: [WorkerThread] = []
    /// The loop of the control path: signals, data clients, the support listener. Runs on the main thread.
    let control: UnsafeMutablePointer<EventLoop>
    private var support: SupportListener?
    private var debug: DebugServer?

    init(_ configuration: Configuration) throws {
        self.configuration = configuration
        control = .allocate(capacity: 1)
        control.initialize(to: try EventLoop())
        let applicationLog = configuration.applicationLog
        logWriter = try LogWriter(LogDestination(path: applicationLog.file))
        accessWriter = configuration.accessLog.file == applicationLog.file ? logWriter : try LogWriter(LogDestination(path: configuration.accessLog.file))
        auditWriter = applicationLog.file.isEmpty ? logWriter : try LogWriter(LogDestination(path: ""))
        let options = ApplicationLogOptions(destination: LogDestination(path: applicationLog.file), isJSON: applicationLog.jsonEnabled, prefix: applicationLog.prefix)
        let writer = logWriter
        let level = Logger.Level(flag: applicationLog.level.rawValue) ?? .info
        log = Logger(label: "fairway") { _ in ApplicationLog(writer, options: options, level: level) }
        let kernel = KernelTLS.used(configuration.tls, log: log)
        certificates = try configuration.tls.cert.isEmpty ? nil : ServerCertificates(configuration.tls, kernel: kernel, loop: control, log: log)
        metrics = MetricRegistry(options: MetricOptions(configuration.metrics))
        let (access, audits) = (accessWriter, auditWriter)
        // One writer may serve all three; the access log is what comes by sinks.
        metrics.addSource(.accessLogLinesDropped) { access.droppedSinkLineCount }
        metrics.addSource(.applicationLogLinesDropped) { writer.droppedLineCount + (audits === writer ? 0 : audits.droppedLineCount) }
        let labels = metrics.labels
        endpoints = EndpointRegistry(passiveHealth: PassiveHealth(configuration.backend.passiveHealthCheck)) { labels.label($0).id }
        upstreamCertificates = try UpstreamCertificates(configuration.tls, kernel: kernel, isInsecure: configuration.backend.insecure, log: log)
        clientAuthorities = try ClientAuthorities(configuration.tls, log: log)
        secrets = FileSecrets(paths: configuration.auth.credentialsPaths, log: log)
        var environment = FilterEnvironment(configuration)
        environment.metrics = metrics
        environment.secrets = secrets
        environment.backendTLS = upstreamCertificates.wishes
        environment.clientTrust = clientAuthorities.trust
        var filters = FilterRegistry.builtIn(environment)
        for name in filters.disable(configuration.routes.disabledFilters) {
            log.warning("-disabled-filters: there is no filter \(name)")
        }
        var routing = RoutingOptions()
        routing.ignoresTrailingSlash = configuration.routes.ignoreTrailingSlash
        compiler = RouteCompiler(
            options: routing, filters: filters, environment: PredicateEnvironment(shutdown: shutdown), endpoints: endpoints)
        var clientOptions = DataClientOptions(configuration.routes)
        clientOptions.security = upstreamCertificates.source
        clientOptions.dnsServers = configuration.backend.dnsServers
        controlPlane = try ControlPlane(
            loop: control, options: clientOptions, compiler: compiler, slot: slot, log: log, endpoints: endpoints,
            metrics: metrics)
        let checks = configuration.general.statusChecks
        statusChecks = try checks.isEmpty ? nil : StatusChecks(checks, loop: control, options: clientOptions, log: log)
        controlPlane.tableCompiled = { [unowned self] in
            if Origin.isTLSWanted { upstreamCertificates.prepare() }
        }
    }

    /// Serves until the control loop is stopped.
    func run(_ shutdown: Shutdown) throws(StartError) {
        try startSupport()
        try startDebug()
        if configuration.routes.waitFirstRouteLoad {
            awaitedCount += 1
            controlPlane.firstLoadDone = { [unowned self] in awaitedCame() }
        }
        if let statusChecks {
            awaitedCount += 1
            statusChecks.start { [unowned self] in awaitedCame() }
        }
        let startsAtOnce = awaitedCount == 0
        controlPlane.start()
        if startsAtOnce { try start() }
        control.run()
        _ = shutdown
        if let startError { throw startError }
    }

    /// Reads all route sources and certificates again, and opens log files anew (SIGHUP).
    func reload() {
        for writer in [logWriter, accessWriter, auditWriter] { writer.reopen() }
        controlPlane.refresh()
        certificates?.refresh()
        upstreamCertificates.refresh()
        clientAuthorities.refresh()
        secrets.refresh()
    }

    private func awaitedCame() {
        awaitedCount -= 1
        guard awaitedCount == 0 else { return }
        do throws(StartError) {
            try start()
        } catch {
            startError = error
            control.stop()
        }
    }

    /// Opens the listeners and starts a thread for each worker.
    func start() throws(StartError) {
        certificateTimer = ControlTimer(control, interval: upstreamCertificates.checkInterval) { [unowned self] in
            upstreamCertificates.refresh()
            clientAuthorities.refresh()
        }
        let secretInterval = configuration.auth.credentialsUpdateInterval.nanoseconds
        if secretInterval > 0 { secretTimer = ControlTimer(control, interval: secretInterval) { [unowned self] in secrets.refresh() } }
        let count = configuration.general.workers > 0 ? configuration.general.workers : ProcessorCount.available
        let share = AcceptShare(workerCount: count)
        do throws(SystemError) {
            for _ in 0..<count { workers.append(WorkerThread(try makeWorker(), tls: certificates?.context)) }
        } catch {
            throw StartError("making workers: \(error)")
        }
        try listen(configuration.listeners.address, flag: "-address", share: share, isEncrypted: certificates != nil)
        // Without TLS the main listener is what this one would be.
        if certificates != nil, let insecure = configuration.listeners.insecureAddress {
            try listen(insecure, flag: "-insecure-address", share: AcceptShare(countsOf: share), isEncrypted: false)
        }
        support?.showConnections(of: workers)
        for worker in workers { worker.start() }
        // Threads inherit it, so not before those of the workers run.
        clinux_go_behind(Assembly.controlNiceness, Assembly.controlTurnNanoseconds)
        controlPlane.tablePublished = { [unowned self] in for worker in workers { worker.wake() } }
        certificates?.whenReplaced = { [unowned self] context in
            for worker in workers { worker.replaceTLS(context) }
        }
    }

    /// Requests go before updates where both need one processor; on a busy one the control thread still has a quarter.
    private static let controlNiceness: Int32 = 5
    private static let controlTurnNanoseconds: UInt64 = 10_000_000

    private func listen(_ setting: ListenAddress, flag: String, share: AcceptShare, isEncrypted: Bool) throws(StartError) {
        let address = try SocketAddress(listen: setting)
        let socket = try Assembly.listen(address, flag: flag)
        do throws(SystemError) {
            for (index, worker) in workers.enumerated() { try worker.listen(socket, share: share, index: index, isEncrypted: isEncrypted) }
        } catch {
            throw StartError("listening on \(address): \(error)")
        }
        log.info("serving \(isEncrypted ? "TLS " : "")on \(Sockets.localAddress(socket.number) ?? address)")
    }

    /// First, so that readiness can be asked for while the routes are awaited.
    private func startSupport() throws(StartError) {
        guard let setting = configuration.listeners.supportListener else { return }
        let address = try SocketAddress(listen: setting)
        let socket = try Assembly.listen(address, flag: "-support-listener")
        do throws(SystemError) {
            support = try SupportListener(self, socket: socket)
        } catch {
            throw StartError("listening on \(address): \(error)")
        }
    }

    private func startDebug() throws(StartError) {
        guard let setting = configuration.listeners.debugListener else { return }
        let address = try SocketAddress(listen: setting)
        let socket = try Assembly.listen(address, flag: "-debug-listener")
        let debug = DebugServer(
            loop: control, options: ProxyOptions(configuration), server: ServerOptions(configuration), slot: slot, telemetry: makeTelemetry(),
            bodyBytesMax: configuration.requests.maxBodyBuffer)
        do throws(SystemError) {
            let bound = try debug.listen(on: socket)
            log.info("what would become of requests on \(bound)")
        } catch {
            throw StartError("listening on \(address): \(error)")
        }
        self.debug = debug
    }

    private func makeTelemetry() -> WorkerTelemetry {
        WorkerTelemetry(
            metrics: metrics.makeShard(), labels: metrics.labels,
            accessLog: AccessLog(accessWriter, options: AccessLogOptions(isJSON: configuration.accessLog.jsonEnabled, stripsQuery: configuration.accessLog.stripQuery)),
            log: ThrottledLog(log), audits: auditWriter, logsAccess: !configuration.accessLog.disabled)
    }

    private func makeWorker() throws(SystemError) -> ProxyWorker {
        let worker = try ProxyWorker(
            options: ProxyOptions(configuration), server: ServerOptions(configuration), client: ClientOptions(configuration.backend),
            slot: slot, telemetry: makeTelemetry(), dnsServers: configuration.backend.dnsServers)
        worker.setUpstreamSecurity(upstreamCertificates.source)
        return worker
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
        _ = auditWriter.finish(withinMilliseconds: 1000)
    }
}

/// Why the program could not start: what was tried and what to change.
struct StartError: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}
