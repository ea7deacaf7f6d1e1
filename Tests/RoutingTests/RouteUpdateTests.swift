import Eskip
import Filters
import Testing

@testable import Routing

@Suite("Updates of compiled routes")
struct RouteUpdateTests {
    private let clock = RouteClock(now: 1, wallTime: 1)

    private func definitions(_ text: String) -> [RouteDefinition] { Array(RouteDocument.parse(text).document) }

    @Test("an unchanged definition keeps its route, though it was read again")
    func unchanged() throws {
        let compiler = RouteCompiler.sample()
        let first = compiler.load("a: Path(\"/a\") -> count() -> <shunt>; b: Path(\"/b\") -> <shunt>;").table
        let second = compiler.load("\n\na: Path(\"/a\") -> count() -> <shunt>; b: Path(\"/bb\") -> <shunt>;")
        #expect(second.table["a"] === first["a"])
        #expect(second.table["b"] !== first["b"])
        #expect(second.upserts.map(\.id) == ["b"])
        #expect(second.table.route("/b") == nil)
        #expect(second.table.route("/bb") == "b")
        #expect(first.route("/b") == "b", "a published table never changes")
    }

    @Test("a route whose filters stay the same keeps them with all they know")
    func filtersStay() throws {
        let compiler = RouteCompiler.sample()
        let first = try #require(compiler.load("a: Path(\"/a\") -> count(1) -> \"http://127.0.0.1:1\";").table["a"])
        let second = try #require(compiler.load("a: Path(\"/aa\") -> count(1) -> \"http://127.0.0.1:1\";").table["a"])
        #expect(first !== second)
        #expect(first.filters[0].takeUnretainedValue() === second.filters[0].takeUnretainedValue())
        let third = try #require(compiler.load("a: Path(\"/a\") -> count(2) -> \"http://127.0.0.1:2\";").table["a"])
        #expect(third.filters[0].takeUnretainedValue() !== second.filters[0].takeUnretainedValue())
    }

    @Test("nothing changed, no new table")
    func idle() {
        let compiler = RouteCompiler.sample()
        let first = compiler.load("a: * -> <shunt>;").table
        #expect(compiler.load("a: * -> <shunt>;").table === first)
        #expect(compiler.apply(RouteChange(deletes: ["nobody"]), clock: clock).table === first)
    }

    @Test("upserts and deletes by id; the last of an id wins")
    func changes() {
        let compiler = RouteCompiler.sample()
        _ = compiler.load("a: Path(\"/a\") -> <shunt>; b: Path(\"/b\") -> <shunt>;")
        let update = compiler.apply(RouteChange(upserts: definitions("c: Path(\"/c\") -> <shunt>; c: Path(\"/cc\") -> <shunt>;"), deletes: ["a"]), clock: clock)
        #expect(["/a", "/b", "/c", "/cc"].map { update.table.route($0) } == [nil, "b", nil, "c"])
        #expect(Set(update.upserts.map(\.id)) == ["c"] && update.deletes == ["a"])
        #expect(update.table.count == 2)
    }

    @Test("a definition that became bad takes its route away; a good one brings it back")
    func refusedAndBack() {
        let compiler = RouteCompiler.sample()
        _ = compiler.load("a: Path(\"/a\") -> <shunt>;")
        #expect(compiler.load("a: Path(\"/a*\") -> <shunt>;").table.route("/a") == nil)
        #expect(compiler.diagnostics.map(\.routeID) == ["a"])
        let again = compiler.load("a: Path(\"/a*\") -> <shunt>;")
        #expect(again.diagnostics.count == 1, "a refused route is reported with every load")
        #expect(compiler.load("a: Path(\"/a\") -> <shunt>;").table.route("/a") == "a")
        #expect(compiler.diagnostics.isEmpty)
    }

    @Test("a slot hands out the newest table and tells of it by number")
    func slot() {
        let slot = RoutingTableSlot()
        let before = slot.version
        #expect(slot.table === RoutingTable.empty)
        let table = RoutingTable.of("a: * -> <shunt>;")
        slot.publish(table)
        #expect(slot.version != before)
        #expect(slot.table === table)
    }

    @Test("what the compiled route says of itself")
    func facts() throws {
        let table = RoutingTable.of("""
            n: Path("/n") -> fade() -> "http://Backend.example:8080/ignored"; l: Path("/l") -> <random, "http://127.0.0.1:1", "http://127.0.0.1:2">;
            s: Path("/s") -> <shunt>; d: Path("/d") -> <dynamic>; o: Path("/o") -> <loopback>;
            """)
        let network = try #require(table["n"])
        #expect(network.facts.id == "n")
        #expect(network.facts.backendKind == .network)
        #expect(String(decoding: network.facts.backendHost, as: UTF8.self) == "backend.example:8080")
        #expect(network.traits.count == 1)
        #expect(["l", "s", "d", "o"].map { table[$0]?.facts.backendKind } == [.loadBalanced, .shunt, .dynamic, .loopback])
    }
}

@Suite("Scopes")
struct RouteScopeTests {
    private func table() -> RoutingTable {
        let compiler = RouteCompiler.sample()
        func change(_ text: String, _ scope: RouteScope) -> RouteChange {
            RouteChange(upserts: Array(RouteDocument.parse(text).document), scope: scope)
        }
        return compiler.apply([
            change("s: PathSubtree(\"/\") -> <shunt>; sx: Path(\"/x\") -> <shunt>;", .shared),
            change("e: Path(\"/x\") -> <shunt>; er: Method(\"POST\") -> <shunt>;", .host("a.example.org")),
            change("w: Path(\"/x\") -> <shunt>;", .wildcard("example.org")),
            change("v: Path(\"/x\") -> <shunt>;", .wildcard("b.example.org")),
        ], clock: RouteClock(now: 1, wallTime: 1)).table
    }

    @Test("the exact host, else the longest wildcard, else the shared scope; without falling through", arguments: [
        ("a.example.org", "/x", "e"), ("A.Example.ORG:80", "/x", "e"), ("a.example.org.", "/x", "e"), ("a.example.org:", "/x", "e"), ("a.example.org", "/y", nil), ("z.example.org", "/x", "w"),
        ("y.z.example.org", "/x", "w"), ("z.example.org", "/y", nil), ("c.b.example.org", "/x", "v"), ("b.example.org", "/x", "w"), ("example.org", "/x", "sx"),
        ("xexample.org", "/x", "sx"), ("other", "/y", "s"), ("", "/x", "sx"),
    ])
    func choice(host: String, path: String, expected: String?) {
        #expect(table().route(SampleRequest(path, host: host)) == expected)
    }

    @Test("each scope has a root stage of its own")
    func rootStage() {
        #expect(table().route(SampleRequest("/y", method: "POST", host: "a.example.org")) == "er")
        #expect(table().route(SampleRequest("/y", method: "POST", host: "z.example.org")) == nil)
    }
}
