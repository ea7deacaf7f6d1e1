import Eskip
import Filters
import HTTP
import Synchronization
import Testing

@testable import Routing

@Suite("Endpoints that change without their routes")
struct EndpointChangeTests {
    private let compiler = RouteCompiler.sample()
    private let clock = RouteClock(now: 1, wallTime: 1)

    private func balanced(_ id: String, _ ports: [Int], algorithm: String = "roundRobin", group: String? = nil) -> RouteDefinition {
        .make(
            id: id, predicates: [CallValue("Path", .string("/\(id)"))], filters: [CallValue("count")],
            backend: .loadBalanced(algorithm: algorithm, endpoints: addresses(ports), group: group))
    }

    private func addresses(_ ports: [Int]) -> [LBEndpoint] { ports.map { LBEndpoint(address: "http://127.0.0.1:\($0)") } }

    private func apply(_ definitions: RouteDefinition..., groups: [EndpointGroupChange] = []) -> RouteUpdate {
        compiler.apply(RouteChange(upserts: definitions, groups: groups), clock: clock)
    }

    private func balancer(_ id: String) throws -> LoadBalancer {
        guard case .loadBalanced(let balancer) = try #require(compiler.table[id]).backend else { throw Unexpected() }
        return balancer
    }

    private struct Unexpected: Error {}

    private func ports(_ id: String) throws -> [Int] {
        try balancer(id).endpoints.map { Int($0.origin.description.split(separator: ":").last!)! }
    }

    /// All that stays the same while endpoints change: the table, its pages and directory, and what waits to be freed.
    private struct Memory: Equatable {
        let table: ObjectIdentifier
        let generation: UInt64
        let pages: Int
        let directory: UnsafePointer<UnsafeMutableRawPointer>
        let waiting: Int

        init(_ compiler: RouteCompiler) {
            compiler.reclaim()
            table = ObjectIdentifier(compiler.table)
            generation = compiler.memory.generation
            pages = compiler.memory.slots.byteCount
            directory = compiler.table.slots.directory
            waiting = compiler.memory.reclaimer.count
        }
    }

    @Test("a definition that differs in endpoints only leaves route, pages and table as they are")
    func byDefinition() throws {
        _ = apply(balanced("a", [1, 2]), balanced("b", [1]))
        let route = try #require(compiler.table["a"]), memory = Memory(compiler)
        let update = apply(balanced("a", [2, 3, 4]))
        #expect(!update.hasChanges && update.endpointChangeCount == 1 && update.replaced.count == 1)
        #expect(compiler.table["a"] === route)
        #expect(Memory(compiler) == memory)
        #expect(try ports("a") == [2, 3, 4] && ports("b") == [1])
        #expect(route.currentDefinition == balanced("a", [2, 3, 4]))
        let again = apply(balanced("a", [2, 3, 4]))
        #expect(!again.hasChanges && again.endpointChangeCount == 0, "it is what the route is now")
        let back = apply(balanced("a", [1, 2]))
        #expect(!back.hasChanges && back.endpointChangeCount == 1, "what was compiled counts no more")
    }

    @Test("a network backend moves to another address")
    func network() throws {
        func definition(_ port: Int) -> RouteDefinition { .make(id: "n", backend: .network("http://127.0.0.1:\(port)")) }
        _ = apply(definition(1))
        let route = try #require(compiler.table["n"]), memory = Memory(compiler)
        #expect(route.networkOrigin?.takeUnretainedValue().description == "http://127.0.0.1:1")
        for port in [2, 3, 2, 1] {
            let update = apply(definition(port))
            #expect(!update.hasChanges && update.endpointChangeCount == 1)
            #expect(route.networkOrigin == nil, "nobody may use the one it was compiled with")
            guard case .network(let endpoint) = route.backend else { throw Unexpected() }
            #expect(endpoint.origin.description == "http://127.0.0.1:\(port)")
            #expect(String(decoding: route.facts.backendHost, as: UTF8.self) == "127.0.0.1:\(port)")
            #expect(route.currentDefinition == definition(port))
        }
        #expect(compiler.table["n"] === route && Memory(compiler) == memory)
    }

    @Test("whatever else differs takes the usual way", arguments: ["algorithm", "filter", "predicate", "group", "kind"])
    func otherChanges(what: String) throws {
        _ = apply(balanced("a", [1, 2]))
        _ = apply(balanced("a", [3]))
        let route = try #require(compiler.table["a"])
        let endpoints = BackendDefinition.loadBalanced(algorithm: what == "algorithm" ? "random" : "roundRobin", endpoints: addresses([4, 5]), group: what == "group" ? "g" : nil)
        let changed = RouteDefinition.make(
            id: "a", predicates: [CallValue("Path", .string(what == "predicate" ? "/other" : "/a"))], filters: [CallValue(what == "filter" ? "nop" : "count")],
            backend: what == "kind" ? .network("http://127.0.0.1:4") : endpoints)
        #expect(apply(changed).hasChanges)
        #expect(compiler.table["a"] !== route)
        #expect(compiler.table["a"]?.currentDefinition == changed)
    }

    @Test("endpoints that no route may have are refused as ever", arguments: [
        BackendDefinition.loadBalanced(algorithm: "roundRobin", endpoints: []), .loadBalanced(algorithm: "roundRobin", endpoints: [LBEndpoint(address: "http://a:99999")]),
    ])
    func refused(backend: BackendDefinition) {
        _ = apply(balanced("a", [1, 2]))
        let update = apply(balanced("a", [1, 2]).changed { $0.backend = backend })
        #expect(update.diagnostics.map(\.routeID) == ["a"])
        #expect(update.table["a"] == nil)
        #expect(apply(balanced("a", [1, 2])).table["a"] != nil)
    }

    @Test("what is known of endpoints that stay stays: requests in flight, age, failures")
    func stateStays() throws {
        _ = apply(balanced("a", [1, 2]))
        let kept = try balancer("a").endpoints[1]
        kept.requestStarted()
        _ = compiler.apply(RouteChange(upserts: [balanced("a", [2, 3])]), clock: RouteClock(now: 1000, wallTime: 1000))
        let now = try balancer("a").endpoints
        #expect(now[0] === kept && now[0].requestsInFlight == 1 && now[0].detected == 1)
        #expect(now[1].detected == 1000, "the new one is young")
        kept.requestFinished(failed: false, now: 1000)
    }

    @Test("turns go on with the endpoints there are", arguments: ["roundRobin", "weightedRoundRobin"])
    func turns(algorithm: String) throws {
        let bench = BalancingBench()
        _ = apply(balanced("a", [1, 2, 3], algorithm: algorithm))
        _ = bench.picks(try balancer("a"), 100)
        _ = apply(balanced("a", [3, 1, 4, 5], algorithm: algorithm))
        #expect(bench.distribution(try balancer("a"), 400) == [100, 100, 100, 100])
        _ = apply(balanced("a", [5, 9], algorithm: algorithm))
        #expect(bench.distribution(try balancer("a"), 400) == [200, 200])
    }

    @Test("keys of endpoints that stay stay with them")
    func ring() throws {
        let bench = BalancingBench()
        _ = apply(balanced("a", Array(1...10), algorithm: "consistentHash"))
        func owners() throws -> [String] {
            try (0..<500).map { key in
                bench.context.settings.consistentHash = UInt64(key) &* 0x9E37_79B9_7F4A_7C15
                return try balancer("a").pick(bench.context).takeUnretainedValue().origin.description
            }
        }
        let before = try owners()
        _ = apply(balanced("a", Array(2...10), algorithm: "consistentHash"))
        #expect(zip(before, try owners()).allSatisfy { $0 == $1 || $0.hasSuffix(":1") })
    }

    @Test("a new endpoint fades in on a route that has been there for long")
    func fadeIn() throws {
        let bench = BalancingBench()
        func definition(_ ports: [Int]) -> RouteDefinition {
            .make(id: "a", filters: [CallValue("fade")], backend: .loadBalanced(algorithm: "roundRobin", endpoints: addresses(ports)))
        }
        var filters = FilterRegistry()
        filters.register([FilterSpec("fade") { _, _ in .trait(.fadeIn(duration: 60 * BalancingBench.second, exponent: 1)) }])
        let compiler = RouteCompiler(filters: filters, endpoints: bench.registry)
        _ = compiler.apply(RouteChange(upserts: [definition([1, 2])]), clock: bench.clock)
        bench.advance(3600)
        guard case .loadBalanced(let balancer)? = compiler.table["a"]?.backend else { throw Unexpected() }
        #expect(bench.distribution(balancer, 100) == [50, 50])
        _ = compiler.apply(RouteChange(upserts: [definition([1, 2, 3])]), clock: bench.clock)
        #expect(bench.distribution(balancer, 100) == [50, 50, 0])
        bench.advance(3600)
        #expect(bench.distribution(balancer, 99) == [33, 33, 33])
    }

    // MARK: Groups

    @Test("one report changes all routes of a group, and no table")
    func group() throws {
        let definitions = (0..<1000).map { balanced("r\($0)", [1, 2], algorithm: $0 % 2 == 0 ? "random" : "consistentHash", group: "shop") }
        _ = compiler.apply(RouteChange(upserts: definitions + [balanced("other", [1, 2])]), clock: clock)
        let memory = Memory(compiler)
        let update = apply(groups: [EndpointGroupChange(key: "shop", endpoints: addresses([2, 3, 4]))])
        #expect(!update.hasChanges && update.endpointChangeCount == 1 && update.replaced.count == 1)
        #expect(Memory(compiler) == memory)
        for id in ["r0", "r1", "r999"] {
            #expect(try ports(id) == [2, 3, 4])
            #expect(compiler.table[id]?.currentDefinition.endpoints.map(\.address) == addresses([2, 3, 4]).map(\.address))
        }
        #expect(try ports("other") == [1, 2])
        let again = compiler.apply(RouteChange(upserts: definitions), clock: clock)
        #expect(!again.hasChanges && again.endpointChangeCount == 0, "what was reported counts, not what definitions said before")
        #expect(try ports("r7") == [2, 3, 4])
        _ = apply(balanced("late", [1, 2], algorithm: "consistentHash", group: "shop"))
        #expect(try ports("late") == [2, 3, 4])
    }

    @Test("while nobody reports them, the definition that came last says what a group's endpoints are")
    func lastDefinition() throws {
        _ = apply(balanced("a", [1, 2], group: "g"), balanced("b", [1, 2], group: "g"))
        let update = apply(balanced("b", [3], group: "g"))
        #expect(!update.hasChanges && update.endpointChangeCount == 1)
        #expect(try ports("a") == [3])
        #expect(compiler.table["a"]?.currentDefinition == balanced("a", [3], group: "g"))
        let same = apply(balanced("a", [3], group: "g"))
        #expect(!same.hasChanges && same.replaced.isEmpty)
        _ = apply(balanced("c", [4, 5], algorithm: "consistentHash", group: "g"))
        #expect(try ports("a") == [4, 5] && ports("c") == [4, 5])
        let bench = BalancingBench()
        _ = try balancer("c").pick(bench.context)
    }

    @Test("a report that cannot be followed changes nothing and says so", arguments: [
        ([], "no endpoints"), ([LBEndpoint(address: "http://a:99999")], "http://a:99999"), ([LBEndpoint(address: "::")], "::"),
    ] as [([LBEndpoint], String)])
    func badReport(endpoints: [LBEndpoint], reason: String) throws {
        _ = apply(balanced("a", [1, 2], group: "g"))
        let update = apply(groups: [EndpointGroupChange(key: "g", endpoints: endpoints)])
        #expect(update.groupProblems.count == 1 && update.groupProblems[0].contains("endpoints of g:") && update.groupProblems[0].contains(reason))
        #expect(try ports("a") == [1, 2])
        let unknown = apply(groups: [EndpointGroupChange(key: "nobody", endpoints: addresses([1]))])
        #expect(unknown.groupProblems.isEmpty && unknown.endpointChangeCount == 0)
    }

    @Test("explanations show the endpoints there are")
    func explained() throws {
        _ = apply(balanced("a", [1, 2], group: "g"))
        _ = apply(groups: [EndpointGroupChange(key: "g", endpoints: addresses([7]))])
        let explanation = SampleRequest("/a").withContext { compiler.table.explain($0) }
        #expect(explanation.taken?.endpoints.map(\.address) == ["http://127.0.0.1:7"])
    }

    // MARK: What workers look at

    @Test("what was replaced is kept until every worker has begun another turn")
    func retirement() throws {
        let slot = RoutingTableSlot()
        let readers = [slot.addReader(), slot.addReader()]
        _ = apply(balanced("a", [1, 2]))
        var update: RouteUpdate? = apply(balanced("a", [3, 4]))
        weak let list = update?.replaced.first
        slot.retire(try #require(update).replaced)
        update = nil
        #expect(slot.reclaim() && list != nil)
        readers[0].turnBegins(slot)
        #expect(slot.reclaim() && list != nil)
        readers[1].turnBegins(slot)
        #expect(!slot.reclaim() && list == nil)
    }

    @Test("a worker that is gone holds nothing")
    func retirementWithoutReader() throws {
        let slot = RoutingTableSlot()
        var reader: TableReader? = slot.addReader()
        slot.retire([Endpoint(origin: try Origin.parse("http://127.0.0.1:1"), now: 0, health: nil)])
        #expect(slot.reclaim())
        reader = nil
        _ = reader
        #expect(!slot.reclaim())
    }

    @Test("an endpoint with requests in flight stays, though no route has it")
    func inFlight() throws {
        let registry = EndpointRegistry()
        let minute: UInt64 = 60_000_000_000
        let origin = try Origin.parse("http://127.0.0.1:1")
        weak var endpoint: Endpoint?
        let lent: Unmanaged<Endpoint>
        do {
            let made = registry.endpoint(for: origin, now: 0)
            made.requestStarted()
            endpoint = made
            lent = .passUnretained(made)
        }
        for time in 1...5 { registry.sweep(now: UInt64(time) * minute) }
        #expect(endpoint != nil)
        lent._withUnsafeGuaranteedRef { $0.requestFinished(failed: false, now: 6 * minute) }
        for time in 6...8 { registry.sweep(now: UInt64(time) * minute) }
        #expect(endpoint == nil)
    }

    @Test("workers pick while lists change")
    func concurrently() async throws {
        let slot = RoutingTableSlot()
        _ = apply(balanced("a", [1, 2, 3], algorithm: "weightedRoundRobin", group: "g"), .make(id: "n", backend: .network("http://127.0.0.1:1")))
        let worker = PickingWorker(compiler.table, slot)
        async let picked = worker.run()
        for round in 0..<3000 {
            let ports = (0..<1 + round % 4).map { 1 + ($0 + round) % 9 }
            let update = apply(
                .make(id: "n", backend: .network("http://127.0.0.1:\(ports[0])")), groups: [EndpointGroupChange(key: "g", endpoints: addresses(ports))])
            #expect(!update.hasChanges)
            slot.retire(update.replaced)
            _ = slot.reclaim()
        }
        worker.stop()
        #expect(await picked == 0)
    }
}

/// Chooses endpoints as a worker does, turn by turn.
private final class PickingWorker: Sendable {
    private let table: RoutingTable
    private let slot: RoutingTableSlot
    private let reader: TableReader
    private let isStopped = Atomic(false)

    init(_ table: RoutingTable, _ slot: RoutingTableSlot) {
        self.table = table
        self.slot = slot
        reader = slot.addReader()
    }

    func stop() { isStopped.store(true, ordering: .relaxed) }

    /// - Returns: endpoints that made no sense.
    func run() async -> Int {
        let bench = BalancingBench()
        var wrong = 0
        while !isStopped.load(ordering: .relaxed) {
            reader.turnBegins(slot)
            for _ in 0..<50 {
                for id in ["a", "n"] where !isPick(id, bench) { wrong += 1 }
            }
        }
        return wrong
    }

    private func isPick(_ id: String, _ bench: BalancingBench) -> Bool {
        switch table[id]?.backend {
        case .network(let endpoint): endpoint.origin.description.hasPrefix("http://127.0.0.1:")
        case .loadBalanced(let balancer):
            balancer.pick(bench.context)._withUnsafeGuaranteedRef { endpoint in
                endpoint.requestStarted()
                endpoint.requestFinished(failed: false, now: 1)
                return endpoint.origin.description.hasPrefix("http://127.0.0.1:")
            }
        default: false
        }
    }
}
