import Bytes
import Eskip
import Filters
import HTTP
import Testing

/// The world of a worker with a clock that moves only when told and random words that can be repeated.
final class BodyTestServices: FilterServices {
    var seed: UInt64 = 0x9E37_79B9_7F4A_7C15
    var counters: [String: UInt64] = [:]

    override func randomWord() -> UInt64 {
        seed &+= 0x9E37_79B9_7F4A_7C15
        var word = (seed ^ (seed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
        return word ^ (word >> 31)
    }

    override func count(_ key: String, by amount: UInt64) { counters[key, default: 0] += amount }

    var lines: [String] = []
    override func log(_ line: String) { lines.append(line) }
}

/// What became of a body on its way through transforms.
struct PumpedBody: Equatable {
    var pieces: [[UInt8]] = []
    var pauses: [UInt64] = []
    /// How often a transform let others go first.
    var yieldCount = 0
    /// The status a transform failed with, 0 if a producer broke; nil if the body is complete.
    var failure: UInt16?

    var bytes: [UInt8] { Array(pieces.joined()) }
    var text: String { String(decoding: bytes, as: UTF8.self) }
}

/// One exchange without sockets: filters run over its messages, and bodies are pumped as the contract of
/// `BodyTransform` and `BodyProducer` says, any breach of which fails the test.
final class BodyExchange {
    let services = BodyTestServices()
    let state: UnsafeMutablePointer<FilterState>
    /// The filters whose request phase ran.
    private var ran: [Filter] = []

    init(_ method: String = "GET", _ target: String = "/", framing: BodyFraming = .none) throws {
        services.now = 1_000_000_000_000
        state = .allocate(capacity: 1)
        state.initialize(to: FilterState(services: services))
        try context.request.make(method: method, target: target, host: "www.example.org", framing: framing)
    }

    deinit {
        state.deinitialize(count: 1)
        state.deallocate()
    }

    var context: FilterContext { FilterContext(state) }
    var requestTransforms: [any BodyTransform] { state.pointee.requestTransforms }
    var responseTransforms: [any BodyTransform] { state.pointee.responseTransforms }

    func requestHeader(_ name: String, _ value: String) { value.withBytes { context.request.headers.append(FieldName(name), $0) } }

    /// The upstream's answer, as the response phase finds it.
    func respond(_ status: UInt16 = 200, _ headers: [(String, String)] = [], framing: BodyFraming = .chunked) {
        context.response.reset(status: status)
        context.response.framing = framing
        for (name, value) in headers { value.withBytes { context.response.headers.append(FieldName(name), $0) } }
    }

    func responseValues(_ name: String) -> [String] {
        var values: [String] = []
        context.response.headers.forEachValue(FieldName(name)) { values.append($0.text); return true }
        return values
    }

    // MARK: Phases

    /// Runs the request phase in order up to the filter that does something else than going on.
    @discardableResult
    func request(_ filters: [Filter]) -> FilterAction {
        for filter in filters {
            ran.append(filter)
            switch filter.request(context) {
            case .next: continue
            case let action: return action
            }
        }
        return .next
    }

    /// Runs the response phase in reverse over the filters that ran.
    @discardableResult
    func response() -> FilterAction {
        for filter in ran.reversed() {
            switch filter.response(context) {
            case .next: continue
            case let action: return action
            }
        }
        return .next
    }

    // MARK: Bodies

    /// The response's body behind the response phase: the replacement or `upstream`, through the transforms.
    func responseBody(_ upstream: [[UInt8]] = [], limit: Int = 64) -> PumpedBody {
        var body = PumpedBody(pieces: upstream)
        switch state.pointee.replacement {
        case .untouched: break
        case .none: body.pieces = []
        case .bytes(let bytes): body.pieces = [bytes]
        case .producer(let producer, let length):
            body = produce(producer, limit: limit)
            if let length, body.failure == nil { #expect(UInt64(body.bytes.count) == length) }
        }
        for transform in state.pointee.responseTransforms where body.failure == nil { pump(transform, &body, limit: limit) }
        return body
    }

    func requestBody(_ pieces: [[UInt8]], limit: Int = 64) -> PumpedBody {
        var body = PumpedBody(pieces: pieces)
        for transform in state.pointee.requestTransforms where body.failure == nil { pump(transform, &body, limit: limit) }
        return body
    }

    /// - Parameter piecesMax: for bodies without an end.
    func produce(_ producer: any BodyProducer, limit: Int = 64, piecesMax: Int = 100_000) -> PumpedBody {
        var body = PumpedBody()
        while body.pieces.count < piecesMax {
            var output = ByteBuffer()
            let result = producer.produce(upTo: limit, into: &output)
            #expect(output.count <= limit)
            if !output.isEmpty { body.pieces.append(Array(output.readable)) }
            switch result {
            case .more: if output.isEmpty { Issue.record("a producer without progress"); return body }
            case .pause(let nanoseconds): body.pauses.append(nanoseconds)
            case .finished: return body
            case .failed: body.failure = 0; return body
            }
        }
        return body
    }

    private func pump(_ transform: any BodyTransform, _ body: inout PumpedBody, limit: Int) {
        let before = body.bytes.count
        let inputs = body.pieces.isEmpty ? [[]] : body.pieces
        body.pieces = []
        for (index, input) in inputs.enumerated() where body.failure == nil {
            feed(transform, input, isLast: index == inputs.count - 1, &body, limit)
        }
        if let change = transform.lengthChange, body.failure == nil { #expect(body.bytes.count == before + change) }
    }

    private func feed(_ transform: any BodyTransform, _ input: [UInt8], isLast: Bool, _ body: inout PumpedBody, _ limit: Int) {
        var taken = 0
        while true {
            var output = ByteBuffer()
            let result = input.withUnsafeBytes { transform.transform($0.slice(taken, input.count), isLast: isLast, limit: limit, into: &output) }
            #expect(output.count <= limit + 64)
            if !output.isEmpty { body.pieces.append(Array(output.readable)) }
            switch result {
            case .consumed(let count, let isFlushed):
                taken += count
                if taken == input.count && isFlushed { return }
                if count == 0 && output.isEmpty { Issue.record("a transform without progress"); body.failure = 500; return }
            case .paused(let count, let nanoseconds):
                taken += count
                body.pauses.append(nanoseconds)
                services.now += nanoseconds
            case .yielded(let count):
                taken += count
                body.yieldCount += 1
            case .failed(let status):
                body.failure = status
                return
            }
        }
    }
}

// MARK: - Making filters

/// Filters of calls, made as the route compiler makes them.
func makeFilters(_ calls: (String, [Argument])..., environment: FilterEnvironment = FilterEnvironment()) throws -> [Filter] {
    try calls.map { name, arguments in
        guard case .filter(let filter) = try makeInstance(name, arguments, environment: environment) else {
            throw FilterArgumentError("\(name) has no run-time action")
        }
        return filter
    }
}

func makeInstance(
    _ name: String, _ arguments: [Argument], environment: FilterEnvironment = FilterEnvironment()
) throws -> FilterInstance {
    let route = RouteDefinition.make(id: "r", filters: [CallValue(Name(name), arguments)], backend: .shunt)
    let instance = try FilterRegistry.builtIn(environment).make(name, route.filters[0].arguments)
    return try #require(instance, "no filter \(name)")
}

/// `bytes` cut into pieces of `count`, the last one shorter.
func split(_ bytes: [UInt8], _ count: Int) -> [[UInt8]] {
    stride(from: 0, to: bytes.count, by: count).map { Array(bytes[$0..<min($0 + count, bytes.count)]) }
}

func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }
