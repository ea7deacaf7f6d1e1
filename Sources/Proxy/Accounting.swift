import Bytes
import Downstream
import Filters
import HTTP
import Net
import Routing
public import Telemetry
import Upstream

/// Where one worker's exchanges are counted and written down.
public final class WorkerTelemetry {
    let metrics: MetricShard
    var accessLog: AccessLog
    let log: ThrottledLog
    /// Where `auditLog` writes.
    let audits: LogWriter
    let logsAccess: Bool
    private let labels: MetricLabels

    private var customLabels: [String: MetricLabel] = [:]
    private var incoming: ProtocolCounters
    private var outgoing: ProtocolCounters

    /// - Parameter logsAccess: unless a route's filter decides otherwise.
    public init(
        metrics: MetricShard, labels: MetricLabels, accessLog: consuming AccessLog, log: ThrottledLog, audits: LogWriter, logsAccess: Bool
    ) {
        self.metrics = metrics
        self.labels = labels
        self.audits = audits
        self.accessLog = accessLog
        self.log = log
        self.logsAccess = logsAccess
        incoming = ProtocolCounters("incoming", labels)
        outgoing = ProtocolCounters("outgoing", labels)
    }

    func countIncoming(_ version: HTTPVersion) { incoming.count(version, metrics) }

    func countOutgoing(_ version: HTTPVersion) { outgoing.count(version, metrics) }

    func label(of route: RouteFacts) -> UInt32 { labels.label(route.id).id }

    /// Adds to a counter that filters name; keys come from routes, so there are few.
    func count(_ key: String, by amount: UInt64) {
        let label = customLabels[key] ?? labels.label(key)
        customLabels[key] = label
        metrics.add(.customTotal, label, by: amount)
    }
}

/// Counts messages by their protocol, each in a series that begins with the first of them.
private struct ProtocolCounters {
    private let labels: [MetricLabel]
    private var usual: MetricCounter?

    init(_ direction: String, _ labels: MetricLabels) {
        self.labels = [HTTPVersion.http10, .http11, .http2].map { labels.label("\(direction).\($0.name)") }
    }

    @inline(__always)
    mutating func count(_ version: HTTPVersion, _ metrics: MetricShard) {
        if version == .http11, let usual { return usual.add() }
        countOther(version, metrics)
    }

    @inline(never)
    private mutating func countOther(_ version: HTTPVersion, _ metrics: MetricShard) {
        let label = labels[Int(version.rawValue)]
        metrics.add(.customTotal, label)
        if version == .http11 { usual = metrics.counter(.customTotal, label) }
    }
}

/// The request field in which `unverifiedAuditLog` leaves what the log's last column shows.
private enum AuditField {
    static let name = FieldName("X-Unverified-Audit")
}

// What is known when an exchange ends goes into the metrics and, if it is wanted, into one line of the access log.

extension UnsafeMutablePointer where Pointee == Exchange {
    func account() {
        pointee.telemetry._withUnsafeGuaranteedRef { account($0, $0.metrics) }
    }

    private func account(_ telemetry: WorkerTelemetry, _ metrics: MetricShard) {
        let now = now
        let status = Int(pointee.sentStatus)
        let route = routeLabel
        telemetry.countIncoming(pointee.filter.request.version)
        if pointee.upstreamHeadAt > 0 {
            telemetry.countOutgoing(pointee.upstreamVersion)
            metrics.upstreamAnswered(
                status: Int(pointee.upstreamStatus), route: route, host: metrics.wantsBackendHosts ? MetricLabel(id: pointee.upstreamHost) : .none,
                zone: MetricLabel(id: pointee.upstreamZone),
                nanoseconds: pointee.upstreamHeadAt - pointee.upstreamStart)
        }
        if let failure = pointee.failureMetric { metrics.add(failure, route) }
        // A tunnel lives for hours, which would be the average of everything else.
        if !pointee.isTunnel { measure(status, route, now, metrics) }
        if isLogged(status, telemetry) { writeAccessLog(telemetry, status) }
    }

    /// How long it took, and how large it was.
    @inline(__always)
    private func measure(_ status: Int, _ route: MetricLabel, _ now: UInt64, _ metrics: MetricShard) {
        let code = MetricLabel.code(status)
        let method = MetricLabel.method(pointee.filter.request.method.rawValue)
        let host = hostLabel(metrics)
        if pointee.attemptCount > 0 { metrics.observe(.backendRequestHeaderBytes, UInt64(pointee.filter.request.byteCount), host) }
        metrics.responseEnded(
            code: code, method: method, route: route, bytes: pointee.responseBytes, host: host,
            nanoseconds: pointee.responseHeadAt > 0 ? now - pointee.responseHeadAt : 0)
        metrics.requestServed(code: code, method: method, route: route, host: host, nanoseconds: now - pointee.startedAt)
        metrics.observe(.proxyTotalDuration, ownTime(now))
    }

    var metrics: MetricShard { pointee.telemetry._withUnsafeGuaranteedRef { $0.metrics } }

    private var routeLabel: MetricLabel {
        guard let route = pointee.route else { return .unknownRoute }
        return pointee.telemetry._withUnsafeGuaranteedRef { telemetry in
            route._withUnsafeGuaranteedRef { MetricLabel(id: $0.metricLabel { telemetry.label(of: $0) }) }
        }
    }

    /// The backend that answers, while its response comes. Empty for load balanced routes, whose endpoints would be too many, and
    /// where clients choose the host.
    @inline(never)
    var backendLabel: MetricLabel {
        guard let origin = pointee.origin, let route = pointee.route, case .network = route._withUnsafeGuaranteedRef({ $0.backend }) else { return .none }
        return origin._withUnsafeGuaranteedRef { ($0.proxy ?? $0).authority.withUnsafeBytes { metrics.label($0) } }
    }

    /// A phase of one filter is over, its waiting included.
    func filterRan(_ filter: Unmanaged<Filter>, _ metric: Metric) {
        let end = EventLoop.clock
        metrics.observe(metric, end &- pointee.filterStart, MetricLabel(id: filter._withUnsafeGuaranteedRef { $0.metricLabel }))
        pointee.filterStart = end
    }

    /// The filter that had the exchange wait has done so.
    func waitingFilterRan(_ action: FilterAction) {
        guard let route = pointee.route else { return }
        switch action {
        case .next, .serve, .reroute: break
        case .suspend, .delay, .fail: return
        }
        let filters = route._withUnsafeGuaranteedRef { $0.filters }
        if pointee.phase == .requestFilters { filterRan(filters[pointee.filtersRun - 1], .filterRequestDuration) }
        if pointee.phase == .responseFilters { filterRan(filters[pointee.responseFilterIndex], .filterResponseDuration) }
    }

    func requestFiltersRan() {
        let time = pointee.filterStart &- pointee.filtersStart
        pointee.requestFiltersTime &+= time
        metrics.requestFiltersRan(route: routeLabel, nanoseconds: time)
    }

    func responseFiltersRan() {
        let time = pointee.filterStart &- pointee.filtersStart
        pointee.responseFiltersTime &+= time
        metrics.responseFiltersRan(route: routeLabel, nanoseconds: time)
    }

    /// The upstream is about to be asked (`-proxy-request-metrics`).
    @inline(__always)
    func measureOwnRequestTime() {
        if metrics.isKept(.proxyRequestDuration) { observe(.proxyRequestDuration, since: pointee.startedAt, without: pointee.requestFiltersTime) }
    }

    /// The response's head is about to go out (`-proxy-response-metrics`).
    @inline(__always)
    func measureOwnResponseTime() {
        guard metrics.isKept(.proxyResponseDuration), pointee.upstreamHeadAt > 0 else { return }
        observe(.proxyResponseDuration, since: pointee.upstreamHeadAt, without: pointee.responseFiltersTime)
    }

    @inline(never)
    private func observe(_ metric: Metric, since start: UInt64, without filtersTime: UInt64) {
        let time = EventLoop.clock &- start
        metrics.observe(metric, time > filtersTime ? time - filtersTime : 0)
    }

    /// The exchange's time until the response's head, without the upstream's and the filters'.
    private func ownTime(_ now: UInt64) -> UInt64 {
        let total = (pointee.responseHeadAt > 0 ? pointee.responseHeadAt : now) - pointee.startedAt
        let upstream = pointee.upstreamHeadAt > 0 ? pointee.upstreamHeadAt - pointee.upstreamStart : 0
        let others = upstream &+ pointee.requestFiltersTime &+ pointee.responseFiltersTime
        return total > others ? total - others : 0
    }

    /// Hosts of traffic become labels only for routes that name theirs, so that clients cannot multiply series.
    private func hostLabel(_ metrics: MetricShard) -> MetricLabel {
        guard let route = pointee.route, route._withUnsafeGuaranteedRef({ $0.hasHost }) else { return .unknownHost }
        return metrics.hostLabel(pointee.filter.request.host)
    }

    private func isLogged(_ status: Int, _ telemetry: WorkerTelemetry) -> Bool {
        switch pointee.filter.settings.accessLog {
        case .inherited: telemetry.logsAccess
        case .always: true
        case .never: false
        case .onlyStatuses(let prefixes): matches(status, prefixes)
        case .exceptStatuses(let prefixes): !matches(status, prefixes)
        }
    }

    /// Below 10 a prefix is the class, below 100 the tens, else the status itself.
    private func matches(_ status: Int, _ prefixes: [Int]) -> Bool {
        prefixes.contains { $0 < 10 ? status / 100 == $0 : $0 < 100 ? status / 10 == $0 : status == $0 }
    }

    private func writeAccessLog(_ telemetry: WorkerTelemetry, _ status: Int) {
        var record = AccessLogRecord()
        record.peer = pointee.filter.trustedClient ?? pointee.filter.peer
        if pointee.filter.trustedClient == nil { record.forwardedFor = field(.xForwardedFor) }
        record.method = pointee.filter.request.methodBytes
        record.uri = pointee.filter.request.target
        record.proto = BorrowedBytes(pointee.filter.request.version.name)
        record.requestHost = pointee.filter.request.host
        record.referer = field(.referer)
        record.userAgent = field(.userAgent)
        record.flowID = field(.xFlowID)
        record.audit = pointee.filter.request.headers.first(AuditField.name) ?? record.audit
        record.status = status
        record.responseBytes = pointee.responseBytes
        record.duration = now - pointee.startedAt
        record.wallTime = loop.pointee.wallTime
        let masked = pointee.filter.settings.maskedQueryParameters
        let uri = masked.isEmpty ? nil : MaskedQuery.mask(record.uri, parameters: masked)
        withOptionalBytes(pointee.filter.bag["auth-user"]) { user in
            record.authUser = user
            guard let uri else { return write(record, telemetry) }
            uri.withUnsafeBytes { bytes in
                record.uri = bytes
                write(record, telemetry)
            }
        }
    }

    private func write(_ record: AccessLogRecord, _ telemetry: WorkerTelemetry) { _ = telemetry.accessLog.log(record) }

    private func withOptionalBytes(_ text: String?, _ body: (BorrowedBytes) -> Void) {
        if let text { text.withBytes(body) } else { body(BorrowedBytes(start: nil, count: 0)) }
    }

    private func field(_ known: KnownField) -> BorrowedBytes {
        pointee.filter.request.headers.first(known) ?? BorrowedBytes(start: nil, count: 0)
    }
}
