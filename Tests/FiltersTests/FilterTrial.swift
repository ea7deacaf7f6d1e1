import Bytes
import Eskip
import Filters
import HTTP

/// One exchange driven through a chain of filters without sockets.
final class FilterTrial {
    private let state: UnsafeMutablePointer<FilterState>
    let services = TrialServices()
    private let filters: [Filter]
    private let facts: RouteFacts
    /// What the last filter of the request phase answered.
    private(set) var action = FilterAction.next

    /// - Parameters:
    ///   - target: as on the request line.
    ///   - fields: of the request; Host is added.
    convenience init(
        _ calls: CallValue..., method: String = "GET", target: String = "/", host: String = "test.example",
        fields: [(String, String)] = [], peer: String = "10.0.0.9", backendHost: String = "backend.example",
        framing: BodyFraming = .none, environment: FilterEnvironment = FilterEnvironment()
    ) throws {
        try self.init(
            calls, method: method, target: target, host: host, fields: fields, peer: peer, backendHost: backendHost,
            framing: framing, environment: environment)
    }

    init(
        _ calls: [CallValue], method: String = "GET", target: String = "/", host: String = "test.example",
        fields: [(String, String)] = [], peer: String = "10.0.0.9", backendHost: String = "backend.example",
        framing: BodyFraming = .none, environment: FilterEnvironment = FilterEnvironment()
    ) throws {
        let registry = FilterRegistry.builtIn(environment)
        filters = try CallList(calls).compactMap { call in
            if case .filter(let filter)? = try registry.make(call.name, call.arguments) { filter } else { nil }
        }
        facts = TrialRoute(backendHost: Array(backendHost.utf8))
        state = .allocate(capacity: 1)
        state.initialize(to: FilterState(services: services))
        state.pointee.route = facts
        state.pointee.peer = IPAddress(peer)!
        try state.pointee.request.make(method: method, target: target, host: host, framing: framing)
        for (name, value) in fields { value.withBytes { state.pointee.request.headers.append(FieldName(name), $0) } }
    }

    deinit {
        state.deinitialize(count: 1)
        state.deallocate()
    }

    /// Only of a trial that is held: its state goes with it.
    var context: FilterContext { FilterContext(state) }

    /// Runs the request phase up to the filter that ends it.
    @discardableResult
    func request() -> FilterTrial {
        for filter in filters {
            action = filter.request(context)
            guard case .next = action else { break }
        }
        return self
    }

    /// Runs the request phase, then the response phase over an upstream's answer.
    @discardableResult
    func response(_ status: UInt16 = 200, _ fields: [(String, String)] = []) -> FilterTrial {
        request()
        return respond(status, fields)
    }

    /// Runs the response phase alone.
    @discardableResult
    func respond(_ status: UInt16 = 200, _ fields: [(String, String)] = []) -> FilterTrial {
        state.pointee.response.reset(status: status)
        for (name, value) in fields { value.withBytes { state.pointee.response.headers.append(FieldName(name), $0) } }
        for filter in filters.reversed() { _ = filter.response(context) }
        return self
    }

    /// Sends pieces of a request's body through its transforms.
    func sendBody(_ pieces: String...) -> String {
        var passed = ByteBuffer()
        for (index, piece) in pieces.enumerated() {
            piece.withBytes { bytes in
                for transform in state.pointee.requestTransforms {
                    _ = transform.transform(bytes, isLast: index + 1 == pieces.count, limit: 65536, into: &passed)
                }
            }
        }
        return passed.readable.text
    }

    // MARK: What came out

    func requestField(_ name: String) -> [String] { values(context.request.headers, name) }
    func responseField(_ name: String) -> [String] { values(context.response.headers, name) }
    var settings: ExchangeSettings { state.pointee.settings }
    var outgoingHost: String? { context.outgoingHost?.text }
    /// Path and query as they go upstream.
    var target: String { context.request.path.text + (context.request.hasQuery ? "?" + context.request.query.text : "") }

    private func values(_ headers: borrowing Headers, _ name: String) -> [String] {
        var values: [String] = []
        headers.forEachValue(FieldName(name)) {
            values.append($0.text)
            return true
        }
        return values
    }
}

final class TrialServices: FilterServices {
    private(set) var messages: [String] = []
    private(set) var auditLines: [String] = []
    private var word: UInt64 = 0x0123_4567_89AB_CDEF

    override func randomWord() -> UInt64 {
        word = word &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return word ^ word >> 29
    }

    override func log(_ message: String) { messages.append(message) }
    override func audit(_ line: BorrowedBytes) { auditLines.append(line.text) }
}

/// Why the filter refuses its arguments; nil if it takes them or does not exist.
func refusal(_ call: CallValue) -> String? {
    let call = CallList([call])[0]
    do {
        return try FilterRegistry.builtIn().make(call.name, call.arguments) == nil ? "no such filter" : nil
    } catch {
        return error.reason
    }
}

private final class TrialRoute: RouteFacts, @unchecked Sendable {
    private let host: [UInt8]

    init(backendHost: [UInt8]) {
        host = backendHost
        super.init(backendKind: .network)
    }

    override var id: String { "trial" }
    override var backendHost: [UInt8] { host }
}
