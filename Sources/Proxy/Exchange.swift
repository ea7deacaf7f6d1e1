import Bytes
import Downstream
import Filters
import HTTP
import Net
import Routing
import Telemetry
import Upstream

// The story of one exchange, in order. What each step needs stands in the extensions beside this file; what the exchange
// remembers stands in ExchangeState.swift. Every step may be the last: an error page, a served response or a vanished
// peer ends the exchange wherever it is.
//
//   received → checked → routed → request filters → upstream chosen → connected → request sent
//     → response received → response filters → response sent → ended
//
// Loopbacks go back to "routed"; served and shunted requests skip from the request filters to the response filters;
// failures of the proxy's own skip to an error page past the ordinary response filters (routing.md §9).

extension UnsafeMutablePointer where Pointee == Exchange {
    // MARK: 1. The request

    /// Takes over a request whose head has come.
    func start(refusal: HTTPError?) {
        pointee.filter.peer = pointee.server.peer.address
        takeDefaults()
        if let refusal { return fail(.refused(refusal)) }
        pointee.isBodyExpected = !pointee.filter.request.framing.isEmpty
        if let answer = check() { return fail(answer) }
        if answersItself() { return }
        removeConnectionFields()
        route()
    }

    // MARK: 2. The route

    /// Finds the route for the request as it is now; the first time and for every loopback.
    func route() {
        pointee.phase = .routing
        let lookUpStart = EventLoop.clock
        let found = lookUp()
        pointee.filtersStart = EventLoop.clock
        pointee.filterStart = pointee.filtersStart
        metrics.observe(.routeLookupDuration, pointee.filtersStart &- lookUpStart)
        guard let route = found else {
            metrics.add(.routeError)
            return fail(.noRoute)
        }
        pointee.route = route
        pointee.filter.route = route._withUnsafeGuaranteedRef { $0.facts }
        pointee.filtersRun = 0
        runRequestFilters()
    }

    // MARK: 3. Request filters

    /// Runs the route's request filters from where they stopped.
    func runRequestFilters() {
        pointee.phase = .requestFilters
        let filters = pointee.route.unsafelyUnwrapped._withUnsafeGuaranteedRef { $0.filters }
        while pointee.filtersRun < filters.count {
            let filter = filters[pointee.filtersRun]
            pointee.filtersRun += 1
            let action = filter._withUnsafeGuaranteedRef { $0.request(context) }
            switch action {
            case .next, .reroute: filterRan(filter, .filterRequestDuration)
            case .serve:
                filterRan(filter, .filterRequestDuration)
                requestFiltersRan()
                return serve()
            case .suspend: return suspend()
            case .delay(let nanoseconds): return delay(nanoseconds)
            case .fail(let status): return fail(.filter(status: status))
            }
        }
        if pointee.filtersRun > 0 { requestFiltersRan() }
        dispatch()
    }

    // MARK: 4. The backend

    /// Goes where the route's backend says.
    private func dispatch() {
        let route = pointee.route.unsafelyUnwrapped
        if let origin = route._withUnsafeGuaranteedRef({ $0.networkOrigin }) { return origin._withUnsafeGuaranteedRef { connect(to: $0) } }
        switch route._withUnsafeGuaranteedRef({ $0.backend }) {
        // Gone to above, unless the endpoint has changed; then the route may lose this one too before the exchange ends.
        case .network(let endpoint):
            pointee.dynamicOrigin = endpoint.origin
            connect(to: endpoint.origin)
        case .loadBalanced(let balancer):
            let endpoint = balancer.pick(context, excluding: pointee.failedEndpoint)
            pointee.endpoint = endpoint
            endpoint._withUnsafeGuaranteedRef { $0.requestStarted() }
            connect(to: endpoint._withUnsafeGuaranteedRef { $0.origin })
        case .dynamic:
            guard let origin = dynamicOrigin() else { return fail(.noDynamicBackend) }
            pointee.dynamicOrigin = origin
            connect(to: origin)
        case .loopback: loopBack()
        case .shunt:
            pointee.filter.response.reset(status: 404)
            pointee.filter.replacement = .none
            serve()
        }
    }

    func connect(to origin: Origin, _ needs: ConnectionNeeds = ConnectionNeeds()) {
        if pointee.filter.settings.backendIsProxy, origin.proxy == nil {
            if let refusal = refusedTunnel(origin) { return fail(refusal) }
            if pointee.server.isEncrypted, !asksForTunnel { return connect(by: origin, needs) }
        }
        let security = pointee.filter.settings.backendSecurity
        if security != 0, origin.scheme.isSecure { return connectSecurely(to: origin, security, needs) }
        open(origin, needs)
    }

    /// Connections made under the route's own rules are another origin's.
    private func connectSecurely(to origin: Origin, _ security: UInt64, _ needs: ConnectionNeeds) {
        let origin = origin.security == security ? origin : pointee.worker.securedOrigins.origin(origin, security: security)
        pointee.dynamicOrigin = origin
        open(origin, needs)
    }

    private func open(_ origin: Origin, _ needs: ConnectionNeeds) {
        if isBodySpent { return fail(.bodySpent) }
        pointee.phase = .connecting
        if pointee.upstreamStart == 0 {
            pointee.upstreamStart = now
            measureOwnRequestTime()
        }
        pointee.origin = Unmanaged.passUnretained(origin)
        if let timeout = pointee.filter.settings.backendTimeout { setTimer(.backendTimeout, at: pointee.upstreamStart + timeout) }
        let client = pointee.lentWorker._withUnsafeGuaranteedRef { $0.client }
        let opened = client.open(origin, for: self, completed(needs), isOnce: !isRepeatable)
        pointee.client = opened.stream
        pointee.isRequestHeadSent = false
        pointee.isUpstreamBlocked = false
        if opened.isConnected { return sendRequest() }
        if pointee.isBodyExpected { pointee.server.pauseRequest() }
    }

    /// The connection stands, and this is the stream on it.
    func connected(_ stream: ClientStream) {
        pointee.client = stream
        sendRequest()
    }

    // MARK: 5. The request goes upstream

    /// The connection stands: sends the head, with the body's first bytes if there are any at hand.
    func sendRequest() {
        pointee.phase = .exchanging
        if pointee.isReplayable, pointee.isReplayWhole || !pointee.replay.isEmpty {
            transmitRequest(BodyPiece(constant: pointee.replay.readable), isLast: pointee.isReplayWhole, trailers: .none)
        }
        if pointee.isBodyExpected {
            if let timeout = pointee.filter.settings.readTimeout, case .length = pointee.filter.request.framing { pointee.server.setReadTimeout(timeout) }
            if pointee.filter.request.expectsContinue { awaitContinue() }
            // A head that was not sent waits for `requestBody` or `requestStalled`, which follow at once.
            if !pointee.isUpstreamBlocked { pointee.server.resumeRequest() }
            // They have followed already if this is not the first attempt, which may have had a socket that the body could be piped to.
            if pointee.attemptCount > 0 {
                pointee.server.copyRequest()
                requestStalled()
            }
        } else if !pointee.isReplayWhole {
            transmitRequest(.empty, isLast: true, trailers: .none)
        }
    }

    /// More of the request's body has come.
    func requestBody(_ piece: BodyPiece, isLast: Bool, trailers: TrailerLines) {
        pointee.requestBytes += UInt64(piece.count)
        if isLast { pointee.isBodyExpected = false }
        if pointee.isTunnel { return tunnelFromClient(piece, isLast: isLast) }
        switch pointee.phase {
        case .draining: drain(piece.bytes, isLast: isLast)
        case .exchanging, .responseFilters, .responding:
            if pointee.requestPipeline == nil, pointee.filter.requestTransforms.isEmpty {
                transmitRequest(piece, isLast: isLast, trailers: trailers)
            } else {
                transformRequest(piece.bytes, isLast: isLast)
            }
        default: break
        }
    }

    // MARK: 6. The response comes

    /// A head from the upstream: an interim one is passed on, the final one goes through the response filters.
    func responseReceived() {
        let status = pointee.filter.response.status
        if pointee.isReplayable, !pointee.isReplayWhole { forgetReplay() }
        if status == 101 || status < 300 && asksForTunnel { return startTunnel() }
        pointee.upstreamStatus = status
        pointee.upstreamVersion = pointee.filter.response.version
        pointee.upstreamHeadAt = now
        pointee.upstreamZone = pointee.endpoint?._withUnsafeGuaranteedRef { $0.zoneLabel } ?? 0
        if metrics.wantsBackendHosts { pointee.upstreamHost = backendLabel.id }
        pointee.phase = .responseFilters
        pointee.filter.response.removeNominatedFields()
        pointee.responseFilterIndex = pointee.filtersRun
        addServerField()
        beginResponseFilters()
    }

    /// The request was answered here: by a filter, or by a shunt.
    func serve() {
        guard pointee.isBodyExpected, pointee.filter.servesAfterRequestBody || !pointee.filter.request.expectsContinue else { return sendServed() }
        pointee.phase = .draining
        if pointee.filter.request.expectsContinue { sendContinue() }
        pointee.server.resumeRequest()
    }

    func sendServed() {
        pointee.phase = .responseFilters
        pointee.responseFilterIndex = pointee.filtersRun
        addServerField()
        beginResponseFilters()
    }

    /// Before the response filters, so that they can change it.
    func addServerField() {
        if pointee.filter.response.headers.first(.server) == nil {
            pointee.filter.response.headers.append(.server, BorrowedBytes("Fairway"))
        }
    }

    // MARK: 7. Response filters

    private func beginResponseFilters() {
        let hasFilters = pointee.filtersRun > 0 || !pointee.outerRoutes.isEmpty
        pointee.filtersStart = hasFilters ? EventLoop.clock : 0
        pointee.filterStart = pointee.filtersStart
        runResponseFilters()
    }

    /// Runs the response phase of the filters whose request phase ran, backwards, the innermost route's first.
    func runResponseFilters() {
        while true {
            let filters = pointee.route.unsafelyUnwrapped._withUnsafeGuaranteedRef { $0.filters }
            while pointee.responseFilterIndex > 0 {
                pointee.responseFilterIndex -= 1
                let filter = filters[pointee.responseFilterIndex]
                let action = filter._withUnsafeGuaranteedRef { $0.response(context) }
                switch action {
                case .next, .serve: filterRan(filter, .filterResponseDuration)
                case .suspend: return suspend()
                case .delay(let nanoseconds): return delay(nanoseconds)
                case .reroute: return reroute()
                case .fail(let status): return fail(.filter(status: status))
                }
            }
            guard returnToOuterRoute() else { break }
        }
        if pointee.filtersStart > 0 { responseFiltersRan() }
        sendResponse()
    }

    // MARK: 8. The response goes out

    /// Decides the framing and lets the body flow.
    private func sendResponse() {
        pointee.phase = .responding
        pointee.isResponseHeadPending = true
        if let timeout = pointee.filter.settings.writeTimeout { pointee.server.setWriteTimeout(timeout) }
        switch pointee.filter.replacement {
        case .untouched: if pointee.client == nil, !pointee.isUpstreamComplete { finishWithoutBody() } else { continueUpstreamResponse() }
        case .none:
            dropUpstream()
            finishWithoutBody()
        case .bytes(let bytes):
            dropUpstream()
            sendConstant(bytes)
        case .producer(let producer, let length):
            dropUpstream()
            startProducer(producer, length: length)
        }
    }

    /// More of the upstream's body has come.
    func responseBody(_ piece: BodyPiece, isLast: Bool, trailers: TrailerLines) {
        if isLast { upstreamDone(failed: false) }
        if pointee.isTunnel { return tunnelFromUpstream(piece, isLast: isLast) }
        switch pointee.phase {
        case .responding:
            if pointee.responsePipeline == nil { transmitResponse(piece, isLast: isLast, trailers: trailers) } else { transformResponse(piece.bytes, isLast: isLast) }
        case .responseFilters: if isLast { pointee.isUpstreamComplete = true }
        default: break
        }
    }

    // MARK: 9. The end

    /// Accounts for the exchange and gives its place back. Nothing may touch it afterwards.
    func end() {
        guard pointee.phase != .ended else { return }
        pointee.phase = .ended
        pointee.filter.resume = nil
        pointee.filter.exchangeNumber &+= 1
        dropUpstream()
        if !pointee.filter.endObservers.isEmpty { tellObservers() }
        account()
        // Nobody came back to them if the exchange ended before its response's filters.
        if pointee.loopbackCount > 0 { pointee.outerRoutes.removeAll(keepingCapacity: true) }
        releaseRoute()
        pointee.lentWorker._withUnsafeGuaranteedRef { $0.release(self) }
    }
}
