public import Bytes
public import HTTP

/// A filter's view of one exchange; a pointer, valid during the phase it was given to and until the exchange ends.
public struct FilterContext {
    public let state: UnsafeMutablePointer<FilterState>

    public init(_ state: UnsafeMutablePointer<FilterState>) { self.state = state }

    /// The request as it goes on: filters change its fields, path and query here.
    public var request: RequestHead {
        _read { yield state.pointee.request }
        nonmutating _modify { yield &state.pointee.request }
    }

    /// The response phase's message, or what a serving filter fills.
    public var response: ResponseHead {
        _read { yield state.pointee.response }
        nonmutating _modify { yield &state.pointee.response }
    }

    public var settings: ExchangeSettings {
        _read { yield state.pointee.settings }
        nonmutating _modify { yield &state.pointee.settings }
    }

    public var parameters: PathParameters {
        _read { yield state.pointee.parameters }
        nonmutating _modify { yield &state.pointee.parameters }
    }

    /// Values that filters leave for later filters, by name (`auth-user`, …).
    public var bag: StateBag {
        _read { yield state.pointee.bag }
        nonmutating _modify { yield &state.pointee.bag }
    }

    /// The route taken; nil before one is.
    public var route: RouteFacts? { state.pointee.route }
    /// The TCP peer, or what the PROXY protocol said.
    public var peer: IPAddress { state.pointee.peer }
    /// The client as trusted proxies tell; nil while none are configured (`TrustedProxies`).
    public var trustedClient: IPAddress? { state.pointee.trustedClient }
    public var services: FilterServices { state.pointee.services }

    /// Uniform in 0..<1, drawn once per request, loopbacks included.
    public var trafficDraw: Double {
        if state.pointee.trafficDraw < 0 { state.pointee.trafficDraw = services.randomUnit() }
        return state.pointee.trafficDraw
    }

    /// The Host that goes upstream if filters chose one; nil leaves it to `settings.preservesHost` and the backend.
    public var outgoingHost: BorrowedBytes? { state.pointee.outgoingHost.map { request.headers.slice($0) } }

    public func setOutgoingHost(_ host: BorrowedBytes) {
        state.pointee.outgoingHost = state.pointee.request.headers.add(host)
    }

    /// Fills the response with a status and a body; the caller sets further fields and returns `.serve`.
    public func respond(status: UInt16, body: ReplacementBody = .none) {
        state.pointee.response.reset(status: status)
        state.pointee.replacement = body
    }

    /// Response phase: sends this instead of the upstream's body, which is read no further, and past the transforms
    /// that were meant for that one. Content-Length follows.
    public func replaceBody(_ body: ReplacementBody) {
        state.pointee.replacement = body
        if !state.pointee.responseTransforms.isEmpty { state.pointee.responseTransforms.removeAll() }
    }

    /// Whether a response body may follow the head as things stand in the response phase; false is certain.
    public var hasResponseBody: Bool {
        if request.method == .head || Status.forbidsBody(response.status) { return false }
        return switch state.pointee.replacement {
        case .untouched: !response.framing.isEmpty
        case .none: false
        case .bytes(let bytes): !bytes.isEmpty
        case .producer(_, let length): length != 0
        }
    }

    /// Lets the response's body pass through `transform`, after those added before; for Content-Length see there. On a HEAD
    /// too: its answer then tells what that of a GET would.
    public func transformResponseBody(_ transform: any BodyTransform) {
        state.pointee.responseTransforms.append(transform)
    }

    /// Lets the request's body, if it has one, pass through `transform`, after those added before.
    public func transformRequestBody(_ transform: any BodyTransform) {
        state.pointee.requestTransforms.append(transform)
    }

    /// Request phase, before `.serve`: the answer waits until the request's body was read to its end, through the
    /// transforms added so far, and dropped.
    public func serveAfterRequestBody() { state.pointee.servesAfterRequestBody = true }

    /// Lends `body` the worker's scratch, empty; not to be asked for again inside.
    public func withScratch<Result>(_ body: (inout [UInt8]) -> Result) -> Result {
        let services = services
        services.scratch.removeAll(keepingCapacity: services.scratch.capacity <= Limits.headBytesKept)
        return body(&services.scratch)
    }

    /// Asks for `Filter.ended` of this filter at the end of the exchange.
    public func notifyAtEnd(_ filter: Filter) { state.pointee.endObservers.append(filter) }

    /// What continues a suspended exchange; taken before returning `.suspend`.
    public var resumption: Resumption {
        Resumption(state: state, exchange: state.pointee.exchangeNumber)
    }
}

/// Continues a suspended exchange, at most once, on the loop it was suspended on; stale ones do nothing.
public struct Resumption {
    let state: UnsafeMutablePointer<FilterState>
    let exchange: UInt64

    /// - Parameter action: what the suspended phase would have returned.
    public func resume(_ action: FilterAction) {
        // States live as long as their worker, so a late resumption finds another exchange's number at worst.
        guard state.pointee.exchangeNumber == exchange, let resume = state.pointee.resume else { return }
        resume(state, action)
    }

    /// The context, nil if the exchange has ended meanwhile (the client left, a timeout struck).
    public var context: FilterContext? {
        state.pointee.exchangeNumber == exchange ? FilterContext(state) : nil
    }
}
