import Bytes
import Filters
import HTTP
import Testing

@testable import Routing

/// Whether a route of these predicates alone takes the request.
func holds(_ predicates: String, _ request: SampleRequest = SampleRequest(), _ services: FixedServices = FixedServices()) -> Bool {
    RoutingTable.of("r: \(predicates) -> <shunt>;").route(request, services) == "r"
}

/// Why a route of these predicates is left out; nil if it is not.
func refusal(_ predicates: String) -> RouteRefusal? {
    RouteCompiler.sample().load("r: \(predicates) -> <shunt>;").diagnostics.first?.refusal
}

@Suite("Predicates of the tree and of requests (predicates.md)")
struct PredicateTests {
    @Test("Host", arguments: [
        ("^a[.]example[.]org$", "a.example.org", true), ("^a[.]example[.]org$", "a.example.org:80", false),
        ("^a[.]example[.]org$", "A.example.org", false), ("^a[.]example[.]org$", "a.example.org.", false),
        ("^b[.]example[.]org(:8080)?$", "b.example.org:8080", true), ("^b[.]example[.]org(:8080)?$", "b.example.org:9090", false),
        ("(?i)^c[.]org$", "C.ORG", true), ("part", "department.x", true), ("^$", "", true),
    ])
    func host(pattern: String, host: String, expected: Bool) {
        #expect(holds("Host(\"\(pattern)\")", SampleRequest(host: host)) == expected)
    }

    @Test("all Host regexps must match", arguments: [("d.x.net", true), ("d.x.org", false), ("e.x.net", false)])
    func hosts(host: String, expected: Bool) {
        #expect(holds("Host(/^d[.]/) && Host(/[.]net$/)", SampleRequest(host: host)) == expected)
    }

    @Test("HostAny", arguments: [("a.org", true), ("b.org:81", true), ("b.org", false), ("A.org", false), ("a.org.", false), ("", false)])
    func hostAny(host: String, expected: Bool) {
        #expect(holds("HostAny(\"a.org\",\"b.org:81\")", SampleRequest(host: host)) == expected)
    }

    @Test("PathRegexp sees the cleaned path with its slash", arguments: [
        ("^/r", "/r/x", true), ("x$", "/r/x", true), ("x$", "/r/x/", false), ("[.]png$", "/a/b.png?x=1", true), ("^/r/x$", "//r//x", true),
        ("^/r", "/%72/y", true), ("(?i)^/case$", "/CASE", true), ("^/f/\\\\d+$", "/f/1a", false),
    ])
    func pathRegexp(pattern: String, target: String, expected: Bool) {
        #expect(holds("PathRegexp(\"\(pattern)\")", SampleRequest(target)) == expected)
    }

    @Test("Method is case-sensitive", arguments: [("GET", "GET", true), ("GET", "get", false), ("get", "get", true), ("PURGE", "PURGE", true), ("PURGE", "PURGED", false), ("get", "GET", false)])
    func method(argument: String, method: String, expected: Bool) {
        #expect(holds("Method(\"\(argument)\")", SampleRequest(method: method)) == expected)
    }

    @Test("Methods is not", arguments: [("GET", true), ("post", true), ("PUT", false), ("PURGE", false), ("OPTIONS", true)])
    func methods(method: String, expected: Bool) {
        #expect(holds("Methods(\"get\",\"POST\",\"post\",\"OPTIONS\")", SampleRequest(method: method)) == expected)
    }

    @Test("Header", arguments: [
        ([("X-A", "1")], true), ([("x-a", "1")], true), ([("X-A", "2"), ("X-A", "1")], true), ([("X-A", "2")], false), ([("X-A", "")], false), ([], false),
    ] as [([(String, String)], Bool)])
    func header(headers: [(String, String)], expected: Bool) {
        #expect(holds("Header(\"X-a\",\"1\")", SampleRequest(headers: headers)) == expected)
    }

    @Test("an empty header value must be there to match")
    func emptyHeader() {
        #expect(holds("Header(\"X-A\",\"\")", SampleRequest(headers: [("X-A", "")])))
        #expect(!holds("Header(\"X-A\",\"\")"))
    }

    @Test("Host is no header to predicates", arguments: ["Header(\"Host\",\"h\")", "HeaderRegexp(\"host\",/./)"])
    func hostHeader(predicates: String) {
        #expect(!holds(predicates, SampleRequest(host: "h")))
    }

    @Test("HeaderRegexp: each must match some value", arguments: [
        ([("X-A", "19")], true), ([("X-A", "1"), ("X-A", "9")], true), ([("X-A", "1")], false), ([], false),
    ] as [([(String, String)], Bool)])
    func headerRegexp(headers: [(String, String)], expected: Bool) {
        #expect(holds("HeaderRegexp(\"X-A\",\"^1\") && HeaderRegexp(\"x-a\",\"9$\")", SampleRequest(headers: headers)) == expected)
    }

    @Test("Cookie: the first of the name decides", arguments: [
        (["s=v1"], true), (["a=b; s=v"], true), (["s=x"], false), (["S=v"], false), (["s=x; s=v"], false), (["s=\"v\""], true), ([], false),
        (["a=b", "s=v"], true), (["s"], false), ([" s = v"], false), (["xs=v"], false),
    ])
    func cookie(lines: [String], expected: Bool) {
        #expect(holds("Cookie(\"s\",\"^v\")", SampleRequest(headers: lines.map { ("Cookie", $0) })) == expected)
    }

    @Test("QueryParam", arguments: [
        ("QueryParam(\"q\")", "/?q", true), ("QueryParam(\"q\")", "/?q=", true), ("QueryParam(\"q\")", "/?a=1&q=2", true), ("QueryParam(\"q\")", "/?qq=1", false),
        ("QueryParam(\"q\")", "/", false), ("QueryParam(\"q\",/^2$/)", "/?q=1&q=2", true), ("QueryParam(\"q\",/^2$/)", "/?q=12", false),
        ("QueryParam(\"q\",/^$/)", "/", false), ("QueryParam(\"a b\",/^c d$/)", "/?a+b=c%20d", true), ("QueryParam(\"q\")", "/?%71=1", true),
        ("QueryParam(\"q\")", "/?q=%zz", false), ("QueryParam(\"q\")", "/?q=1;x", false), ("QueryParam(\"q\",/=/)", "/?q=a=b", true),
    ])
    func queryParameter(predicates: String, target: String, expected: Bool) {
        #expect(holds(predicates, SampleRequest(target)) == expected)
    }

    @Test("constants", arguments: [("True()", true), ("True(\"x\",1)", true), ("False()", false), ("False(1)", false), ("Shutdown(\"x\")", false), ("*", true), ("Any()", true)])
    func constants(predicates: String, expected: Bool) { #expect(holds(predicates) == expected) }

    @Test("Shutdown follows the flag")
    func shutdown() {
        let environment = PredicateEnvironment()
        let table = RouteCompiler.sample(environment: environment).load("r: Shutdown() -> <shunt>;").table
        #expect(table.route("/") == nil)
        environment.shutdown.set()
        #expect(table.route("/") == "r")
    }

    @Test("ContentLengthBetween", arguments: [
        (BodyFraming.none, false), (.length(0), false), (.length(4), false), (.length(5), true), (.length(9), true), (.length(10), false), (.chunked, false),
    ])
    func contentLength(framing: BodyFraming, expected: Bool) {
        var request = SampleRequest(method: "POST")
        request.framing = framing
        #expect(holds("ContentLengthBetween(5,10)", request) == expected)
        #expect(holds("ContentLengthBetween(0,1)", request) == (framing.isEmpty))
    }

    @Test("Tee sees the mark of the copy, not a header")
    func tee() {
        let table = RoutingTable.of("r: Tee(\"shadow\") -> <shunt>;")
        #expect(table.route(SampleRequest(headers: [("x-tee-loopback-key", "shadow")])) == nil)
        for (label, expected) in [("shadow", true), ("shadows", false), ("", false)] {
            SampleRequest().withContext { context in
                context.settings.teeLabel = label.withBytes { context.request.headers.add($0) }
                #expect((table.match(context) != nil) == expected)
            }
        }
    }

    @Test("HeaderSHA256 looks at the first value", arguments: [
        ([("X-K", "bob")], true), ([("X-K", "Bob")], false), ([], false), ([("X-K", "other"), ("X-K", "bob")], false),
        ([("X-K", "bob"), ("X-K", "other")], true), ([("X-K", "")], false),
    ] as [([(String, String)], Bool)])
    func digest(headers: [(String, String)], expected: Bool) {
        let bob = "81b637d8fcd2c6da6359e6963113a1170de795e4b725b84d1e0b4cfd9ec58ce9"
        let nothing = "E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855"
        #expect(holds("HeaderSHA256(\"X-K\",\"\(bob)\",\"\(nothing)\")", SampleRequest(headers: headers)) == expected)
    }
}

@Suite("Predicates about the client and its traffic (predicates.md)")
struct TrafficPredicateTests {
    @Test("Source goes by the first forwarded address", arguments: [
        ([], false), (["10.1.2.3"], true), (["10.1.2.3, 8.8.8.8"], true), (["8.8.8.8, 10.1.2.3"], false), (["192.168.1.1"], true), (["192.168.1.2"], false),
        (["10.1.2.3:5555"], true), (["2001:db8::5"], true), (["[2001:db8::5]:80"], true), (["unknown"], false), ([""], false), (["::ffff:10.1.2.3"], true),
        (["10.1.2.3 , 8.8.8.8"], false), (["10.1.2.3", "8.8.8.8"], true), (["8.8.8.8", "10.1.2.3"], false), (["10.255.255.255,x"], true), (["fe80::1%eth0"], false),
    ])
    func source(lines: [String], expected: Bool) {
        let request = SampleRequest(headers: lines.map { ("X-Forwarded-For", $0) })
        #expect(holds("Source(\"10.0.0.0/8\",\"192.168.1.1\",\"2001:db8::/32\")", request) == expected)
        #expect(holds("Source(\"127.0.0.1\")", request) == (lines.isEmpty || ["unknown", "", "10.1.2.3 , 8.8.8.8", "fe80::1%eth0"].contains(lines[0])))
    }

    @Test("SourceFromLast goes by the last one of all lines", arguments: [
        (["8.8.8.8, 10.1.2.3"], true), (["10.1.2.3, 8.8.8.8"], false), (["10.1.2.3:77"], true), (["10.1.2.3, junk"], false), (["8.8.8.8,  10.1.2.3  "], true),
        (["10.1.2.3", "8.8.8.8"], false), (["8.8.8.8", "10.1.2.3"], true), ([], false),
    ])
    func sourceFromLast(lines: [String], expected: Bool) {
        #expect(holds("SourceFromLast(\"10.0.0.0/8\")", SampleRequest(headers: lines.map { ("X-Forwarded-For", $0) })) == expected)
    }

    @Test("ClientIP goes by the peer")
    func clientIP() {
        let request = SampleRequest(headers: [("X-Forwarded-For", "10.1.2.3")])
        #expect(holds("ClientIP(\"127.0.0.0/8\")", request))
        #expect(!holds("ClientIP(\"10.0.0.0/8\")", request))
    }

    @Test("Forwarded", arguments: [
        ("host=a.org", true), ("for=1.2.3.4;host=a.org;proto=https", true), ("host=b.org, host=a.org", true), ("host=a.org, host=b.org", false),
        ("host=\"a.org\"", true), ("Host=a.org", false), ("host=a.org, host=", true), ("for=1.2.3.4", false),
    ])
    func forwardedHost(value: String, expected: Bool) {
        #expect(holds("ForwardedHost(/^a[.]org$/)", SampleRequest(headers: [("Forwarded", value)])) == expected)
    }

    @Test("a Forwarded field without a host is an empty text; without the field nothing matches")
    func forwardedHostMissing() {
        #expect(holds("ForwardedHost(/^$/)", SampleRequest(headers: [("Forwarded", "for=1.2.3.4")])))
        #expect(!holds("ForwardedHost(/^$/)"))
    }

    @Test("ForwardedProtocol", arguments: [("proto=https", true), ("proto=http", false), ("proto=http, proto=https", true), ("proto=HTTPS", false), ("for=a", false)])
    func forwardedProtocol(value: String, expected: Bool) {
        #expect(holds("ForwardedProtocol(\"https\")", SampleRequest(headers: [("Forwarded", value)])) == expected)
    }

    @Test("OTelBaggage", arguments: [
        ("OTelBaggage(\"k\")", "k=v", true), ("OTelBaggage(\"k\")", "a=b, k=v;p=1", true), ("OTelBaggage(\"k\")", "kk=v", false),
        ("OTelBaggage(\"k\",\"v\")", "k=v", true), ("OTelBaggage(\"k\",\"v\")", "k=w", false), ("OTelBaggage(\"k\",\"a b\")", "k=a%20b;p", true),
        ("OTelBaggage(\"k\")", "k", false), ("OTelBaggage(\"k\",\"v\")", " k = v ;p", true),
    ])
    func baggage(predicates: String, value: String, expected: Bool) {
        #expect(holds(predicates, SampleRequest(headers: [("Baggage", value)])) == expected)
    }

    @Test("Traffic draws anew", arguments: [(0.3, 0.29, true), (0.3, 0.3, false), (0, 0, false), (1, 0.999, true)])
    func traffic(chance: Double, draw: Double, expected: Bool) {
        let services = FixedServices()
        services.draw(draw)
        #expect(holds("Traffic(\(chance))", SampleRequest(), services) == expected)
    }

    @Test("Traffic with a cookie keeps clients in their group", arguments: [("group=A", 0.9, true), ("group=B", 0.0, false), ("x=1", 0.1, true), ("x=1", 0.6, false)])
    func stickyTraffic(cookie: String, draw: Double, expected: Bool) {
        let services = FixedServices()
        services.draw(draw)
        #expect(holds("Traffic(0.5,\"group\",\"A\")", SampleRequest(headers: [("Cookie", cookie)]), services) == expected)
    }

    @Test("TrafficSegment: one draw for all segments", arguments: [(0.0, "a"), (0.39, "a"), (0.4, "b"), (0.99, "b")])
    func segments(draw: Double, expected: String) {
        let services = FixedServices()
        services.draw(draw, 0.1, 0.9)
        let table = RoutingTable.of("a: TrafficSegment(0,0.4) -> <shunt>; b: TrafficSegment(0.4,1) -> <shunt>; c: TrafficSegment(0.4,0.4) -> <shunt>;")
        #expect(table.route(SampleRequest(), services) == expected)
        #expect(services.words.count == 2)
    }
}

@Suite("Claims of bearer tokens (predicates.md)")
struct ClaimsPredicateTests {
    /// `{"iss":"https://a","sub":"x\"y","n":1,"deep":{"iss":"b"},"role":"r1","role":"r2"}`
    private let token = "Bearer h.eyJpc3MiOiJodHRwczovL2EiLCJzdWIiOiJ4XCJ5IiwibiI6MSwiZGVlcCI6eyJpc3MiOiJiIn0sInJvbGUiOiJyMSIsInJvbGUiOiJyMiJ9.s"

    @Test("with a token", arguments: [
        ("JWTPayloadAnyKV(\"iss\",\"https://a\")", true), ("JWTPayloadAnyKV(\"iss\",\"b\")", false), ("JWTPayloadAnyKV(\"iss\",\"b\",\"role\",\"r2\")", true),
        ("JWTPayloadAllKV(\"iss\",\"https://a\",\"role\",\"r2\")", true), ("JWTPayloadAllKV(\"iss\",\"https://a\",\"role\",\"r1\")", false),
        ("JWTPayloadAllKV(\"n\",\"1\")", false), ("JWTPayloadAnyKV(\"sub\",\"x\\\"y\")", true), ("JWTPayloadAnyKVRegexp(\"iss\",/^https:/)", true),
        ("JWTPayloadAllKVRegexp(\"iss\",/a$/,\"role\",/^r/)", true), ("JWTPayloadAllKVRegexp(\"iss\",/a$/,\"nope\",/./)", false),
        ("JWTPayloadAllKV(\"iss\",\"https://a\",\"iss\",\"b\")", false),
    ])
    func claims(predicates: String, expected: Bool) {
        #expect(holds(predicates, SampleRequest(headers: [("Authorization", token)])) == expected)
    }

    @Test("what is no token has no claims", arguments: [
        "", "bearer h.eyJpc3MiOiJodHRwczovL2EifQ.s", "Bearer h.eyJpc3MiOiJodHRwczovL2EifQ", "Bearer a.b.c.d", "Bearer h.!!!.s", "Bearer h.e30.s",
        "Bearer h.eyJpc3MiOiJodHRwczovL2EifQ==.s", "Basic eDp5",
    ])
    func noToken(value: String) {
        #expect(!holds("JWTPayloadAnyKVRegexp(\"iss\",/./)", SampleRequest(headers: [("Authorization", value)])))
    }

    @Test("JSON is read strictly", arguments: [
        ("{}", true), (" { \"a\" : \"b\" } ", true), ("{\"a\":[1,-0.5e+3,true,false,null,{\"b\":[]}]}", true), ("{\"a\":\"\\u00e9\\n\"}", true),
        ("", false), ("[]", false), ("{\"a\":1", false), ("{\"a\":01}", false), ("{\"a\":1,}", false), ("{\"a\":.5}", false), ("{a:1}", false),
        ("{\"a\":\"\\x\"}", false), ("{\"a\":\"\n\"}", false), ("{\"a\":tru}", false), ("{} x", false), ("{\"a\":1e}", false),
        ("{\"a\":" + String(repeating: "[", count: 100) + String(repeating: "]", count: 100) + "}", false),
    ])
    func json(text: String, isWellFormed: Bool) {
        #expect(text.withBytes { JSONText.forEachStringMember($0) { _, _ in } } == isWellFormed)
    }

    @Test("escapes in strings", arguments: [("\\u00e9", "é"), ("\\ud83d\\ude00", "😀"), ("\\ud83d", "\u{FFFD}"), ("\\ude00x", "\u{FFFD}x"), ("a\\\\\\/\\\"\\t", "a\\/\"\t")])
    func escapes(raw: String, text: String) {
        var found: String?
        let isWellFormed = "{\"k\":\"\(raw)\"}".withBytes { json in
            JSONText.forEachStringMember(json) { _, value in found = value?.withText { String(decoding: $0, as: UTF8.self) } }
        }
        #expect(isWellFormed)
        #expect(found == text)
    }
}
