import Eskip
import Routing
import Telemetry
import TestSupport
import Testing

@testable import DataClients

/// A client that says what a test tells it to.
final class ScriptedClient: DataClient {
    let name: String
    var feed: RouteFeed!

    init(_ name: String) { self.name = name }

    func start(_ feed: RouteFeed) { self.feed = feed }
    func refresh() {}

    func report(_ text: String, deletes: [String] = []) {
        feed.report(upserts: Array(RouteDocument.parse(text, sourceName: name).document), deletes: deletes)
    }
}

@Suite("From what clients report to the published table")
struct RouteUpdaterTests {
    let slot = RoutingTableSlot()
    let log = CapturedLog()
    let metrics = MetricRegistry()

    func updater(_ configure: (inout DataClientOptions) -> Void = { _ in }) throws -> RouteUpdater {
        var options = DataClientOptions()
        configure(&options)
        return try RouteUpdater(options: options, compiler: .sample(), slot: slot, log: log.logger, metrics: metrics) {
            RouteClock(now: 1, wallTime: 1_700_000_000_000_000_000)
        }
    }

    func client(_ name: String, of updater: RouteUpdater) -> ScriptedClient {
        let client = ScriptedClient(name)
        client.start(updater.addFeed(name: name))
        return client
    }

    var ids: [String] { slot.table.routesByID().map(\.id) }

    @Test("each changed route is logged, as Skipper does")
    func changesInLog() throws {
        let updater = try updater()
        let client = client("file", of: updater)
        client.report("a: * -> <shunt>; b: Path(\"/b\") -> f() -> <shunt>;")
        updater.update()
        client.report("a: * -> <loopback>;", deletes: ["b"])
        updater.update()
        client.report("")
        updater.update()
        #expect(log.lines == [
            "info: route settings, reset, route: a: * -> <shunt>;", "info: route settings, reset, route: b: Path(\"/b\") -> f() -> <shunt>;",
            "info: route settings, reset, file: 2 upserted, 0 deleted, 2 in all",
            "info: route settings, update, route: a: * -> <loopback>;", "info: route settings, delete, route: b",
            "info: route settings, update, file: 1 upserted, 1 deleted, 1 in all",
        ])
    }

    @Test("suppressed, only numbers are logged")
    func suppressedLog() throws {
        let updater = try updater { $0.suppressesUpdateLogs = true }
        let client = client("file", of: updater)
        client.report("a: * -> <shunt>; b: * -> <shunt>;")
        updater.update()
        #expect(log.lines == ["info: route settings, reset, file: 2 upserted, 0 deleted, 2 in all"])
    }

    @Test("no credentials in the log", arguments: [
        ("a: * -> f(\"Authorization\", \"Bearer s3cret\") -> g(\"X\", \"y\") -> <shunt>;",
            "a: * -> f(\"Authorization\", \"[redacted]\") -> g(\"X\", \"y\") -> <shunt>;"),
        ("a: HeaderRegexp(\"cookie\", /s3cret/) -> <shunt>;", "a: HeaderRegexp(\"cookie\", /[redacted]/) -> <shunt>;"),
        ("a: * -> f(\"Set-Cookie\", \"s3cret\", 1) -> <shunt>;", "a: * -> f(\"Set-Cookie\", \"[redacted]\", \"[redacted]\") -> <shunt>;"),
        ("a: * -> f(\"Authorization\") -> <shunt>;", "a: * -> f(\"Authorization\") -> <shunt>;"),
    ])
    func secrets(text: String, logged: String) throws {
        let updater = try updater()
        let client = client("file", of: updater)
        client.report(text)
        updater.update()
        #expect(log.lines.first == "info: route settings, reset, route: \(logged)")
        #expect(RoutePrinter.compact.text(of: try #require(slot.table["a"]?.definition)) == text)
    }

    @Test("a route that cannot be compiled costs itself, and is forgotten once it is right or gone")
    func invalidRoutes() throws {
        let updater = try updater()
        let client = client("r.eskip", of: updater)
        client.report("a: * -> <shunt>;\nb: * -> nosuch() -> <shunt>;\nc: * -> <forward>;")
        updater.update()
        #expect(ids == ["a"])
        #expect(updater.status.invalidRoutes.map { "\($0.routeID) \($0.refusal.rawValue)" } == ["b unknown_filter", "c other"])
        #expect(log.lines.contains { $0.hasPrefix("error: r.eskip:2:9: route \"b\": ") })
        client.report("b: * -> f() -> <shunt>;")
        updater.update()
        #expect(ids == ["a", "b"])
        #expect(updater.status.invalidRoutes.map(\.routeID) == ["c"])
        client.report("", deletes: ["c"])
        updater.update()
        #expect(updater.status.invalidRoutes.isEmpty)
        client.report("a: * -> \"nonsense\";")
        updater.update()
        #expect(ids == ["b"])
        #expect(updater.status.invalidRoutes.map(\.refusal) == [.failedBackendSplit])
        #expect(updater.status.routeCount == 1)
    }

    @Test("metrics count routes and sources, and show each refused route while it is refused")
    func shownInMetrics() throws {
        func gauge(_ key: String) -> Int { metrics.value(.customGauge, metrics.labels.label(key)) }
        func refused(_ id: String, _ reason: String) -> Int {
            metrics.value(.routeInvalid, metrics.labels.label(id), metrics.labels.label(reason))
        }
        let updater = try updater()
        let client = client("r.eskip", of: updater)
        client.report("a: * -> <shunt>; b: * -> nosuch() -> <shunt>; c: * -> <forward>;")
        updater.update()
        #expect(gauge("routes.total") == 1)
        #expect(gauge("routes.updated_timestamp") == 1_700_000_000)
        #expect(refused("b", "unknown_filter") == 1)
        #expect(refused("c", "other") == 1)
        client.report("b: * -> \"nonsense\";", deletes: ["c"])
        updater.update()
        #expect(refused("b", "unknown_filter") == 0)
        #expect(refused("b", "failed_backend_split") == 1)
        #expect(refused("c", "other") == 0)
        client.feed.fail(["r.eskip:1:1: bad", "r.eskip:2:1: bad"])
        #expect(gauge("routes.problems.r.eskip") == 2)
        #expect(metrics.value(.customTotal, metrics.labels.label("routes.load_failed.r.eskip")) == 1)
        #expect(metrics.value(.customTotal, metrics.labels.label("routes.load_all.r.eskip")) == 2)
        client.report("b: * -> <shunt>;")
        updater.update()
        #expect(gauge("routes.problems.r.eskip") == 0)
        #expect(refused("b", "failed_backend_split") == 0)
        #expect(gauge("routes.total") == 2)
    }

    @Test("a mistake in a default filter refuses all routes, within limits")
    func allRefused() throws {
        let updater = try updater { $0.rewriting = RouteRewritingOptions(prepend: ["nosuch()"]) }
        let client = client("r.eskip", of: updater)
        client.report((0..<3000).map { "r\($0): * -> <shunt>;" }.joined())
        updater.update()
        #expect(updater.status.invalidRoutes.count == 3000)
        #expect(slot.table.count == 0)
        #expect(log.lines.count { $0.hasPrefix("error: ") } == DataClientLimits.problemsLoggedMax)
        #expect(log.lines.contains("warning: 2900 more routes that cannot be compiled, not shown"))
    }

    @Test("of several routes with one id the last counts, whatever the others are", arguments: [1, 2])
    func repetitions(sourceCount: Int) throws {
        let updater = try updater()
        let client = client("r.eskip", of: updater)
        if sourceCount > 1 { _ = self.client("other", of: updater) }
        client.report("a: * -> nosuch() -> <shunt>; b: * -> <shunt>; a: * -> <dynamic>; a: * -> <shunt>; b: * -> nosuch() -> <shunt>;")
        updater.update()
        #expect(ids == ["a"])
        #expect(slot.table["a"]?.definition.backend == .shunt)
        #expect(updater.status.invalidRoutes.map(\.routeID) == ["b"])
        #expect(updater.status.sources[0].routeCount == 2)
    }

    @Test("all that is reported in one turn is one table")
    func oneTable() throws {
        let updater = try updater()
        let first = client("first", of: updater), second = client("second", of: updater)
        var asked = 0
        updater.updateNeeded = { asked += 1 }
        first.report("a: * -> <shunt>;")
        second.report("b: * -> <shunt>;")
        #expect(asked == 1)
        #expect(slot.version == 0)
        updater.update()
        #expect(slot.version == 1)
        #expect(ids == ["a", "b"])
        #expect(updater.status.updateCount == 1)
        #expect(updater.status.updatedAt == 1_700_000_000)
        // Takes the route over and back within one turn.
        first.report("b: * -> <loopback>;")
        first.report("", deletes: ["b"])
        second.report("b: * -> <dynamic>;")
        updater.update()
        #expect(slot.table["b"]?.definition.backend == .dynamic)
        #expect(slot.version == 2)
    }

    @Test("nothing new publishes nothing")
    func unchanged() throws {
        let updater = try updater()
        let client = client("file", of: updater)
        client.report("a: * -> <shunt>;")
        updater.update()
        let route = slot.table["a"]
        client.report("")
        updater.update()
        client.report("a: * -> <shunt>; // again")
        updater.update()
        #expect(slot.version == 1)
        #expect(slot.table["a"] === route)
    }

    @Test("the first load is done when every source was loaded and published, an empty one too")
    func firstLoad() throws {
        let updater = try updater()
        var doneCount = 0
        updater.firstLoadDone = { doneCount += 1 }
        let first = client("first", of: updater), second = client("second", of: updater)
        #expect(!updater.status.isFirstLoadDone)
        first.report("a: * -> <shunt>;")
        updater.update()
        updater.completeFeeds()
        second.feed.fail(["second: no such thing"])
        #expect(!updater.status.isFirstLoadDone)
        second.report("")
        updater.update()
        #expect(updater.status.isFirstLoadDone)
        first.feed.fail(["first: gone"])
        updater.update()
        #expect(updater.status.isFirstLoadDone)
        #expect(doneCount == 1)
        #expect(updater.status.sources.map(\.problems) == [["first: gone"], []])
        #expect(updater.status.sources.map(\.routeCount) == [1, 0])
    }

    @Test("without sources there is nothing to wait for")
    func noSources() throws {
        let updater = try updater()
        updater.completeFeeds()
        #expect(updater.status.isFirstLoadDone)
    }

    @Test("a failure is told once, however often it comes")
    func repeatedFailure() throws {
        let updater = try updater()
        let client = client("url", of: updater)
        for _ in 0..<5 { client.feed.fail(["url: refused"]) }
        #expect(log.lines == ["error: url: refused", "error: url: 1 error; it has no routes yet"])
        #expect(updater.status.sources[0].failureCount == 5)
        client.report("a: * -> <shunt>;")
        updater.update()
        client.feed.fail(["url: refused"])
        #expect(log.lines.suffix(2) == ["error: url: refused", "error: url: 1 error; its 1 routes stay"])
    }

    @Test("options apply to every source, and to changed routes only")
    func rewriting() throws {
        let updater = try updater { $0.rewriting = RouteRewritingOptions(prepend: ["f()"], forward: "http://x") }
        let first = client("first", of: updater), second = client("second", of: updater)
        first.report("a: * -> <shunt>;")
        second.report("b: * -> g() -> <forward>;")
        updater.update()
        let untouched = slot.table["b"]
        first.report("a: * -> h() -> <shunt>;")
        updater.update()
        #expect(slot.table.routesByID().map { RoutePrinter.compact.text(of: $0.definition) } == [
            "a: * -> f() -> h() -> <shunt>;", "b: * -> \"http://x\";",
        ])
        #expect(slot.table["b"] === untouched)
    }

    @Test("endpoints of a group are reported by its key: all its routes have them, and the table stays")
    func endpointsOfGroup() throws {
        let updater = try updater()
        let client = client("kubernetes", of: updater)
        func addresses(_ ports: [Int]) -> [LBEndpoint] { ports.map { LBEndpoint(address: "http://127.0.0.1:\($0)") } }
        func definition(_ id: String, _ ports: [Int]) -> RouteDefinition {
            .make(id: id, backend: .loadBalanced(algorithm: "random", endpoints: addresses(ports), group: "default/shop:http"))
        }
        client.feed.report(upserts: [definition("a", [1]), definition("b", [1])])
        updater.update()
        let table = slot.table, version = slot.version, updates = updater.status.updateCount
        client.feed.report(endpoints: [EndpointGroupChange(key: "default/shop:http", endpoints: addresses([2, 3]))])
        updater.update()
        #expect(slot.table === table && slot.version == version)
        #expect(["a", "b"].map { table[$0]?.currentDefinition } == [definition("a", [2, 3]), definition("b", [2, 3])])
        #expect(updater.status.updateCount == updates + 1)
        #expect(log.lines.last == "info: route settings, update, kubernetes: 2 endpoints of default/shop:http")
        client.feed.report(endpoints: [EndpointGroupChange(key: "default/shop:http", endpoints: [])])
        // A route that comes in the same turn, with endpoints that are known to be old.
        client.feed.report(upserts: [definition("c", [1])])
        updater.update()
        #expect(slot.table["c"]?.currentDefinition == definition("c", [2, 3]))
        #expect(log.lines.contains { $0.hasPrefix("error: endpoints of default/shop:http: ") && $0.hasSuffix("; the former ones stay") })
    }

    @Test("clones and edited routes share their originals' groups")
    func rewrittenGroups() throws {
        let updater = try updater { $0.rewriting.cloneRoutes = [TextReplacement(pattern: "/a", replacement: "/b")] }
        let client = client("kubernetes", of: updater)
        client.feed.report(upserts: [.make(
            id: "a", predicates: [CallValue("Path", .string("/a"))],
            backend: .loadBalanced(algorithm: "", endpoints: [LBEndpoint(address: "http://127.0.0.1:1")], group: "g"))])
        updater.update()
        client.feed.report(endpoints: [EndpointGroupChange(key: "g", endpoints: [LBEndpoint(address: "http://127.0.0.1:2")])])
        updater.update()
        #expect(slot.table.routesByID().map { $0.currentDefinition.endpoints.map(\.address) } == [["http://127.0.0.1:2"], ["http://127.0.0.1:2"]])
    }
}
