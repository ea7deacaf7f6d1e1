import Bytes
import Downstream
import Filters
import HTTP
import Net
import Routing
import Telemetry
import Upstream

// When an attempt at the upstream fails: another attempt where that is safe, else an answer that says what happened.

extension UnsafeMutablePointer where Pointee == Exchange {
    func failUpstream(_ failure: ClientFailure) {
        dropUpstream(failed: true)
        upstreamFailed(failure)
    }

    /// The stream to the upstream is gone.
    func upstreamFailed(_ failure: ClientFailure) {
        // The connection is closed, but its place is kept until the end of the turn.
        let mayResend = pointee.client.map { self.mayResend(failure, over: $0) } ?? false
        pointee.client = nil
        if pointee.isResponseHeadSent { return cutResponse(failure) }
        if failure == .downgraded, let origin = pointee.origin {
            var needs = ConnectionNeeds()
            needs.framing = .http1
            return connect(to: origin.takeUnretainedValue(), needs)
        }
        if mayConnectAgain(failure) {
            pointee.failedEndpoint = pointee.endpoint
            upstreamDone(failed: true)
            return redispatch()
        }
        if mayResend, let origin = pointee.origin {
            var needs = ConnectionNeeds()
            switch failure {
            case .refused, .leftOut: break
            default: needs.isFresh = true
            }
            return connect(to: origin.takeUnretainedValue(), needs)
        }
        upstreamDone(failed: true)
        fail(.upstream(failure, isUpgrade: pointee.filter.request.isUpgrade))
    }

    /// Once more when no connection could be made, on a load balanced route, for a request without body (routing.md §11).
    private func mayConnectAgain(_ failure: ClientFailure) -> Bool {
        guard pointee.failedEndpoint == nil, pointee.endpoint != nil, pointee.filter.request.framing.isEmpty else { return false }
        switch failure {
        case .connect, .connectTimeout, .unresolved: return true
        default: return false
        }
    }

    /// What an upstream has not begun with goes again, whatever it is: a few times if it takes nothing, else as often as it
    /// takes others instead. On a reused connection that the upstream had closed already a request goes again, on a fresh
    /// one, if that cannot do it twice (RFC 9110 §9.2.2).
    private func mayResend(_ failure: ClientFailure, over stream: ClientStream) -> Bool {
        switch failure {
        case .closed, .broken: break
        case .refused, .leftOut(hasServed: false):
            pointee.refusalCount += 1
            return isWhole && !stream.hasResponseBytes && pointee.refusalCount < Limits.refusedAttemptsMax
        case .leftOut(hasServed: true): return isWhole && !stream.hasResponseBytes
        default: return false
        }
        return stream.isReused && !stream.hasResponseBytes && isRepeatable
    }

    /// Whether the request may arrive twice, and is at hand to be sent again.
    @inline(__always)
    var isRepeatable: Bool {
        guard pointee.filter.request.framing.isEmpty else { return false }
        return pointee.filter.request.method.isSafe || hasIdempotencyKey
    }

    @inline(never)
    private var hasIdempotencyKey: Bool {
        pointee.filter.request.headers.first(.idempotencyKey) != nil || pointee.filter.request.headers.first(.xIdempotencyKey) != nil
    }

    /// Whether all of the request that has been sent is at hand still, or on its way; what transforms hold back would be left
    /// behind.
    private var isWhole: Bool {
        if pointee.filter.request.framing.isEmpty { return true }
        guard pointee.requestPipeline == nil || pointee.isReplayWhole else { return false }
        return pointee.isReplayable || !pointee.isRequestHeadSent
    }

    private func redispatch() {
        guard case .loadBalanced(let balancer) = pointee.route.unsafelyUnwrapped._withUnsafeGuaranteedRef({ $0.backend }) else { return }
        let endpoint = balancer.pick(context, excluding: pointee.failedEndpoint)
        pointee.endpoint = endpoint
        endpoint._withUnsafeGuaranteedRef { $0.requestStarted() }
        connect(to: endpoint._withUnsafeGuaranteedRef { $0.origin })
    }

    /// The head is out: the client must notice that the rest is missing.
    private func cutResponse(_ failure: ClientFailure) {
        responseCut(failure.reason)
        upstreamDone(failed: true)
        pointee.server.abort()
        end()
    }

    /// Counts a response that ends too early; a page that tells of another failure is that failure only.
    ///
    /// - Parameter reason: what a person reads in the log; nil if it is no news.
    func responseCut(_ reason: String?) {
        guard pointee.failureMetric == nil else { return }
        pointee.failureMetric = .streamingError
        if let reason { pointee.worker.reportCut(reason, self) }
    }

    /// Gives up an unfinished stream to the upstream.
    func dropUpstream(failed: Bool = false) {
        pointee.client?.cancel()
        pointee.client = nil
        upstreamDone(failed: failed)
    }

    /// Counts the attempt out of the endpoint's load.
    func upstreamDone(failed: Bool) {
        pointee.client = nil
        guard let endpoint = pointee.endpoint else { return }
        pointee.endpoint = nil
        // An endpoint without requests may go once no route has it, and its origin with it. What fails later is not its failure.
        if !failed { pointee.origin = nil }
        endpoint._withUnsafeGuaranteedRef { $0.requestFinished(failed: failed, now: now) }
    }

    /// The client's side broke.
    func clientFailed(_ failure: ServerFailure) {
        switch failure {
        case .malformed(let error) where !pointee.isResponseHeadSent: return fail(.malformedBody(error))
        case .readTimeout where !pointee.isResponseHeadSent: return fail(.clientTimeout)
        case .malformed: break
        case .gone, .readTimeout, .writeTimeout: if pointee.isTunnel { return end() }
        }
        if pointee.isResponseHeadSent { responseCut(failure.reason) }
        if pointee.sentStatus == 0 { pointee.sentStatus = 499 }
        endAborted()
    }

    private func endAborted() {
        pointee.server.abort()
        end()
    }
}

extension ServerFailure {
    /// What a person reads in the log where it cuts the response; nil for clients that leave.
    fileprivate var reason: String? {
        switch self {
        case .malformed(let error): "malformed request body: \(error.reason)"
        case .gone: nil
        case .readTimeout: "the client did not send the request's body in time"
        case .writeTimeout: "the client did not take it in time"
        }
    }
}
