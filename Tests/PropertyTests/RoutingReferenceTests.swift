import Bytes
import Eskip
import Filters
import Glibc
import HTTP
import Routing
import Testing

/// Compiled tables against the reference, over generated routes, requests and updates. A failure names its seed and
/// prints the fewest routes that still show it; put the seed into `seeds` to repeat it.
///
/// `FAIRWAY_PROPERTY_ROUNDS` sets the number of route sets per seed; each is asked some 200 requests per update.
@Suite("Routing: compiled tables against the reference")
struct RoutingReferenceTests {
    static let seeds: [UInt64] = (0..<4).map { _ in UInt64.random(in: 0...UInt64.max) }
    static let rounds = getenv("FAIRWAY_PROPERTY_ROUNDS").flatMap { Int(String(cString: $0)) } ?? 2

    @Test("same route, same parameters, through updates; old tables never change", arguments: seeds)
    func equality(seed: UInt64) throws {
        var random = RouteGenerator(seed: seed)
        for round in 0..<Self.rounds {
            try compare(&random, "seed \(seed), round \(round)")
        }
    }

    private func compare(_ random: inout RouteGenerator, _ label: String) throws {
        var reference = ReferenceRouter(ignoresTrailingSlash: random.below(4) == 0)
        let compiler = makeCompiler(reference.ignoresTrailingSlash)
        var former: (table: RoutingTable, reference: ReferenceRouter)?
        for step in 0..<6 {
            let changes = random.changes(reference.routes.count, isFirst: step == 0)
            for change in changes {
                for id in change.deletes { reference[id] = nil }
                for route in change.upserts { reference[route.id] = route }
            }
            let update = compiler.apply(changes.map(\.compiled), clock: RouteClock(now: 1, wallTime: 1))
            #expect(update.diagnostics.isEmpty, "\(label): \(update.diagnostics)")
            #expect(update.table.count == reference.routes.count, "\(label), step \(step)")
            try compare(update.table, reference, &random, count: 200, "\(label), step \(step)")
            if let former { try compare(former.table, former.reference, &random, count: 50, "\(label), the table before step \(step)") }
            former = (update.table, reference)
        }
    }

    private func makeCompiler(_ ignoresTrailingSlash: Bool) -> RouteCompiler {
        var options = RoutingOptions()
        options.ignoresTrailingSlash = ignoresTrailingSlash
        return RouteCompiler(options: options, filters: FilterRegistry(), endpoints: EndpointRegistry())
    }

    private func compare(
        _ table: RoutingTable, _ reference: ReferenceRouter, _ random: inout RouteGenerator, count: Int, _ label: String
    ) throws {
        for _ in 0..<count {
            let request = random.request()
            let expected = reference.route(request), found = answer(table, request)
            guard expected != found else { continue }
            let few = shrunk(reference, request)
            Issue.record("\(label): \(request)\n    expected \(String(describing: expected)), found \(String(describing: found))\n\(few)")
            throw Difference()
        }
    }

    private struct Difference: Error {}

    private func answer(_ table: RoutingTable, _ request: ReferenceRequest) -> ReferenceRouter.Answer? {
        let state = UnsafeMutablePointer<FilterState>.allocate(capacity: 1)
        state.initialize(to: FilterState(services: FilterServices()))
        defer {
            state.deinitialize(count: 1)
            state.deallocate()
        }
        let context = FilterContext(state)
        do { try context.request.make(method: request.method, target: request.path, host: request.host) } catch { fatalError("\(error)") }
        request.host.withBytes { context.request.setHost($0) }
        for (name, value) in request.headers { value.withBytes { context.request.headers.append(FieldName(name), $0) } }
        guard let route = table.match(context)?.takeUnretainedValue() else { return nil }
        var parameters: [String: String] = [:]
        for index in 0..<context.parameters.count {
            let parameter = context.parameters[index]
            parameters[parameter.name.text] = context.request.headers.slice(parameter.value).text
        }
        return .init(id: route.id, parameters: parameters)
    }

    /// Leaves out routes one by one as long as a table made of the rest still differs.
    private func shrunk(_ reference: ReferenceRouter, _ request: ReferenceRequest) -> String {
        var few = reference
        guard differs(few, request) else { return "only after these updates; a table made at once is right" }
        for id in reference.routes.keys.sorted() {
            var fewer = few
            fewer[id] = nil
            if differs(fewer, request) { few = fewer }
        }
        return few.routes.values.sorted { $0.id < $1.id }.map { "\($0.scope) \($0.text)" }.joined(separator: "\n")
    }

    private func differs(_ reference: ReferenceRouter, _ request: ReferenceRequest) -> Bool {
        let compiler = makeCompiler(reference.ignoresTrailingSlash)
        let changes = Dictionary(grouping: reference.routes.values, by: \.scope).map { RouteGenerator.Change(scope: $0, upserts: $1, deletes: []).compiled }
        let table = compiler.apply(changes, clock: RouteClock(now: 1, wallTime: 1)).table
        return answer(table, request) != reference.route(request)
    }
}

/// Routes and requests over few words, so that they meet.
struct RouteGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var word = state
        word = (word ^ word >> 30) &* 0xBF58_476D_1CE4_E5B9
        word = (word ^ word >> 27) &* 0x94D0_49BB_1331_11EB
        return word ^ word >> 31
    }

    mutating func below(_ bound: Int) -> Int { Int.random(in: 0..<bound, using: &self) }
    mutating func one<Element>(of elements: [Element]) -> Element { elements[below(elements.count)] }
    private mutating func happens(oneIn count: Int) -> Bool { below(count) == 0 }

    struct Change {
        var scope: RouteScope
        var upserts: [ReferenceRoute]
        var deletes: [String]

        var compiled: RouteChange {
            let parsed = RouteDocument.parse(upserts.map(\.text).joined(separator: "\n"))
            precondition(parsed.isValid, "\(parsed.errors)")
            return RouteChange(upserts: Array(parsed.document), deletes: deletes, scope: scope)
        }
    }

    // MARK: Updates

    mutating func changes(_ count: Int, isFirst: Bool) -> [Change] {
        let hasScopes = happens(oneIn: 3)
        let size = isFirst ? one(of: [1, 5, 40, 300]) : one(of: [1, 1, 3, 20])
        let scopes: [RouteScope] = hasScopes ? [.shared, .host("a.example.org"), .wildcard("example.org")] : [.shared]
        return scopes.map { scope in
            let ids = isFirst ? 1000 : max(10, count)
            let upserts = (0..<size).map { _ in route("r\(below(ids))", scope) }
            let deletes = isFirst ? [] : (0..<below(size + 1)).map { _ in "r\(below(ids))" }
            return Change(scope: scope, upserts: upserts, deletes: deletes)
        }
    }

    private mutating func route(_ id: String, _ scope: RouteScope) -> ReferenceRoute {
        var route = ReferenceRoute(id: id, scope: scope)
        switch below(10) {
        case 0..<5: route.pattern = .path(pattern(mayEndFree: true))
        case 5..<8: route.pattern = .subtree(pattern(mayEndFree: happens(oneIn: 3)))
        default: break
        }
        for _ in 0..<one(of: [0, 0, 1, 1, 1, 2, 3]) { route.conditions.append(condition()) }
        // Documents have one Method, and Header names once each.
        var seen: Set<String> = []
        route.conditions = route.conditions.filter { condition in
            switch condition {
            case .method: seen.insert("method").inserted
            case .header(let name, _): seen.insert(name).inserted
            default: true
            }
        }
        return route
    }

    private static let words = ["a", "b", "ab", "abc", "c", "a-segment-of-more-than-twenty-four-bytes", "a-segment-of-more-than-twenty-four-bytez", "x+y"]

    private mutating func pattern(mayEndFree: Bool) -> String {
        if happens(oneIn: 12) { return one(of: ["", "/", "a", "*", "/**"]) == "*" && !mayEndFree ? "/" : one(of: ["", "/", "a"]) }
        var text = ""
        // Deep ones too, beyond the segments that a look-up hashes at once.
        for _ in 0..<(happens(oneIn: 20) ? below(7) : 0) { text += "/d" }
        for _ in 0..<below(4) { text += "/" + (happens(oneIn: 4) ? one(of: [":x", ":y", ":"]) : one(of: Self.words)) }
        if mayEndFree, happens(oneIn: 4) { return text + one(of: ["/*", "/**", "/*rest", "/**rest", "/*x"]) }
        return text.isEmpty || happens(oneIn: 4) ? text + "/" : text
    }

    private mutating func condition() -> ReferenceRoute.Condition {
        switch below(13) {
        case 0..<4: .host(hostPattern())
        case 4: .hostAny((0..<1 + below(3)).map { _ in host() })
        case 5: .pathRegexp(one(of: ["^/a", "c$", "/$", "b", "^/$"]))
        case 6: .method(one(of: ["GET", "POST", "get", "PURGE"]))
        case 7: .methods([one(of: ["GET", "post", "DELETE"])])
        case 8: .header(one(of: ["X-A", "x-a", "X-B"]), one(of: ["1", "2", ""]))
        case 9: .headerRegexp(one(of: ["X-A", "X-B"]), one(of: ["1", "^2", "."]))
        case 10: .isTrue
        case 11: happens(oneIn: 3) ? .isFalse : .isTrue
        default: .weight(one(of: [-3, -1, 1, 2, 5, 1000]))
        }
    }

    private static let names = ["a.example.org", "b.example.org", "a.b.example.org", "example.org", "example.com", "a", "localhost"]

    private mutating func hostPattern() -> String {
        let name = escaped(one(of: Self.names)), other = escaped(one(of: Self.names))
        return one(of: [
            "^(\(name)[.]?(:[0-9]+)?)$", "^(\(name)[.]?(:[0-9]+)?|\(other)[.]?(:[0-9]+)?)$", "^\(name)$", "^\(name)(:8080)?$", "^(\(name)|\(other))$",
            "^\(name)", "\(name)$", "(?i)^\(name)$", "^[a-z]+[.]example[.]org$", "^.+[.]example[.]org[.]?(:[0-9]+)?$", "^([a-z0-9]+[.])?example[.]com$", "^(.*[.])?\(name)$",
            "^(\(name)(:\\d+)?)$", "^\(name)[.]$", "^(?:\(name)|\(other))(:[0-9]+)?$", "^(\(name)[.]?(:[0-9]+)?|x\(other))$", "^\(name)|\(other)$", "^$", "[.]org",
            "^\(name)[.]?$", "^\(name):8080$", "^(\(name))?$", "^(\(name)|)$", "^[.]example[.]org$", "^\(one(of: Self.names))$",
        ])
    }

    private mutating func escaped(_ name: String) -> String { name.replacing(".", with: one(of: ["[.]", "\\."])) }

    private mutating func host() -> String {
        let name = one(of: Self.names)
        return switch below(8) {
        case 0: name + ":8080"
        case 1: name + one(of: [".", ".:80", ":", ":80", ":443", "..", ":x"].filter { $0 != ":x" })
        case 2: one(of: [name.uppercased(), "x" + name, "z." + name, "", "z.y." + name, "[::1]", "[::1]:8080", "aXexample.org"])
        default: name
        }
    }

    // MARK: Requests

    mutating func request() -> ReferenceRequest {
        var path = ""
        for _ in 0..<(happens(oneIn: 10) ? below(7) : 0) { path += "/d" }
        for _ in 0..<below(5) { path += "/" + one(of: Self.words) }
        if path.isEmpty || happens(oneIn: 4) { path += one(of: ["/", "/", "//"]) }
        var headers: [(String, String)] = []
        for _ in 0..<below(3) { headers.append((one(of: ["X-A", "x-a", "X-B", "X-C"]), one(of: ["1", "2", "12", ""]))) }
        return ReferenceRequest(method: one(of: ["GET", "GET", "POST", "get", "PURGE", "DELETE"]), path: path, host: host(), headers: headers)
    }
}
