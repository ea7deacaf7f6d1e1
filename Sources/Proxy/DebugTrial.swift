import Bytes
import Downstream
import Eskip
import Filters
import HTTP
import Net
import Routing

/// One request of the debug listener on its way through routing and filters, without an upstream: filters that wait go on
/// at once, and filters that would route the response again do not.
final class DebugTrial {
    let state: UnsafeMutablePointer<FilterState>
    let stream: ServerStream
    /// The request's, as far as it is kept.
    var body: [UInt8] = []
    private let server: DebugServer
    private let table: RoutingTable
    private var route: Unmanaged<Route>?
    private var ran: [(route: Unmanaged<Route>, filtersRun: Int)] = []
    private var isServed = false
    private var error: ProxyError?

    init(_ server: DebugServer, _ stream: ServerStream) {
        self.server = server
        self.stream = stream
        table = server.slot.table
        state = .allocate(capacity: 1)
        state.initialize(to: FilterState(services: server.services))
        state.pointee.peer = stream.peer.address
    }

    deinit {
        state.deinitialize(count: 1)
        state.deallocate()
    }

    static func of(_ exchange: UnsafeMutableRawPointer) -> DebugTrial { Unmanaged<DebugTrial>.fromOpaque(exchange).takeUnretainedValue() }

    private var context: FilterContext { FilterContext(state) }

    // MARK: The course of it

    /// Runs the request, and says what came of it.
    func document(refusal: ProxyError?) -> [UInt8] {
        var document = DebugDocument()
        document.add("incoming", request: context, address: stream.peer, host: context.request.host)
        if let refusal { error = refusal } else { run(&document) }
        if let error {
            let status = error.status(unrouted: server.options.defaultStatus)
            document.add("proxy_error", "\(status) \(error.reason ?? Status.reason(status).description)")
        }
        if let route {
            let definition = route.takeUnretainedValue().currentDefinition
            document.add("filters", json: RouteJSON().filters(of: definition))
            document.add("predicates", json: RouteJSON().predicates(of: definition))
        }
        return document.finished()
    }

    private func run(_ document: inout DebugDocument) {
        if let refusal = context.refusal(server.options, stream) { return error = refusal }
        context.request.removeNominatedFields()
        takeRoutes()
        if let route = route?.takeUnretainedValue() {
            document.add("route_id", route.id)
            document.add("route", RoutePrinter.compact.text(of: route.currentDefinition))
        }
        guard error == nil else { return }
        let requestBody = through(state.pointee.requestTransforms, body)
        if !isServed {
            withUpstreamHost { document.add("outgoing", request: context, address: nil, host: $0) }
            state.pointee.response.reset(status: 200)
        }
        document.add("request", requestBody)
        runResponseFilters()
        document.add("response_mod", response: context, status: isServed || state.pointee.response.status != 200 ? state.pointee.response.status : nil)
        document.add("response_mod", through(state.pointee.responseTransforms, replacement))
    }

    /// Follows loopbacks to the route whose backend would be asked.
    private func takeRoutes() {
        for _ in 0...server.options.loopbacksMax {
            state.pointee.settings.preservesHost = server.options.preservesHost
            guard let found = table.match(context) else { return error = .noRoute }
            route = found
            state.pointee.route = found._withUnsafeGuaranteedRef { $0.facts }
            runRequestFilters(found)
            if isServed || error != nil { return }
            guard case .loopback = found._withUnsafeGuaranteedRef({ $0.backend }) else {
                if case .shunt = found._withUnsafeGuaranteedRef({ $0.backend }) { serve(status: 404) }
                return
            }
            state.pointee.outgoingHost = nil
        }
        error = .tooManyLoopbacks
    }

    private func serve(status: UInt16) {
        isServed = true
        state.pointee.response.reset(status: status)
        state.pointee.replacement = .none
    }

    private func runRequestFilters(_ route: Unmanaged<Route>) {
        let filters = route._withUnsafeGuaranteedRef { $0.filters }
        var count = 0
        defer { ran.append((route, count)) }
        for filter in filters {
            count += 1
            switch filter._withUnsafeGuaranteedRef({ $0.request(context) }) {
            case .next, .reroute, .delay, .suspend: continue
            case .serve: return isServed = true
            case .fail(let status): return error = .filter(status: status)
            }
        }
    }

    private func runResponseFilters() {
        for (route, count) in ran.reversed() {
            state.pointee.route = route._withUnsafeGuaranteedRef { $0.facts }
            let filters = route._withUnsafeGuaranteedRef { $0.filters }
            for index in (0..<count).reversed() {
                if case .fail(let status) = filters[index]._withUnsafeGuaranteedRef({ $0.response(context) }) { return error = .filter(status: status) }
            }
        }
        for observer in state.pointee.endObservers { observer.ended(context) }
    }

    /// What goes into the upstream's Host field; empty for endpoints that only a request would choose.
    private func withUpstreamHost(_ body: (BorrowedBytes) -> Void) {
        if let host = context.outgoingHost { return body(host) }
        if state.pointee.settings.preservesHost { return body(context.request.host) }
        let host = route?._withUnsafeGuaranteedRef { $0.backendHost } ?? []
        host.withUnsafeBytes { body($0) }
    }

    // MARK: Bodies

    private var replacement: [UInt8] {
        switch state.pointee.replacement {
        case .untouched, .none: return []
        case .bytes(let bytes): return Array(bytes.prefix(server.bodyBytesMax))
        case .producer(let producer, _):
            var output = ByteBuffer()
            while output.count < server.bodyBytesMax {
                guard case .more = producer.produce(upTo: server.bodyBytesMax - output.count, into: &output) else { break }
            }
            return Array(output.readable.prefix(server.bodyBytesMax))
        }
    }

    /// What transforms make of a body, or the status with which one refuses it.
    private func through(_ transforms: [any BodyTransform], _ body: [UInt8]) -> DebugBody {
        if transforms.isEmpty || body.isEmpty { return .bytes(body) }
        let pipeline = BodyPipeline(transforms)
        body.withUnsafeBytes { pipeline.offer($0, isLast: true) }
        var result: [UInt8] = []
        while result.count < server.bodyBytesMax {
            let step = pipeline.advance()
            result += pipeline.output.readable
            pipeline.output.removeAll()
            switch step {
            case .output, .pause: continue
            case .failed(let status): return .refused(status: status)
            case .starving, .finished: return .bytes(result)
            }
        }
        return .bytes(Array(result.prefix(server.bodyBytesMax)))
    }
}

/// A body as the debug listener shows it.
enum DebugBody {
    case bytes([UInt8])
    case refused(status: UInt16)
}
