import Bytes
import Downstream
import Filters
import HTTP
import Net
import Routing
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
        if pointee.isResponseHeadSent { return cutResponse() }
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
            needs.isFresh = failure != .refused
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

    /// A reused connection that the upstream had closed already: the request goes again on a fresh one if that cannot do
    /// it twice (RFC 9110 §9.2.2).
    private func mayResend(_ failure: ClientFailure, over stream: ClientStream) -> Bool {
        switch failure {
        case .closed, .broken: break
        case .refused: return (pointee.filter.request.framing.isEmpty || pointee.isReplayable) && pointee.attemptCount < Limits.refusedAttemptsMax
        default: return false
        }
        guard stream.isReused, !stream.hasResponseBytes, pointee.filter.request.framing.isEmpty else { return false }
        return pointee.filter.request.method.isSafe || pointee.filter.request.headers.first(.idempotencyKey) != nil
            || pointee.filter.request.headers.first(.xIdempotencyKey) != nil
    }

    private func redispatch() {
        guard case .loadBalanced(let balancer) = pointee.route.unsafelyUnwrapped._withUnsafeGuaranteedRef({ $0.backend }) else { return }
        let endpoint = balancer.pick(context, excluding: pointee.failedEndpoint)
        pointee.endpoint = endpoint
        endpoint._withUnsafeGuaranteedRef { $0.requestStarted() }
        connect(to: endpoint._withUnsafeGuaranteedRef { $0.origin })
    }

    /// The head is out: the client must notice that the rest is missing.
    private func cutResponse() {
        pointee.hadError = true
        upstreamDone(failed: true)
        pointee.server.abort()
        end()
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
        case .malformed(let error): return pointee.isResponseHeadSent ? endAborted() : fail(.malformedBody(error))
        case .readTimeout where !pointee.isResponseHeadSent: return fail(.clientTimeout)
        case .gone, .readTimeout, .writeTimeout: break
        }
        if pointee.isTunnel { return end() }
        pointee.hadError = true
        if pointee.sentStatus == 0 { pointee.sentStatus = 499 }
        endAborted()
    }

    private func endAborted() {
        pointee.server.abort()
        end()
    }
}
