import Bytes
import Eskip
import Filters
import HTTP
import Routing
import Testing

/// Routes that are wrong or extreme by the hundred thousand: a clear answer, in time and memory that grow with the input only.
@Suite("Hostile routes")
struct HostileRoutesTests {
    private func compile(_ text: String) -> RouteUpdate {
        let parsed = RouteDocument.parse(text, sourceName: "hostile.eskip")
        precondition(parsed.isValid, "\(parsed.errors.prefix(3))")
        return compiler().replaceAll(with: Array(parsed.document), clock: RouteClock(now: 1, wallTime: 1))
    }

    private func compiler() -> RouteCompiler { RouteCompiler(filters: FilterRegistry.builtIn(), endpoints: EndpointRegistry()) }

    private func route(_ table: RoutingTable, _ url: String) throws -> String? {
        var request = ExplainedRequest()
        request.url = url
        return try table.explain(request).taken?.id
    }

    @Test("one syntax error among 300,000 routes is told once, with its line, wherever it stands", arguments: [0, 150_000, 299_999])
    func syntaxError(position: Int) {
        let lines = (0..<300_000).map { "r\($0): Path(\"/p\($0)\") \($0 == position ? "&" : "->") <shunt>;" }
        let parsed = RouteDocument.parse(lines.joined(separator: "\n"), sourceName: "hostile.eskip")
        #expect(parsed.errors.count == 1)
        #expect(parsed.errors.first?.description.hasPrefix("hostile.eskip:\(position + 1):") == true)
        #expect(parsed.errors.first?.routeID == "r\(position)")
        #expect(parsed.document.count == 299_999)
    }

    @Test("a string that never ends among 300,000 routes")
    func openString() {
        let lines = (0..<300_000).map { "r\($0): Path(\"/p\($0)\($0 == 1000 ? "" : "\"")) -> <shunt>;" }
        let parsed = RouteDocument.parse(lines.joined(separator: "\n"), sourceName: "hostile.eskip")
        #expect(parsed.errors.first?.description.hasPrefix("hostile.eskip:1001:") == true)
    }

    @Test("one bad route among 300,000 costs itself")
    func badRoute() {
        let update = compile((0..<300_000).map { "r\($0): Path(\"/p\($0)\($0 == 7 ? "*" : "")\") -> <shunt>;" }.joined(separator: "\n"))
        #expect(update.table.count == 299_999)
        #expect(update.diagnostics.map(\.routeID) == ["r7"])
    }

    @Test("the last of repeated ids counts, refused ones included, also among many")
    func repeatedIDs() throws {
        let update = compile((0..<40_000).map { "r\($0 % 20_000): Path(\"/p\($0)\($0 == 20_005 ? "*" : "")\") -> <shunt>;" }.joined(separator: "\n"))
        #expect(update.table.count == 19_999)
        #expect(update.diagnostics.map(\.routeID) == ["r5"])
        #expect(try route(update.table, "/p20006") == "r6")
        #expect(try route(update.table, "/p6") == nil)
        #expect(try route(update.table, "/p5") == nil)
    }

    @Test("10,000 different regexps that no ending tells apart, of hosts and of paths", arguments: [
        ("PathSubtree(\"/\") && Host(/^(?i)shop%[.]example[.]org$/)", "http://Shop%.example.org/"),
        ("PathSubtree(\"/\") && Host(/shop%[.]/)", "http://shop%.example.org/"),
        ("PathSubtree(\"/\") && Host(/^[a-z]+-v[0-9]+[.]shop%[.]example[.]org$/)", "http://api-v2.shop%.example.org/"),
        ("PathRegexp(/^[/].*[/]item%$/)", "/a/item%"), ("PathRegexp(/item%$/)", "/a/item%"),
    ])
    func regexps(predicates: String, url: String) throws {
        let compiler = compiler()
        let parsed = RouteDocument.parse((0..<10_000).map { "r\($0): \(predicates.replacing("%", with: "\($0)")) -> <shunt>;" }.joined(separator: "\n"))
        let table = compiler.replaceAll(with: Array(parsed.document), clock: RouteClock(now: 1, wallTime: 1)).table
        #expect(table.count == 10_000)
        for number in [0, 77, 5000, 9999] { #expect(try route(table, url.replacing("%", with: "\(number)")) == "r\(number)") }
        #expect(try route(table, url.replacing("%", with: "x")) == nil)
        let next = compiler.apply(RouteChange(deletes: ["r77"]), clock: RouteClock(now: 1, wallTime: 1)).table
        #expect(try route(next, url.replacing("%", with: "77")) == nil)
        #expect(try route(next, url.replacing("%", with: "78")) == "r78")
    }

    @Test("a path pattern of a megabyte is refused with the limit", arguments: ["/" + String(repeating: "a", count: 1 << 20), String(repeating: "/:a", count: 1 << 18)])
    func longPath(path: String) {
        let update = compile("a: Path(\"\(path)\") -> <shunt>; b: PathSubtree(\"\(path)\") -> <shunt>; c: Path(\"/c\") -> <shunt>;")
        #expect(update.table.count == 1)
        #expect(update.diagnostics.map(\.refusal) == [.invalidMatcher, .invalidMatcher])
        for diagnostic in update.diagnostics {
            #expect(diagnostic.message.contains("at most 8192 bytes, found \(path.utf8.count)"))
            #expect(diagnostic.message.utf8.count < 300)
        }
    }

    @Test("a regexp too long, or one that grows too large, is refused with the reason")
    func largeRegexps() {
        let update = compile("""
            a: Host(/\(String(repeating: "a", count: 200_000))/) -> <shunt>; b: PathRegexp(/((a{100}){100}){100}/) -> <shunt>;
            c: Host(/^(\((0..<3000).map { "h\($0)[.]example[.]org" }.joined(separator: "|")))$/) -> <shunt>;
            """)
        #expect(Set(update.diagnostics.map(\.routeID)) == ["a", "b"])
        #expect(update.diagnostics.allSatisfy { $0.refusal == .invalidMatcher && $0.message.utf8.count < 1000 })
    }
}
