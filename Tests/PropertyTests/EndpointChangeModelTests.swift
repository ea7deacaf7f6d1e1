import Eskip
import Filters
import Glibc
import HTTP
import Routing
import Testing

/// Updates of all kinds, mixed, against what they should leave behind: a dictionary of definitions and one of groups.
///
/// After every step each route must show and use the endpoints of the model; a step that changes nothing else must leave the table and
/// every route where they are.
@Suite("Routing: endpoints that change, against a model")
struct EndpointChangeModelTests {
    static let seeds: [UInt64] = (0..<4).map { _ in UInt64.random(in: 0...UInt64.max) }
    private static let steps = 50 * (getenv("FAIRWAY_PROPERTY_ROUNDS").flatMap { Int(String(cString: $0)) } ?? 2)

    @Test("definitions, groups and other changes in any order", arguments: seeds)
    func mixed(seed: UInt64) throws {
        var model = EndpointModel(seed: seed)
        let compiler = RouteCompiler(filters: .builtIn(), endpoints: EndpointRegistry())
        let slot = RoutingTableSlot()
        var held: [RoutingTable] = []
        for step in 0..<Self.steps {
            let change = model.next()
            let before = compiler.table.routesByID()
            let update = compiler.apply(change.changes, clock: RouteClock(now: UInt64(step), wallTime: UInt64(step)))
            slot.retire(update.replaced)
            _ = slot.reclaim()
            #expect(update.diagnostics.isEmpty && update.groupProblems.isEmpty, "seed \(seed), step \(step)")
            if change.touchesEndpointsOnly {
                let isSame = !update.hasChanges && zip(before, update.table.routesByID()).allSatisfy { $0 === $1 }
                #expect(isSame, "seed \(seed), step \(step): \(change.changes)")
            }
            try compare(compiler.table, model, "seed \(seed), step \(step)")
            // Exchanges that last: their routes go with their tables and not before.
            if step % 7 == 0 { held.append(update.table) }
            if held.count > 3 { held.removeFirst() }
            for table in held { table.forEachRoute { _ = $0.currentDefinition } }
        }
    }

    private func compare(_ table: RoutingTable, _ model: EndpointModel, _ label: String) throws {
        try #require(table.count == model.routes.count, "\(label)")
        for (id, expected) in model.routes {
            let route = try #require(table[id], "\(label)")
            let definition = expected.definition(id, model.groups)
            try #require(route.currentDefinition == definition, "\(label): \(route.currentDefinition) and not \(definition)")
            let used: [String] = switch route.backend {
            case .network(let endpoint): [endpoint.origin.description]
            case .loadBalanced(let balancer): balancer.endpoints.map(\.origin.description)
            default: []
            }
            try #require(used == expected.addresses(model.groups), "\(label): route \(id)")
        }
    }
}

/// What updates should leave behind, and the updates.
private struct EndpointModel {
    struct Route: Equatable {
        var weight: Int
        var algorithm: String
        /// Nil for a network backend, which has one address.
        var isBalanced: Bool
        var group: String?
        var own: [Int]

        func addresses(_ groups: [String: (ports: [Int], isReported: Bool)]) -> [String] {
            (group.flatMap { groups[$0]?.ports } ?? (isBalanced ? own : [own[0]])).map { "http://10.0.0.1:\($0)" }
        }

        func definition(_ id: String, _ groups: [String: (ports: [Int], isReported: Bool)]) -> RouteDefinition {
            let addresses = addresses(groups)
            let backend: BackendDefinition = isBalanced
                ? .loadBalanced(algorithm: algorithm, endpoints: addresses.map { LBEndpoint(address: $0) }, group: group) : .network(addresses[0])
            return .make(id: id, predicates: [CallValue("Weight", .number(Double(weight)))], backend: backend)
        }
    }

    struct Change {
        var changes: [RouteChange] = []
        var touchesEndpointsOnly = false
    }

    private(set) var routes: [String: Route] = [:]
    /// Groups that exist, by key; one exists from its first route on.
    private(set) var groups: [String: (ports: [Int], isReported: Bool)] = [:]
    private var random: RouteGenerator

    init(seed: UInt64) { random = RouteGenerator(seed: seed) }

    mutating func next() -> Change {
        switch random.below(10) {
        case 0...3: otherEndpoints()
        case 4...5: report()
        case 6: remove()
        case 7: otherRoute()
        default: add()
        }
    }

    private mutating func ports() -> [Int] { (0..<1 + random.below(4)).map { _ in 1 + random.below(6) } }

    /// Notes what a definition says and gives it as its source would.
    private mutating func say(_ id: String, _ route: Route) -> RouteDefinition {
        var groupsAsWritten = groups
        if let key = route.group {
            if groups[key]?.isReported != true { groups[key] = (route.own, false) }
            groupsAsWritten[key] = (route.own, false)
        }
        routes[id] = route
        return route.definition(id, groupsAsWritten)
    }

    private mutating func add() -> Change {
        let isBalanced = random.below(3) > 0
        let algorithms = ["", "random", "consistentHash", "weightedRoundRobin", "leastRequests"]
        let upserts = (0..<1 + random.below(4)).map { _ in
            var route = Route(weight: 1 + random.below(3), algorithm: random.one(of: algorithms), isBalanced: isBalanced, own: ports())
            if isBalanced, random.below(2) == 0 { route.group = "g\(random.below(3))" }
            return ("r\(random.below(30))", route)
        }
        return Change(changes: [RouteChange(upserts: upserts.map { say($0.0, $0.1) })])
    }

    private mutating func otherRoute() -> Change {
        guard let id = routes.keys.sorted().randomElement(using: &random), var route = routes[id] else { return add() }
        route.weight += 1
        return Change(changes: [RouteChange(upserts: [say(id, route)])])
    }

    private mutating func otherEndpoints() -> Change {
        let ids = routes.keys.sorted()
        guard !ids.isEmpty else { return add() }
        let upserts = (0..<1 + random.below(3)).map { _ in
            let id = random.one(of: ids)
            var route = routes[id]!
            route.own = random.below(4) == 0 ? route.own : ports()
            return say(id, route)
        }
        return Change(changes: [RouteChange(upserts: upserts)], touchesEndpointsOnly: true)
    }

    private mutating func report() -> Change {
        let change = EndpointGroupChange(key: "g\(random.below(4))", endpoints: ports().map { LBEndpoint(address: "http://10.0.0.1:\($0)") })
        let ports = change.endpoints.map { Int($0.address.split(separator: ":").last!)! }
        if groups[change.key] != nil { groups[change.key] = (ports, true) }
        return Change(changes: [RouteChange(groups: [change])], touchesEndpointsOnly: true)
    }

    private mutating func remove() -> Change {
        let ids = routes.keys.sorted().filter { _ in random.below(4) == 0 }
        for id in ids { routes[id] = nil }
        return Change(changes: [RouteChange(deletes: ids)])
    }
}
