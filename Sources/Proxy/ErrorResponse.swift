import Bytes
import Downstream
import Filters
import HTTP
import Net
import Routing
import Telemetry
import Upstream

/// Why the proxy itself ends an exchange, and the one table that makes statuses of it (routing.md §13).
enum ProxyError {
    case refused(HTTPError)
    case malformedBody(HTTPError)
    case contentTooLarge
    case invalidQuery
    case refusedPayload
    case unknownExpectation
    case noRoute
    case filter(status: UInt16)
    case noDynamicBackend
    case tooManyLoopbacks
    case bodySpent
    case clientTimeout
    case upstream(ClientFailure)
    /// No connection could be made for a request that asks for an upgrade.
    case upgradeUnconnected(ClientFailure)
    /// The upstream switches protocols and says that it closes the connection.
    case upgradeClosed

    /// - Parameter unrouted: the status for requests without a route.
    func status(unrouted: UInt16) -> UInt16 {
        switch self {
        case .refused(let error), .malformedBody(let error): error.status
        case .contentTooLarge: 413
        case .invalidQuery, .refusedPayload: 400
        case .unknownExpectation: 417
        case .noRoute: unrouted
        case .filter(let status): status
        case .noDynamicBackend, .tooManyLoopbacks, .bodySpent: 500
        case .clientTimeout: 499
        case .upstream(let failure): ProxyError.status(of: failure)
        case .upgradeUnconnected, .upgradeClosed: 503
        }
    }

    /// Whether the upstream is to blame; clients, routes and filters fail otherwise.
    var isUpstreams: Bool {
        switch self {
        case .upstream(_), .upgradeUnconnected(_), .upgradeClosed: true
        default: false
        }
    }

    /// Upgrades have a status of their own where no connection comes about.
    static func upstream(_ failure: ClientFailure, isUpgrade: Bool) -> ProxyError {
        switch failure {
        case .connect, .connectTimeout, .unresolved: isUpgrade ? .upgradeUnconnected(failure) : .upstream(failure)
        default: .upstream(failure)
        }
    }

    private static func status(of failure: ClientFailure) -> UInt16 {
        switch failure {
        case .unresolved, .connect, .connectTimeout, .proxyRefused, .tls, .downgraded, .noTunnels, .closed, .malformed, .interimWithoutEnd, .protocolError, .refused, .leftOut, .reset: 502
        case .broken: 503
        case .timeout, .tlsTimeout: 504
        }
    }

    /// The body's text if it is not the status's own.
    var text: String? {
        switch self {
        case .invalidQuery: "Invalid query\n"
        case .refusedPayload: "Invalid request\n"
        case .refused(.missingHost): "400 Bad Request: missing required Host header"
        case .refused(let error): "\(error.status) \(Status.reason(error.status))"
        default: nil
        }
    }

    /// What a person reads in the log; nil if the access log says enough.
    var reason: String? {
        switch self {
        case .refused(let error), .malformedBody(let error): error.reason
        case .upstream(let failure), .upgradeUnconnected(let failure): failure.reason
        case .upgradeClosed: "the upstream switches protocols and closes the connection"
        case .tooManyLoopbacks: "more loopbacks than -max-loopbacks allows"
        case .bodySpent: "the loopback would need the request's body, which went to the first backend"
        case .noDynamicBackend: "a dynamic backend without a host"
        default: nil
        }
    }
}

extension UnsafeMutablePointer where Pointee == Exchange {
    /// Answers with an error page, past the ordinary response filters.
    func fail(_ error: ProxyError) {
        if pointee.isResponseHeadSent {
            responseCut(error.reason ?? "a filter refuses the rest of the request's body")
            pointee.server.abort()
            return end()
        }
        dropUpstream()
        cancelTimer()
        pointee.backendDeadline = 0
        // A filter's own body may fail in an upstream's words, and a tunnel be refused before one is asked.
        if error.isUpstreams, pointee.upstreamStart > 0 { pointee.failureMetric = .backendError }
        let status = error.status(unrouted: pointee.worker.options.defaultStatus)
        pointee.worker.report(error, status: status, self)
        if case .filter(let status) = error, status == 0 { return abandon() }
        pointee.filter.response.reset(status: status)
        pointee.filter.responseTransforms.removeAll()
        addServerField()
        runErrorFilters()
        writeErrorPage(status, text: error.text)
    }

    private func abandon() {
        pointee.server.abort()
        end()
    }

    /// Filters that asked for it see failures too.
    private func runErrorFilters() {
        while let route = pointee.route {
            let filters = route._withUnsafeGuaranteedRef { $0.filters }
            for index in stride(from: pointee.filtersRun - 1, through: 0, by: -1) {
                filters[index]._withUnsafeGuaranteedRef { filter in
                    if filter.handlesErrors { _ = filter.response(context) }
                }
            }
            guard let frame = pointee.outerRoutes.popLast() else { return }
            pointee.route = frame.route
            pointee.filtersRun = frame.filtersRun
        }
    }

    private func writeErrorPage(_ status: UInt16, text: String?) {
        pointee.phase = .responding
        pointee.isResponseHeadPending = true
        pointee.filter.replacement = .untouched
        if isGRPC {
            guard let text else { return writeGRPCError(status, text: BorrowedBytes(Status.reason(status))) }
            return text.withBytes { writeGRPCError(status, text: $0) }
        }
        if Status.forbidsBody(status) {
            pointee.responseFraming = .none
            return transmitResponse(.empty, isLast: true, trailers: .none)
        }
        pointee.filter.response.headers.append(.contentType, BorrowedBytes("text/plain; charset=utf-8"))
        pointee.filter.response.headers.append(nameBytes: BorrowedBytes("X-Content-Type-Options"), BorrowedBytes("nosniff"))
        var body = ByteBuffer()
        if let text {
            body.append(text: text)
        } else {
            body.append(Status.reason(status))
            body.append("\n")
        }
        pointee.responseFraming = .length(UInt64(body.count))
        let isHead = pointee.filter.request.method == .head
        transmitResponse(isHead ? .empty : BodyPiece(constant: body.readable), isLast: true, trailers: .none)
    }
}
