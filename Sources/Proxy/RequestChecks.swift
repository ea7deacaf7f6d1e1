import Bytes
import Downstream
public import Filters
import HTTP
import Telemetry

// What is asked of a request before it is routed (operations.md §2), outermost first.

extension UnsafeMutablePointer where Pointee == Exchange {
    /// - Returns: why the request is refused, nil if it may be routed.
    func check() -> ProxyError? {
        pointee.lentWorker._withUnsafeGuaranteedRef { worker in
            let refusal = context.refusal(worker.options, pointee.server)
            if case .invalidQuery = refusal, worker.options.logsRefusedQueries { logRefusedQuery() }
            return refusal
        }
    }

    /// Requests that no route can change: `OPTIONS *` and the health path.
    func answersItself() -> Bool {
        if pointee.filter.request.isAsterisk {
            pointee.filter.response.reset(status: 200)
        } else if pointee.lentWorker._withUnsafeGuaranteedRef({ $0.options.isHealthPath(pointee.filter.request.path) }) {
            let isHealthy = pointee.worker.isHealthy
            pointee.filter.response.reset(status: isHealthy ? 200 : 503)
            // Load balancers ask every few seconds; only what they are not content with is news.
            if isHealthy { pointee.filter.settings.accessLog = .never }
        } else {
            return false
        }
        pointee.phase = .responding
        pointee.isResponseHeadPending = true
        addServerField()
        finishWithoutBody()
        return true
    }

    /// Takes off what belongs to the client's connection; the rest of the hop-by-hop fields is left out when the head is
    /// written.
    func removeConnectionFields() {
        guard pointee.lentWorker._withUnsafeGuaranteedRef({ $0.options.removesHopHeaders }) else { return pointee.filter.request.removeNominatedFields() }
        pointee.filter.request.headers.removeAll(.te)
        pointee.filter.request.headers.removeAll(.trailer)
    }

    private func logRefusedQuery() {
        let client = pointee.filter.trustedClient ?? pointee.filter.peer
        let host = String(decoding: pointee.filter.request.host, as: UTF8.self)
        pointee.telemetry._withUnsafeGuaranteedRef {
            $0.log.info(key: "query \(host)", now: now, "400 invalid query: a broken percent escape or a semicolon; host=\(host) client=\(client)")
        }
    }
}

extension FilterContext {
    /// Makes the request what routing and filters should see of it.
    ///
    /// - Returns: why it is refused instead, nil if it may be routed.
    @inline(__always)
    func refusal(_ options: borrowing ProxyOptions, _ stream: ServerStream) -> ProxyError? {
        if let refusal = refusalOfContents(options) { return refusal }
        if options.normalizesHost { normalizeHost() }
        if let proxies = options.trustedProxies { trust(proxies, isForwardingChosen: options.forwardedHeaders != nil, stream) }
        if let forwarded = options.forwardedHeaders { forwarded.apply(to: self, isEncrypted: stream.isEncrypted) }
        return nil
    }

    @inline(__always)
    fileprivate func refusalOfContents(_ options: borrowing ProxyOptions) -> ProxyError? {
        if let expect = request.headers.first(.expect), request.version != .http10, !expect.equalsIgnoringCase("100-continue") { return .unknownExpectation }
        if options.contentLengthMax > 0, case .length(let length) = request.framing, length > options.contentLengthMax { return .contentTooLarge }
        if options.validatesQuery, request.hasQuery, !QueryCheck.isValid(request.query) { return .invalidQuery }
        if !options.refusedPayloads.isEmpty, hasRefusedPayload(options.refusedPayloads) { return .refusedPayload }
        return nil
    }

    /// Finds out who the client is. What a client that comes without a proxy says of itself is replaced by what is known of it.
    private func trust(_ proxies: TrustedProxies, isForwardingChosen: Bool, _ stream: ServerStream) {
        state.pointee.trustedClient = proxies.client(self)
        if proxies.isTrusted(peer) { return }
        ForwardedHeaders.remove(from: self)
        if !isForwardingChosen { ForwardedHeaders.ofFirstProxy.apply(to: self, isEncrypted: stream.isEncrypted) }
    }

    private func hasRefusedPayload(_ payloads: [[UInt8]]) -> Bool {
        for payload in payloads {
            let isFound = payload.withUnsafeBytes { needle in
                if state.pointee.request.target.firstRange(of: needle) != nil { return true }
                if QueryCheck.unescaped(state.pointee.request.target).withUnsafeBytes({ $0.firstRange(of: needle) != nil }) { return true }
                for index in state.pointee.request.headers.indices where state.pointee.request.headers.isPresent(index) {
                    // HTTP/2 knows lower case only, so that names are compared in one form.
                    if CanonicalFieldName.bytes(state.pointee.request.headers.name(at: index)).withUnsafeBytes({ $0.firstRange(of: needle) != nil }) { return true }
                    if state.pointee.request.headers.name(at: index).firstRange(of: needle) != nil { return true }
                    if state.pointee.request.headers.value(at: index).firstRange(of: needle) != nil { return true }
                }
                return false
            }
            if isFound { return true }
        }
        return false
    }

    /// Lower case, without port, without one trailing dot.
    private func normalizeHost() {
        let host = state.pointee.request.host
        var end = host.count
        if host.last != UInt8(ascii: "]"), let colon = host.lastIndex(of: UInt8(ascii: ":")) { end = colon }
        if end > 0, host[end - 1] == UInt8(ascii: ".") { end -= 1 }
        let isNormal = end == host.count && host.allSatisfy { ASCII.lowercased($0) == $0 }
        if isNormal { return }
        withUnsafeTemporaryAllocation(byteCount: Swift.max(1, end), alignment: 1) { copy in
            for index in 0..<end { copy[index] = ASCII.lowercased(host[index]) }
            state.pointee.request.setHost(BorrowedBytes(rebasing: UnsafeRawBufferPointer(copy)[0..<end]))
        }
    }
}

extension ProxyOptions {
    /// What a request is answered without looking for a route, for people; nil if a route is looked for.
    public func ownAnswer(_ context: FilterContext) -> String? {
        if let refusal = context.refusalOfContents(self) {
            let status = refusal.status(unrouted: defaultStatus)
            return switch refusal {
            case .invalidQuery: "\(status), -validate-query: the query has a broken percent escape or a semicolon"
            case .refusedPayload: "\(status), -refuse-payload: the request contains one of its texts"
            case .unknownExpectation: "\(status): the Expect field asks for something else than 100-continue"
            default: "\(status)"
            }
        }
        return isHealthPath(context.request.path) ? "200, or 503 while the proxy is not ready: --health-path" : nil
    }

    func isHealthPath(_ path: BorrowedBytes) -> Bool {
        guard !healthPath.isEmpty, path.count == healthPath.count else { return false }
        return healthPath.withUnsafeBytes { path.equals($0) }
    }
}

/// The syntax of queries that `-validate-query` asks for.
enum QueryCheck {
    /// No broken percent escape and no raw `;`, which servers read in different ways.
    static func isValid(_ query: BorrowedBytes) -> Bool {
        var index = 0
        while index < query.count {
            if query[index] == UInt8(ascii: ";") { return false }
            if query[index] == UInt8(ascii: "%") {
                guard PathNormalizer.escape(query, index) != nil else { return false }
                index += 2
            }
            index += 1
        }
        return true
    }

    /// Percent escapes and `+` decoded; what is broken stays.
    static func unescaped(_ bytes: BorrowedBytes) -> [UInt8] {
        var result: [UInt8] = []
        var index = 0
        while index < bytes.count {
            if bytes[index] == UInt8(ascii: "%"), let value = PathNormalizer.escape(bytes, index) {
                result.append(value)
                index += 3
            } else {
                result.append(bytes[index] == UInt8(ascii: "+") ? 0x20 : bytes[index])
                index += 1
            }
        }
        return result
    }
}
