import Bytes
import Downstream
import Filters
import HTTP
import Net
import Routing
import Telemetry
import Upstream

/// What one exchange remembers. It lives in a slab of its worker, is reached by pointer and used again by later
/// exchanges, whose heads then need no memory of their own.
struct Exchange: ~Copyable {
    enum Phase {
        /// The place is free.
        case ended
        case routing
        case requestFilters
        case connecting
        /// The request is on its way and the response's head is awaited.
        case exchanging
        case responseFilters
        /// The request is answered here, but its body comes first.
        case draining
        case responding
    }

    /// What the exchange's timer is set for.
    enum TimerPurpose {
        case none, delay, backendTimeout, expectContinue, pipelinePause, producerPause
    }

    /// An outer route of a loopback, to whose response filters the response returns.
    struct Frame {
        let route: Unmanaged<Route>
        let filtersRun: Int
    }

    /// First, so that a filter's pointer to it is the exchange's own.
    var filter: FilterState
    /// Lent rather than kept: a count of references would be two atomic operations for each use.
    let lentWorker: Unmanaged<ProxyWorker>
    let telemetry: Unmanaged<WorkerTelemetry>
    var server: ServerStream
    var client: ClientStream?
    var timer = TimerNode()
    /// Besides the backend's deadline and the bodies' pauses.
    var timerPurpose = TimerPurpose.none
    var timerDeadline: UInt64 = 0
    /// When a body that its transforms hold back may go on; 0 if none is.
    var pauseDeadline: UInt64 = 0
    /// 0 if there is none.
    var backendDeadline: UInt64 = 0

    /// While the place is free.
    var nextIdle: UnsafeMutablePointer<Exchange>?
    var phase = Phase.ended
    /// Of the routing table the exchange began with; -1 before it asked for one.
    var generation = -1
    var table: Unmanaged<RoutingTable>?
    var route: Unmanaged<Route>?
    var outerRoutes: [Frame] = []
    var loopbackCount = 0
    /// Request filters run so far of the current route.
    var filtersRun = 0
    /// Response filters with a lower index are still to run.
    var responseFilterIndex = 0

    var origin: Unmanaged<Origin>?
    /// Keeps the origin of a dynamic backend.
    var dynamicOrigin: Origin?
    var endpoint: Unmanaged<Endpoint>?
    var failedEndpoint: Unmanaged<Endpoint>?
    var attemptCount = 0
    /// Attempts that an upstream has not begun with, for no good reason.
    var refusalCount = 0

    /// More of the request's body is to come.
    var isBodyExpected = false
    var isRequestHeadSent = false
    /// `replay` holds what has gone out of the body of a request that may have to go again.
    var isReplayable = false
    /// It holds the end, too.
    var isReplayWhole = false
    var replay = ByteBuffer()
    var isResponseHeadPending = false
    var isResponseHeadSent = false
    /// The upstream's response ended while filters held it back.
    var isUpstreamComplete = false
    var isTunnel = false
    var isClientBlocked = false
    var isUpstreamBlocked = false
    /// The counter that the exchange's failure belongs to.
    var failureMetric: Metric?
    var requestPipeline: BodyPipeline?
    var responsePipeline: BodyPipeline?
    var producer: (any BodyProducer)?
    var responseFraming = BodyFraming.none

    var startedAt: UInt64 = 0
    var upstreamStart: UInt64 = 0
    var upstreamHeadAt: UInt64 = 0
    var upstreamStatus: UInt16 = 0
    /// The metrics' label of the endpoint's zone.
    var upstreamZone: UInt32 = 0
    /// That of its host, if hosts are counted.
    var upstreamHost: UInt32 = 0
    /// Of the last attempt.
    var upstreamVersion = HTTPVersion.http11
    /// By the clock itself: when the present route's filters began in their present phase; 0 if there are none.
    var filtersStart: UInt64 = 0
    /// When the filter began that runs or waits.
    var filterStart: UInt64 = 0
    /// What filters took in each phase, their waits included.
    var requestFiltersTime: UInt64 = 0
    var responseFiltersTime: UInt64 = 0
    var responseHeadAt: UInt64 = 0
    /// Of the response that was sent; 0 if none was.
    var sentStatus: UInt16 = 0
    var requestBytes: UInt64 = 0
    var responseBytes: UInt64 = 0

    init(worker: ProxyWorker, server: ServerStream) {
        lentWorker = .passUnretained(worker)
        telemetry = .passUnretained(worker.telemetry)
        self.server = server
        filter = FilterState(services: worker.services)
    }

    var worker: ProxyWorker { lentWorker.takeUnretainedValue() }
}

extension UnsafeMutablePointer where Pointee == Exchange {
    var context: FilterContext { FilterContext(UnsafeMutableRawPointer(self).assumingMemoryBound(to: FilterState.self)) }
    var loop: UnsafeMutablePointer<EventLoop> { pointee.lentWorker._withUnsafeGuaranteedRef { $0.loop } }
    var now: UInt64 { loop.pointee.now }
    var requestHead: UnsafeMutablePointer<RequestHead> { withUnsafeMutablePointer(to: &pointee.filter.request) { $0 } }
    var responseHead: UnsafeMutablePointer<ResponseHead> { withUnsafeMutablePointer(to: &pointee.filter.response) { $0 } }

    /// Makes the place ready for a new exchange.
    func prepare(_ server: ServerStream) {
        pointee.filter.reset()
        pointee.server = server
        pointee.client = nil
        pointee.timerPurpose = .none
        pointee.pauseDeadline = 0
        pointee.backendDeadline = 0
        pointee.phase = .routing
        pointee.route = nil
        pointee.loopbackCount = 0
        pointee.filtersRun = 0
        pointee.origin = nil
        if pointee.dynamicOrigin != nil { pointee.dynamicOrigin = nil }
        pointee.endpoint = nil
        pointee.failedEndpoint = nil
        pointee.attemptCount = 0
        pointee.refusalCount = 0
        pointee.isBodyExpected = false
        pointee.isRequestHeadSent = false
        pointee.isReplayable = false
        pointee.isReplayWhole = false
        pointee.isResponseHeadPending = false
        pointee.isResponseHeadSent = false
        pointee.isUpstreamComplete = false
        pointee.isTunnel = false
        pointee.isClientBlocked = false
        pointee.isUpstreamBlocked = false
        pointee.failureMetric = nil
        if pointee.requestPipeline != nil { pointee.requestPipeline = nil }
        if pointee.responsePipeline != nil { pointee.responsePipeline = nil }
        if pointee.producer != nil { pointee.producer = nil }
        pointee.startedAt = now
        pointee.upstreamStart = 0
        pointee.upstreamHeadAt = 0
        pointee.upstreamStatus = 0
        pointee.filtersStart = 0
        pointee.requestFiltersTime = 0
        pointee.responseFiltersTime = 0
        pointee.responseHeadAt = 0
        pointee.sentStatus = 0
        pointee.requestBytes = 0
        pointee.responseBytes = 0
    }

    // MARK: Table generations

    /// Finds a route in the table the exchange began with.
    func lookUp() -> Unmanaged<Route>? {
        if pointee.generation < 0 { (pointee.generation, pointee.table) = pointee.lentWorker._withUnsafeGuaranteedRef { $0.tables.hold() } }
        return pointee.table?._withUnsafeGuaranteedRef { $0.match(context) }
    }

    func releaseRoute() {
        guard pointee.generation >= 0 else { return }
        pointee.lentWorker._withUnsafeGuaranteedRef { $0.tables.release(pointee.generation) }
        pointee.generation = -1
    }

    // MARK: Loopbacks

    func loopBack() {
        pointee.loopbackCount += 1
        guard pointee.loopbackCount <= pointee.worker.options.loopbacksMax else { return fail(.tooManyLoopbacks) }
        pointee.outerRoutes.append(Exchange.Frame(route: pointee.route.unsafelyUnwrapped, filtersRun: pointee.filtersRun))
        // A Host that filters chose was for this route's upstream (routing.md §10).
        pointee.filter.outgoingHost = nil
        takeDefaults()
        route()
    }

    /// What the flags say of backends, before the route's filters have their say.
    func takeDefaults() {
        pointee.lentWorker._withUnsafeGuaranteedRef {
            pointee.filter.settings.preservesHost = $0.options.preservesHost
            pointee.filter.settings.sendsProxyHeader = $0.options.sendsProxyHeaders
        }
    }

    /// A response filter sends the changed request through routing again: its response replaces this one and then
    /// passes the filters that this one has not passed yet.
    func reroute() {
        dropUpstream()
        pointee.filter.response.reset()
        pointee.filter.replacement = .untouched
        pointee.filter.responseTransforms.removeAll()
        pointee.filtersRun = pointee.responseFilterIndex
        pointee.upstreamStart = 0
        pointee.isUpstreamComplete = false
        loopBack()
    }

    /// Whether the request's body went to an upstream whose response was then replaced by that of a loopback: what is
    /// left of it, or its length without it, would be another request.
    var isBodySpent: Bool {
        guard pointee.loopbackCount > 0, pointee.attemptCount > 0, !pointee.filter.request.framing.isEmpty else { return false }
        return !(pointee.isReplayable && pointee.isReplayWhole) && (pointee.requestBytes > 0 || !pointee.isBodyExpected)
    }

    /// - Returns: whether there is an outer route whose filters the response has to pass.
    func returnToOuterRoute() -> Bool {
        guard let frame = pointee.outerRoutes.popLast() else { return false }
        pointee.route = frame.route
        pointee.filter.route = frame.route._withUnsafeGuaranteedRef { $0.facts }
        pointee.responseFilterIndex = frame.filtersRun
        return true
    }

    func tellObservers() {
        for observer in pointee.filter.endObservers { observer.ended(context) }
    }

    // MARK: Suspension

    /// A filter waits for something else.
    func suspend() {
        holdBodies()
        pointee.filter.resume = { state, action in
            UnsafeMutableRawPointer(state).assumingMemoryBound(to: Exchange.self).resumed(action)
        }
    }

    func delay(_ nanoseconds: UInt64) {
        holdBodies()
        setTimer(.delay, at: now + nanoseconds)
    }

    private func holdBodies() {
        if pointee.isBodyExpected, pointee.phase == .requestFilters { pointee.server.pauseRequest() }
        if pointee.phase == .responseFilters { pointee.client?.pauseResponse() }
    }

    func resumed(_ action: FilterAction) {
        pointee.filter.resume = nil
        waitingFilterRan(action)
        switch (pointee.phase, action) {
        case (.requestFilters, .next): runRequestFilters()
        case (.requestFilters, .serve): serve()
        case (.responseFilters, .next), (.responseFilters, .serve): runResponseFilters()
        case (.responseFilters, .reroute): reroute()
        case (_, .fail(let status)): fail(.filter(status: status))
        case (_, .delay(let nanoseconds)): delay(nanoseconds)
        case (_, .suspend): suspend()
        default: break
        }
    }

    // MARK: Timer

    private var timer: UnsafeMutablePointer<TimerNode> { withUnsafeMutablePointer(to: &pointee.timer) { $0 } }

    /// The backend's deadline and the pauses of bodies stand beside whatever else the exchange waits for: a request's body may be
    /// held back while a filter delays the response. None replaces the other.
    func setTimer(_ purpose: Exchange.TimerPurpose, at deadline: UInt64) {
        switch purpose {
        case .backendTimeout: pointee.backendDeadline = deadline
        case .pipelinePause: pointee.pauseDeadline = pointee.pauseDeadline > 0 ? Swift.min(pointee.pauseDeadline, deadline) : deadline
        default:
            pointee.timerPurpose = purpose
            pointee.timerDeadline = deadline
        }
        armTimer()
    }

    private func armTimer() {
        var earliest = pointee.timerPurpose == .none ? UInt64.max : pointee.timerDeadline
        if pointee.backendDeadline > 0 { earliest = Swift.min(earliest, pointee.backendDeadline) }
        if pointee.pauseDeadline > 0 { earliest = Swift.min(earliest, pointee.pauseDeadline) }
        if earliest < .max { loop.pointee.timers.set(timer, at: earliest) }
    }

    func cancelTimer() {
        pointee.timerPurpose = .none
        pointee.pauseDeadline = 0
        if pointee.timer.isSet { loop.pointee.timers.cancel(timer) }
    }

    /// Does one of the things that are due: behind it the exchange may have ended.
    func timerExpired() {
        if pointee.backendDeadline > 0, now >= pointee.backendDeadline, backendTimedOut() { return }
        if pointee.pauseDeadline > 0, now >= pointee.pauseDeadline {
            pointee.pauseDeadline = 0
            armTimer()
            return pumpPipelines()
        }
        guard pointee.timerPurpose != .none, now >= pointee.timerDeadline else { return armTimer() }
        let purpose = pointee.timerPurpose
        pointee.timerPurpose = .none
        armTimer()
        switch purpose {
        case .none, .backendTimeout, .pipelinePause: break
        case .delay: resumed(.next)
        case .expectContinue: if pointee.phase == .exchanging, pointee.filter.request.expectsContinue { sendContinue() }
        case .producerPause: pumpProducer()
        }
    }

    /// - Returns: false if the upstream was done in time.
    private func backendTimedOut() -> Bool {
        pointee.backendDeadline = 0
        guard pointee.client != nil else { return false }
        cancelTimer()
        failUpstream(.timeout)
        return true
    }

    func initializeTimer() {
        pointee.timer.owner = UnsafeMutableRawPointer(self)
        pointee.timer.expired = { $0.assumingMemoryBound(to: Exchange.self).timerExpired() }
    }
}
