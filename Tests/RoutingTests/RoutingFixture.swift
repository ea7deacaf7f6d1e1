import Bytes
import Eskip
import Filters
import HTTP

@testable import Routing

/// A worker's services with a clock and randomness that the test sets.
final class FixedServices: FilterServices {
    var words: [UInt64] = []

    override func randomWord() -> UInt64 { words.isEmpty ? 0 : words.removeFirst() }

    /// Makes the next draws these numbers of 0..<1.
    func draw(_ units: Double...) { words = units.map { UInt64(($0 * 0x1p53).rounded(.up)) << 11 } }
}

/// What a request carries.
struct SampleRequest {
    var method = "GET"
    var target = "/"
    var host = "www.example.org"
    var headers: [(String, String)] = []
    var peer = "127.0.0.1"
    var framing = BodyFraming.none

    init(_ target: String = "/", method: String = "GET", host: String = "www.example.org", headers: [(String, String)] = []) {
        self.target = target
        self.method = method
        self.host = host
        self.headers = headers
    }

    /// Calls `body` with an exchange that received this request.
    func withContext<Result>(_ services: FilterServices = FixedServices(), _ body: (FilterContext) throws -> Result) rethrows -> Result {
        let state = UnsafeMutablePointer<FilterState>.allocate(capacity: 1)
        state.initialize(to: FilterState(services: services))
        defer {
            state.deinitialize(count: 1)
            state.deallocate()
        }
        do {
            try state.pointee.request.make(method: method, target: target, host: host, framing: framing)
        } catch {
            fatalError("\(target): \(error.reason)")
        }
        host.withBytes { state.pointee.request.setHost($0) }
        for (name, value) in headers {
            value.withBytes { state.pointee.request.headers.append(FieldName(name), $0) }
        }
        state.pointee.peer = IPAddress(peer)!
        return try body(FilterContext(state))
    }
}

extension RouteCompiler {
    /// For tests: filters `nop` (anything goes), `count` (a stateful one), `picky` (refuses everything).
    static func sample(_ options: RoutingOptions = RoutingOptions(), environment: PredicateEnvironment = PredicateEnvironment()) -> RouteCompiler {
        var filters = FilterRegistry()
        filters.register([
            FilterSpec("nop") { _, _ in .nothing },
            FilterSpec("count") { _, _ in .filter(Filter()) },
            FilterSpec("fade") { _, _ in .trait(.fadeIn(duration: 1, exponent: 1)) },
            FilterSpec("picky") { _, _ throws(FilterArgumentError) in throw FilterArgumentError("takes nothing") },
        ])
        return RouteCompiler(options: options, filters: filters, environment: environment, endpoints: EndpointRegistry())
    }

    func load(_ text: String, file: String = "test.eskip") -> RouteUpdate {
        let parsed = RouteDocument.parse(text, sourceName: file)
        precondition(parsed.errors.isEmpty, "\(parsed.errors)")
        return replaceAll(with: Array(parsed.document), clock: RouteClock(now: 1, wallTime: 1))
    }
}

extension RoutingTable {
    /// A table of the routes of a document, which must all be good.
    static func of(_ text: String, ignoresTrailingSlash: Bool = false) -> RoutingTable {
        var options = RoutingOptions()
        options.ignoresTrailingSlash = ignoresTrailingSlash
        let update = RouteCompiler.sample(options).load(text)
        precondition(update.diagnostics.isEmpty, "\(update.diagnostics)")
        return update.table
    }

    /// The id of the route that the request takes, nil for none.
    func route(_ request: SampleRequest, _ services: FilterServices = FixedServices()) -> String? {
        request.withContext(services) { context in match(context)?.takeUnretainedValue().id }
    }

    func route(_ target: String) -> String? { route(SampleRequest(target)) }

    /// The path parameters a request is given, by name.
    func parameters(_ target: String) -> [String: String]? {
        SampleRequest(target).withContext { context in
            guard match(context) != nil else { return nil }
            var values: [String: String] = [:]
            for index in 0..<context.parameters.count {
                let parameter = context.parameters[index]
                values[parameter.name.text] = context.request.headers.slice(parameter.value).text
            }
            return values
        }
    }
}

/// Random numbers that a seed repeats.
struct SplitMix: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
        return mixed ^ mixed >> 31
    }
}
