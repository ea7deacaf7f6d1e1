import Eskip
import Testing

@testable import Routing

@Suite("Findings of the lint")
struct RouteLintTests {
    private func findings(_ text: String) -> [String] {
        RouteLint.findings(in: Array(RouteDocument.parse(text).document)).map { "\($0.kind.rawValue) \($0.routeID)" }
    }

    @Test("nothing to say", arguments: [
        "a: Path(\"/a\") -> <shunt>; b: Path(\"/b\") -> <shunt>; c: * -> <shunt>;",
        "a: Path(\"/a\") && Method(\"GET\") -> <shunt>; b: Path(\"/a\") -> <shunt>;",
        "a: PathSubtree(\"/a\") -> <shunt>; b: Path(\"/a/**\") && Method(\"GET\") -> <shunt>;",
        "a: Path(\"/a/**\") -> <shunt>; b: PathSubtree(\"/a\") -> <shunt>;",
        "a: Traffic(0.5) -> <shunt>; b: Traffic(0.5) -> <shunt>;",
        "a: Path(\"/**\") -> <shunt>; b: * -> <shunt>;",
        "a: PathSubtree(\"/\") && Method(\"GET\") -> <shunt>; b: Host(/^x$/) -> <shunt>;",
        "a: * -> setPath(\"/x\") -> inlineContent(\"x\") -> <shunt>;",
        "a: Host(/^([^.]+[.]example[.]org[.]?(:[0-9]+)?)$/) -> <shunt>;",
        "a: * -> inlineContent(\"x\") -> comment(\"y\") -> fadeIn(\"1s\") -> <shunt>;",
        "a: Path(\"/100%\") && Method(\"PURGE\") && Header(\"X-Host\", \"a\") -> \"http://a:80/\"; b: Path(\"/%zz\") && Method(\"purge\") -> <\"http://a\", \"http://b/\">;",
        "bad: Path(\"/a*\") -> <shunt>; good: Path(\"/a\") -> <shunt>;",
    ])
    func silent(text: String) { #expect(findings(text) == []) }

    @Test("what is probably not meant", arguments: [
        ("a: Path(\"/a\") -> <shunt>; a: Path(\"/b\") -> <shunt>;", "duplicate_id a"),
        ("a: Path(\"/a/:x\") -> <shunt>; b: Path(\"/a/:y\") -> <shunt>;", "unreachable b"),
        ("b: Path(\"/a\") && Weight(2) -> <shunt>; a: Path(\"/a\") && Method(\"GET\") -> <shunt>;", "unreachable a"),
        ("z: Path(\"/a\") && Host(/^x$/) && Weight(9) -> <shunt>; a: Path(\"/a\") && Method(\"GET\") && Host(/^x$/) -> <shunt>;", "unreachable a"),
        ("a: PathSubtree(\"/a\") && Weight(1) -> <shunt>; b: Path(\"/a/**\") -> <shunt>;", "unreachable b"),
        ("a: PathSubtree(\"/\") -> <shunt>; b: Host(/^x$/) && Weight(1000) -> <shunt>;", "shadowed b"),
        ("a: PathSubtree(\"/\") && Host(/^x$/) -> <shunt>; b: Host(/^x$/) && PathRegexp(/^.b/) -> <shunt>;", "shadowed b"),
        ("a: Host(/example/) -> <shunt>;", "unindexed_regexp a"), ("a: Host(/(?i)^x$/) -> <shunt>;", "unindexed_regexp a"),
        ("a: * -> inlineContent(\"x\") -> setPath(\"/x\") -> <shunt>;", "unused_filter a"),
        ("a: * -> <shunt>; b: * -> <shunt>;", "unreachable b"),
        ("a: * -> inlineContent(\"x\") -> comment(\"y\") -> status(201) -> <shunt>;", "unused_filter a"),
        ("a: * -> \"http://h/path\";", "ignored_path a"), ("a: * -> \"http://h?x=1\";", "ignored_path a"), ("a: * -> <\"http://h/\", \"http://g//\">;", "ignored_path a"),
        ("a: Path(\"/a?b=1\") -> <shunt>;", "odd_argument a"), ("a: PathSubtree(\"/a%20b\") -> <shunt>;", "odd_argument a"), ("a: Method(\"Post\") -> <shunt>;", "odd_argument a"),
        ("a: Header(\"host\", \"x\") -> <shunt>;", "odd_argument a"), ("a: HeaderRegexp(\"Host\", /x/) -> <shunt>;", "odd_argument a"),
    ])
    func found(text: String, expected: String) { #expect(findings(text) == [expected]) }

    @Test("messages say where, what and why")
    func messages() {
        let document = RouteDocument.parse("a: Path(\"/a\") -> <shunt>;\nb: Path(\"/a\")\n  -> redirectTo(308) -> setPath(\"/x\") -> <shunt>;", sourceName: "shop.eskip").document
        #expect(RouteLint.findings(in: Array(document)).map(\.description) == [
            "shop.eskip:2:1: route \"b\": is never reached: \"a\" comes first and takes all its requests",
            "shop.eskip:3:25: route \"b\": setPath never runs, because redirectTo before it answers the request",
        ])
    }
}
