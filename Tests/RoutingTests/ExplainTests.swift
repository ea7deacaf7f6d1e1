import Eskip
import Testing

@testable import Routing

@Suite("Explanations")
struct ExplainTests {
    private func explain(_ routes: String, _ request: SampleRequest) -> RouteExplanation {
        request.withContext { RoutingTable.of(routes).explain($0) }
    }

    private func attempts(_ routes: String, _ request: SampleRequest) -> [String] {
        explain(routes, request).attempts.map { "\($0.definition.id): \($0.refusal ?? "taken")" }
    }

    private let shop = """
        m: Path("/a/:x") && Method("POST") && Weight(9) -> <shunt>;
        h: Path("/a/:x") && Host(/^other[.]org$/) && Weight(8) -> <shunt>;
        i: Path("/a/:x") && HostAny("x", "y") && Weight(7) -> <shunt>;
        q: Path("/a/:x") && QueryParam("q") && Header("X-A", "1") && Weight(5) -> <shunt>;
        t: PathSubtree("/a") && Host(/^(www[.]example[.]org|x)$/) -> setPath("/z") -> "http://127.0.0.1:1";
        r: * -> <shunt>;
        """.replacing("setPath(\"/z\") -> ", with: "count(1) -> ")

    @Test("routes in the order tried, each with the predicate that refused it, up to the one taken")
    func order() {
        #expect(attempts(shop, SampleRequest("/a/b")) == [
            "m: Method(\"POST\")", "h: Host(/^other[.]org$/)", "i: HostAny(\"x\", \"y\")", "q: Header(\"X-A\", \"1\")", "t: taken",
        ])
        #expect(attempts(shop, SampleRequest("/a/b", headers: [("X-A", "1")])).contains("q: QueryParam(\"q\")"))
        #expect(attempts(shop, SampleRequest("/nowhere")) == ["r: taken"])
    }

    @Test("what follows")
    func outcome() {
        let explanation = explain(shop, SampleRequest("/a/b"))
        #expect(explanation.taken?.id == "t")
        #expect(explanation.parameters == [.init(name: "*", value: "/b")])
        #expect(explanation.text == """
            GET /a/b, Host "www.example.org", from 127.0.0.1
              1. m (weight 10): refused by Method("POST")
              2. h (weight 9): refused by Host(/^other[.]org$/)
              3. i (weight 8): refused by HostAny("x", "y")
              4. q (weight 7): refused by Header("X-A", "1")
              5. t (weight 1): taken
            parameter * = /b
            t: Host(/^(www[.]example[.]org|x)$/) && PathSubtree("/a")
              -> count(1)
              -> "http://127.0.0.1:1";
            """)
    }

    @Test("no route")
    func nothing() {
        let explanation = explain("a: Path(\"/a\") && False() -> <shunt>;", SampleRequest("/a"))
        #expect(explanation.taken == nil)
        #expect(explanation.text.hasSuffix("1. a (weight 1): refused by False()\nno route matches"))
    }

    @Test("routes of other hosts are counted where an index passes them by")
    func otherHosts() {
        let routes = (0..<40).map { "h\($0): PathSubtree(\"/\") && Host(/^h\($0)[.]org$/) -> <shunt>;" }.joined(separator: "\n")
        let explanation = explain(routes, SampleRequest("/", host: "h7.org"))
        #expect(explanation.attempts.map(\.definition.id) == ["h7"])
        #expect(explanation.otherHostCount == 39)
    }

    @Test("as JSON")
    func json() {
        var output: [UInt8] = []
        explain("a: Path(\"/\\\"a\") && False() -> <shunt>; b: * -> <shunt>;", SampleRequest("/%22a")).appendJSON(to: &output)
        #expect(String(decoding: output, as: UTF8.self) == """
            {"request":{"method":"GET","path":"/\\"a","host":"www.example.org","client":"127.0.0.1"},"attempts":[\
            {"id":"a","weight":1,"pathPattern":true,"refusedBy":"False()"},{"id":"b","weight":0,"pathPattern":false}],\
            "omitted":0,"otherHosts":0,"parameters":{},"route":{"id":"b","backend":{"type":"shunt"}}}
            """)
    }
}
