import Eskip
import Testing

@Suite("Documents, eskip.md §1-§3")
struct ParserTests {
    @Test("are read", arguments: [
        ("", []),
        (";;\n ;", []),
        ("// nothing\n", []),
        ("// nothing", []),
        ("a: Foo( // none\n) -> <shunt>", ["a"]),
        ("* -> <shunt>", [""]),
        ("Path(\"/\") -> \"http://h:1\"", [""]),
        ("a: * -> <shunt>;", ["a"]),
        ("a: * -> <shunt>", ["a"]),
        (";;;a: * -> <shunt>;;;; ;", ["a"]),
        ("a:*-><shunt>;b:Path(\"/b\")&&True()->f()->g(1)-><loopback>", ["a", "b"]),
        ("_9: * -> <shunt>; A_b9: * -> <dynamic>", ["_9", "A_b9"]),
        ("a // id\n: // colon\nPath // name\n( // open\n\"/\" // argument\n) -> // arrow\n<shunt> // ; not here", ["a"]),
        ("a: Path (\"/\")\r\n\t-> f\u{0B}\u{0C}( 1 )\r\n -> <shunt>\r\n;", ["a"]),
        ("a: * -> <shunt>; a: * -> <shunt>;", ["a", "a"]),
        ("a: Foo(/[/]/) -> <shunt>; b: Foo(/\\/;/) -> <shunt>", ["a", "b"]),
        ("a: * -> f(\";\", `;`, /;/) -> <shunt>; b: * -> <shunt>", ["a", "b"]),
        ("a: Header(\"X-A\", \"1\") && Header(\"x-a\", \"1\") -> <shunt>", ["a"]),
        ("a: Host(/a/) && Host(/b/) && PathRegexp(/a/) && PathRegexp(/b/) -> <shunt>", ["a"]),
        ("a: HeaderRegexp(\"A\", /1/) && HeaderRegexp(\"A\", /2/) -> <shunt>", ["a"]),
        ("a: PathSubtree() && PathSubtree(1) && Weight(\"1\") && Path(\"/a\") -> <shunt>", ["a"]),
        ("a: * -> <nope, \"http://127.0.0.1:1\">", ["a"]),
        ("a: * -> \"no-scheme\"; b: * -> \"\"", ["a", "b"]),
        ("a: inlineContent(\"x\") -> <shunt>", ["a"]),
    ] as [(String, [String])])
    func accepted(text: String, ids: [String]) {
        let parsed = RouteDocument.parse(text)
        #expect(parsed.errors.map(\.description) == [])
        #expect(parsed.document.map(\.id) == ids)
    }

    @Test("white space may be a lone 0x85 or 0xA0, which no UTF-8 text has")
    func bareHighBytes() {
        let parsed = RouteDocument.parse(bytes: Array("a:".utf8) + [0x85, 0xA0] + Array("* -> <shunt>".utf8))
        #expect(parsed.isValid)
    }

    @Test("are refused", arguments: [
        ("->", "1:1: expected a route id or a predicate, found \"->\""),
        ("a", "1:2: route \"a\": expected \":\" after the route id (ids are made of letters, digits and _), found the end"),
        ("a-b: * -> <shunt>", "1:2: route \"a\": expected \":\" after the route id (ids are made of letters, digits and _), found \"-\""),
        ("9a: * -> <shunt>", "1:1: expected a route id or a predicate, found the number 9"),
        ("a: -> <shunt>", "1:4: route \"a\": expected a predicate such as Path(\"/\") or *, found \"->\""),
        ("a: Path -> <shunt>", "1:9: route \"a\": expected \"(\" after Path: parentheses are needed even without arguments, found \"->\""),
        ("a: * -> f();", "1:12: route \"a\": expected \"->\" and a backend (a route ends in one such as \"http://host:port\" or <shunt>), found \";\""),
        ("a: *;", "1:5: route \"a\": expected \"&&\" and a predicate, or \"->\" and a filter or backend, found \";\""),
        ("* -> <shunt>;", "1:13: a route without an id is a document of its own: give it one, \"id: …;\", or drop the \";\""),
        ("; * -> <shunt>", "1:3: expected a route id, found \"*\""),
        ("a: * -> <shunt>; Foo() -> <shunt>", "1:18: a route in a list needs an id before its predicates, as in \"id: Foo(…)\""),
        ("/* c */ a: * -> <shunt>", "1:1: expected a route id or a predicate, found the regexp /* c */"),
        ("a: Foo(\"x\",) -> <shunt>", "1:12: route \"a\": expected an argument of Foo: a string, a number or a /regexp/, found \")\""),
        ("a: Foo(\"x\",,1) -> <shunt>", "1:12: route \"a\": expected an argument of Foo: a string, a number or a /regexp/, found \",\""),
        ("a: Foo(,) -> <shunt>", "1:9: route \"a\": expected an argument of Foo: a string, a number or a /regexp/, found \")\""),
        ("a: Foo(\"x\" 1) -> <shunt>", "1:12: route \"a\": expected \",\" or \")\" after an argument of Foo, found the number 1"),
        ("a: Foo(//) -> <shunt>", "1:8: route \"a\": // begins a comment, not an empty regexp: write \"\""),
        ("a: Foo('x') -> <shunt>", "1:8: route \"a\": strings stand in \" or `, not in '"),
        ("a: Foo(5.) -> <shunt>", "1:8: route \"a\": a number needs a digit behind its point, found \"5.\""),
        ("a: Foo(.) -> <shunt>", "1:8: route \"a\": a number needs a digit behind its point, found \".\""),
        ("a: Foo(-.) -> <shunt>", "1:8: route \"a\": a number needs a digit behind its point, found \"-.\""),
        ("a: Foo(- 1) -> <shunt>", "1:8: route \"a\": expected an argument of Foo: a string, a number or a /regexp/, found \"-\""),
        ("a: Foo(+5) -> <shunt>", "1:8: route \"a\": expected an argument of Foo: a string, a number or a /regexp/, found \"+\""),
        ("a: Foo(1e3) -> <shunt>", "1:9: route \"a\": expected \",\" or \")\" after an argument of Foo, found \"e3\""),
        ("a: Foo(1.2.3) -> <shunt>", "1:11: route \"a\": expected \",\" or \")\" after an argument of Foo, found the number .3"),
        ("a: Foo(\"x) -> <shunt>", "1:8: route \"a\": the string \"x) -> <shunt> has no closing \""),
        ("a: Foo(`x) -> <shunt>", "1:8: route \"a\": the string `x) -> <shunt> has no closing `"),
        ("a: Foo(/x[/) -> <shunt>", "1:8: route \"a\": the regexp /x[/) -> <shunt> has no closing /, or an open [ hides it"),
        ("a: * & Foo() -> <shunt>", "1:6: route \"a\": expected \"&&\" and a predicate, or \"->\" and a filter or backend, found \"&\""),
        ("a: * -> <>", "1:10: route \"a\": expected an endpoint such as \"http://10.0.0.1:8080\", found \">\""),
        ("a: * -> < shunt >", "1:17: route \"a\": expected \",\" and an endpoint after the algorithm shunt, found \">\""),
        ("a: * -> <SHUNT>", "1:15: route \"a\": expected \",\" and an endpoint after the algorithm SHUNT, found \">\""),
        ("a: * -> <\"http://h\", random>", "1:22: route \"a\": expected an endpoint such as \"http://10.0.0.1:8080\", found \"random\""),
        ("a: * -> <\"http://h\"", "1:20: route \"a\": expected \",\" or \">\" after an endpoint, found the end"),
        ("a: * -> <shunt> b: * -> <shunt>", "1:17: route \"a\": expected \";\" or the end of the document behind the backend, found \"b\""),
        ("\u{FEFF}a: * -> <shunt>", "1:1: the document begins with a byte order mark: save it as UTF-8 without one"),
        ("a:\u{A0}* -> <shunt>", "1:3: route \"a\": a no-break space stands where only plain white space may"),
        ("a: * -> f() -> ü", "1:16: route \"a\": expected a filter or a backend: \"http://host:port\", <shunt>, <loopback>, <dynamic>, <forward> or <\"http://…\", …>, found \"ü\""),
    ])
    func refused(text: String, error: String) {
        let parsed = RouteDocument.parse(text)
        #expect(parsed.errors.map(\.description) == [error])
        #expect(!parsed.isValid)
    }

    @Test("a number out of range is refused, however long")
    func hugeNumber() {
        let parsed = RouteDocument.parse("a: Foo(\(String(repeating: "9", count: 400))) -> <shunt>")
        #expect(parsed.errors.first?.message.contains("is out of range") == true)
    }

    @Test("everything wrong with a document is reported, each route on its own")
    func allErrors() {
        let text = """
            a: Path("/a" -> <shunt>;
            b: * -> <shunt>;
            c: Path("/c") && Path("/d") && Method(1) -> f( -> "http://h;";
            d: Foo(") ;") -> <shunt>
            """
        let parsed = RouteDocument.parse(text, sourceName: "shop.eskip")
        #expect(parsed.errors.map(\.description) == [
            "shop.eskip:1:14: route \"a\": expected \",\" or \")\" after an argument of Path, found \"->\"",
            "shop.eskip:3:18: route \"c\": a route has one Path at most; put the other in a route of its own",
            "shop.eskip:3:32: route \"c\": Method takes 1 string, found 1 argument, not a string",
            "shop.eskip:3:48: route \"c\": expected an argument of f: a string, a number or a /regexp/, found \"->\"",
        ])
        #expect(parsed.document.map(\.id) == ["b", "d"])
        #expect(!parsed.isTruncated)
    }

    @Test("a forgotten quote does not hide the errors behind it")
    func swallowedDefinitions() {
        let text = "a: Host(\"x) -> <shunt>;\nb: Host(\"x\") -> <shunt>;\nc: Host(\"x\", 1) -> <shunt>;\nd: * -> <shunt>;\n"
        let parsed = RouteDocument.parse(text)
        #expect(parsed.errors.map(\.description) == [
            "1:9: route \"a\": the string \"x) -> <shunt>; b: Host(\" takes in 2 lines and the beginning of another route: its closing \" seems to be missing",
            "3:4: route \"c\": Host takes 1 string, found 2 arguments, not all of them strings",
        ])
        #expect(parsed.document.map(\.id) == ["b", "d"])
    }

    @Test("a literal without an end is one error, and what it swallowed is read")
    func unterminatedLiteral() {
        let parsed = RouteDocument.parse("a: Host(/x) -> <shunt>;\nb: * -> <shunt>;\nc: * -> ;\n")
        #expect(parsed.errors.map(\.position.line) == [1, 3])
        #expect(parsed.document.map(\.id) == ["b"])
    }
}

@Suite("Arguments, eskip.md §1.1-§1.3")
struct LiteralTests {
    func arguments(_ text: String) throws -> [Argument] {
        let parsed = RouteDocument.parse("a: Foo(\(text)) -> <shunt>")
        try #require(parsed.errors.map(\.description) == [])
        return Array(parsed.document[0].predicates[0].arguments)
    }

    @Test("numbers are doubles", arguments: [
        ("3", 3), ("3.14", 3.14), (".5", 0.5), ("-.5", -0.5), ("-1", -1), ("007", 7), ("0", 0), ("-0", 0), ("-0.0", 0),
        ("2147483647", 2_147_483_647), ("-2147483648", -2_147_483_648), ("2147483648", 2_147_483_648),
        ("123456789012345678901", 123_456_789_012_345_683_968), ("0.1", 0.1),
        ("0.30000000000000004", 0.30000000000000004), ("1.7976931348623157", 1.7976931348623157),
        ("0000000000000000000000000000001", 1), ("-00000000000000000000.5", -0.5),
    ])
    func numbers(text: String, value: Double) throws {
        #expect(try arguments(text) == [.number(value)])
    }

    @Test("strings know a few escapes and keep the others, in both delimiters alike", arguments: [
        (#""""#, ""), ("``", ""), (#""a""#, "a"), ("`a`", "a"),
        (#""\a\b\f\n\r\t\v""#, "\u{07}\u{08}\u{0C}\n\r\t\u{0B}"), (#"`\n`"#, "\n"),
        (#""\\""#, "\\"), (#""\"""#, "\""), (#"`\``"#, "`"), (#""\`""#, "\\`"), (#"`\"`"#, "\\\""),
        (#""\d\.\w\'""#, #"\d\.\w\'"#), (#""\\b""#, #"\b"#), (#""\x41\u0041""#, #"\x41\u0041"#),
        ("\"a\nb\"", "a\nb"), ("\"grüße ✓ // ;\"", "grüße ✓ // ;"), ("\"/\"", "/"),
    ])
    func strings(text: String, value: String) throws {
        #expect(try arguments(text) == [.string(value)])
    }

    @Test("regexps are strings", arguments: [
        ("/a/", "a"), (#"/\//"#, "/"), (#"/\\/"#, #"\"#), (#"/\\\\/"#, #"\\"#), (#"/^\d+\.\w$/"#, #"^\d+\.\w$"#),
        ("/[/]/", "[/]"), ("/[^/]+/", "[^/]+"), (#"/[\]/]/"#, #"[\]/]"#), (#"/[\/]/"#, "[/]"), ("/a\nb/", "a\nb"),
        (#"/\n/"#, #"\n"#), ("/]/", "]"), (#"/"/"#, "\""),
    ])
    func regexps(text: String, value: String) throws {
        #expect(try arguments(text) == [.string(value)])
    }

    @Test("lists may begin with a comma")
    func leadingComma() throws {
        #expect(try arguments(", \"x\"") == ["x"])
        #expect(try arguments(",1,2") == [1, 2])
    }

    @Test("bytes that are no UTF-8 pass through")
    func invalidUTF8() {
        let parsed = RouteDocument.parse(bytes: Array("a: Foo(\"".utf8) + [0xFF, 0x85] + Array("\") -> <shunt>".utf8))
        let bytes = parsed.document[0].predicates[0].arguments.withStringBytes(at: 0) { Array($0) }
        #expect(bytes == [0xFF, 0x85])
    }
}

@Suite("What refuses a document that parses, eskip.md §3")
struct ValidationTests {
    @Test("refused", arguments: [
        ("a: Path(\"/\") && Path(\"/\") -> <shunt>", "a route has one Path at most; put the other in a route of its own"),
        ("a: Method(\"GET\") && Method(\"GET\") -> <shunt>", "a route has one Method at most; use Methods(…) for several"),
        ("a: Header(\"X\", \"1\") && Header(\"X\", \"2\") -> <shunt>", "a route has one Header(\"X\", …) at most"),
        ("a: Path() -> <shunt>", "Path takes 1 string, found no argument"),
        ("a: Path(1) -> <shunt>", "Path takes 1 string, found 1 argument, not a string"),
        ("a: Path(\"/a\", \"/b\") -> <shunt>", "Path takes 1 string, found 2 strings"),
        ("a: Host() -> <shunt>", "Host takes 1 string, found no argument"),
        ("a: PathRegexp(5) -> <shunt>", "PathRegexp takes 1 string, found 1 argument, not a string"),
        ("a: Method(\"GET\", 1) -> <shunt>", "Method takes 1 string, found 2 arguments, not all of them strings"),
        ("a: Header(\"X\") -> <shunt>", "Header takes 2 strings, a header's name and its value, found 1 string"),
        ("a: HeaderRegexp(\"X\") -> <shunt>", "HeaderRegexp takes 2 strings, a header's name and its value, found 1 string"),
        ("a: * -> <\"http://a\", \"https://b\">", "the endpoints of a backend share one scheme, found http and https"),
        ("a: * -> <\"no-scheme\">", "an endpoint is an absolute URI such as \"http://10.0.0.1:8080\", found \"no-scheme\""),
        ("a: * -> <\"\">", "an endpoint is an absolute URI such as \"http://10.0.0.1:8080\", found \"\""),
        ("a: * -> <\"http:h\">", "an endpoint is an absolute URI such as \"http://10.0.0.1:8080\", found \"http:h\""),
        ("a: * -> <\"_x://h\">", "an endpoint is an absolute URI such as \"http://10.0.0.1:8080\", found \"_x://h\""),
        ("a: * -> <\"http://h:x\">", "the port of the endpoint \"http://h:x\" is not a number"),
        ("a: * -> <\"http://h h\">", "the endpoint \"http://h h\" holds the byte 0x20, which no URI has"),
        ("a: * -> <\"http://h\\n\">", "the endpoint \"http://h\\n\" holds the byte 0xa, which no URI has"),
        ("a: * -> <\"http://h/%zz\">", "the endpoint \"http://h/%zz\" has a % without two hexadecimal digits"),
        ("a: * -> <\"http://%zz\">", "the endpoint \"http://%zz\" has a % without two hexadecimal digits"),
        ("a: * -> <\"http://[::1\">", "the IPv6 address of the endpoint \"http://[::1\" has no closing ], or more than a port behind it"),
        ("a: * -> <\"http://[::1]80\">", "the IPv6 address of the endpoint \"http://[::1]80\" has no closing ], or more than a port behind it"),
        ("a: * -> <\"http://u@[::1/x]\">", "the IPv6 address of the endpoint \"http://u@[::1/x]\" has no closing ], or more than a port behind it"),
    ])
    func refused(text: String, message: String) {
        #expect(RouteDocument.parse(text).errors.map(\.message) == [message])
    }

    @Test("endpoints of one scheme pass, written in any case", arguments: [
        "<\"http://a\", \"HTTP://b:80/base?x=1\">", "<\"http://[::1]:8080\">", "<\"http://[::1]\", \"http://u:p@h:80/[x\">", "<\"https://a:\">", "<\"fastcgi://h/%2f\">",
    ])
    func accepted(backend: String) {
        #expect(RouteDocument.parse("a: * -> \(backend)").errors.map(\.message) == [])
    }
}
