import Eskip
import Testing

@Suite("Predicate lists and filter chains alone, eskip.md §2")
struct ListTests {
    @Test("predicate lists: * goes, Any stays, nothing is checked", arguments: [
        ("", []), ("  // nothing", []), ("*", []), ("* && *", []), ("Any()", [CallValue("Any")]),
        ("Path(\"/a\") && Method(\"GET\")", [CallValue("Path", "/a"), CallValue("Method", "GET")]),
        ("Path(1) && Path() && *", [CallValue("Path", 1), CallValue("Path")]),
    ] as [(String, [CallValue])])
    func predicates(text: String, calls: [CallValue]) {
        let parsed = CallList.parsePredicates(text)
        #expect(parsed.errors.map(\.description) == [])
        #expect(parsed.calls.values == calls)
    }

    @Test("filter chains", arguments: [
        ("", []), ("// nothing", []), ("a() -> b(\"\\n\", 2)", [CallValue("a"), CallValue("b", "\n", 2)]),
    ] as [(String, [CallValue])])
    func filters(text: String, calls: [CallValue]) {
        let parsed = CallList.parseFilters(text)
        #expect(parsed.errors.map(\.description) == [])
        #expect(parsed.calls.values == calls)
    }

    @Test("bad predicate lists", arguments: [
        ("Foo", "1:4: expected \"(\" after Foo: parentheses are needed even without arguments, found the end"),
        ("Foo() &&", "1:9: expected a predicate such as Path(\"/\") or *, found the end"),
        ("Foo() -> f()", "1:7: expected \"&&\" and a predicate, or the end, found \"->\""),
        ("Foo();", "1:6: expected \"&&\" and a predicate, or the end, found \";\""),
        ("&& Foo()", "1:1: expected a predicate such as Path(\"/\") or *, found \"&&\""),
    ])
    func badPredicates(text: String, error: String) {
        #expect(CallList.parsePredicates(text).errors.map(\.description) == [error])
    }

    @Test("bad filter chains", arguments: [
        ("f() && g()", "1:5: expected \"->\" and a filter, or the end, found \"&&\""),
        ("*", "1:1: expected a filter, found \"*\""),
        ("f() ->", "1:7: expected a filter, found the end"),
        ("f() -> <shunt>", "1:8: expected a filter, found \"<shunt>\""),
        ("f(\"x)", "1:3: the string \"x) has no closing \""),
    ])
    func badFilters(text: String, error: String) {
        #expect(CallList.parseFilters(text).errors.map(\.description) == [error])
    }

    @Test("every error of a list is reported")
    func allErrors() {
        #expect(CallList.parseFilters("f(5.) -> g() -> h(;) -> i()").errors.map(\.position.column) == [3, 19])
    }
}
