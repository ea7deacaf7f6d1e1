import Bytes
import Eskip
import Filters
import HTTP
import Testing

@Suite struct PathFilterTests {
    typealias PathCase = (calls: [CallValue], before: String, after: String)

    static let pathCases: [PathCase] = [
        ([CallValue("setPath", "/new")], "/old?q=1", "/new?q=1"),
        ([CallValue("setPath", "")], "/old", "/"),
        ([CallValue("setPath", "new")], "/old", "/new"),
        ([CallValue("setPath", "/n/${request.query.q}/${nope}")], "/d?q=7", "/n/7/?q=7"),
        ([CallValue("setPath", "/p?${request.query.q}")], "/h?q=a", "/p%3Fa?q=a"),
        ([CallValue("setPath", "/a b/ä%2F")], "/", "/a%20b/%C3%A4%252F"),
        ([CallValue("setPath", "/a/b c")], "/a%2Fb%20c", "/a%2Fb%20c"),
        ([CallValue("modPath", "^/a", "/b")], "/a/a%20x", "/b/a%20x"),
        ([CallValue("modPath", "a", "b")], "/a/a%2Fa", "/b/b/b"),
        ([CallValue("modPath", "nope", "b")], "/a%2Fb%21", "/a%2Fb%21"),
        ([CallValue("modPath", "/(\\w+)/(?P<rest>.*)", "/${rest}/$1")], "/x/y/z", "/y/z/x"),
        ([CallValue("modPath", "", "-")], "/ab", "/-/-a-b-"),
        ([CallValue("setPath", "/p1"), CallValue("modPath", "1", "2"), CallValue("setQuery", "a", "b")], "/e?z=1", "/p2?a=b&z=1"),
        ([CallValue("rfcPath")], "/a%2Fb%20c", "/a%2Fb%20c"),
        ([CallValue("rfcPath"), CallValue("modPath", "^/a", "/b")], "/a%2fb%20c%25", "/b%2Fb%20c%25"),
        ([CallValue("setQuery", "a", "b")], "/p", "/p?a=b"),
        ([CallValue("setQuery", "a", "b")], "/p?z=%20b&a=1&a=2&y", "/p?a=b&y=&z=+b"),
        ([CallValue("setQuery", "ä b", "c&d=e")], "/p?a=1", "/p?a=1&%C3%A4+b=c%26d%3De"),
        ([CallValue("setQuery", "k${request.query.q}", "v-${request.header.Host}")], "/e?q=1", "/e?k1=v-&q=1"),
        ([CallValue("setQuery", "raw=1&x")], "/p?a=1", "/p?raw=1&x"),
        ([CallValue("setQuery", "${request.query.q}")], "/p?q=a%20b%23", "/p?a%20b%23"),
        ([CallValue("setQuery", "")], "/p?a=1", "/p"),
        ([CallValue("dropQuery", "a")], "/p?b=2&a=1&a=3", "/p?b=2"),
        ([CallValue("dropQuery", "a")], "/p?a=1", "/p"),
        ([CallValue("dropQuery", "a")], "/p?%61=1&c=%41", "/p?c=A"),
        ([CallValue("dropQuery", "${request.query.n}")], "/p?n=x&x=1", "/p?n=x"),
        // Pairs that Go cannot read are lost when a query is written again.
        ([CallValue("dropQuery", "a")], "/p?b=%zz&c=1;d=2&e=5", "/p?e=5"),
        ([CallValue("dropQuery", "a")], "/p?z=1&z=0&y=1&&y=0", "/p?y=1&y=0&z=1&z=0"),
        ([CallValue("stripQuery")], "/p?a=1", "/p"),
        ([CallValue("stripQuery", "true", 1)], "/p?a=1", "/p"),
    ]

    @Test(arguments: pathCases.indices)
    func targets(index: Int) throws {
        let test = Self.pathCases[index]
        let trial = try FilterTrial(test.calls, target: test.before).request()
        #expect(trial.target == test.after, "\(test.calls)")
    }

    @Test func rfcPathShowsReservedCharactersEncoded() throws {
        let trial = try FilterTrial(CallValue("rfcPath"), target: "/a%2Fb%3f%20c//d").request()
        #expect(trial.context.request.decodedPath.text == "/a%2Fb%3F c//d")
        #expect(trial.context.request.matchPath.text == "/a%2Fb%3F c/d")
    }

    @Test func routesMatchTheChangedPath() throws {
        let trial = try FilterTrial(CallValue("setPath", "/x//y/../z"), target: "/a").request()
        #expect(trial.context.request.matchPath.text == "/x/z")
    }

    @Test func strippedParametersBecomeFields() throws {
        let trial = try FilterTrial(CallValue("stripQuery", "TRUE"), target: "/p?a_b=1+2&c=%0d%0ax&a_b=3&bad=%z").request()
        #expect(trial.target == "/p")
        #expect(trial.requestField("X-Query-Param-ab") == ["1 2", "3"])
        #expect(trial.requestField("X-Query-Param-c") == ["  x"])
        #expect(trial.requestField("X-Query-Param-bad") == [])
    }

    /// 20,000 parameters in the worst order take no quadratic time.
    @Test func manyParametersAreSorted() throws {
        let names = (0..<20_000).map { String(99_999 - $0) }
        let trial = try FilterTrial(CallValue("dropQuery", "x"), target: "/?" + names.joined(separator: "&")).request()
        #expect(trial.context.request.query.text == names.reversed().map { $0 + "=" }.joined(separator: "&"))
    }

    @Test(arguments: [
        CallValue("setPath"), CallValue("setPath", 1), CallValue("setPath", "a", "b"), CallValue("modPath", "a"), CallValue("modPath", "(", "b"),
        CallValue("modPath", "(?=a)", "b"), CallValue("setQuery"), CallValue("setQuery", "a", "b", "c"), CallValue("setQuery", "a", 1),
        CallValue("dropQuery"), CallValue("dropQuery", 1), CallValue("stripQuery", 1), CallValue("redirectTo"), CallValue("redirectTo", "302", "/x"),
        CallValue("redirectTo", 302, 1), CallValue("redirectTo", 302, "/x", "y"), CallValue("redirectTo", 99), CallValue("redirectTo", 1000),
        CallValue("redirectTo", 302, "/%zz"), CallValue("redirectTo", 302, "/a\r\nX: y"), CallValue("redirectTo", 302, "mailto:a"),
        CallValue("redirectTo", 302, "http://[::1"), CallValue("redirectTo", 302, "//[::1]x/"), CallValue("redirectTo", 302, "http://h:port/"),
        CallValue("redirectTo", 302, "http://a b/"), CallValue("redirectToLower", 302, "http://a\\b"), CallValue("redirect", 302, "https://a:80:90"),
    ])
    func refusesArguments(call: CallValue) {
        #expect(refusal(call) != nil, "\(call)")
    }

    @Test(arguments: [
        CallValue("stripQuery", 1, 2), CallValue("redirectTo", 302.7, "/x"), CallValue("redirectToLower", 301),
        CallValue("redirectTo", 302, "http://[::1]:80/x"), CallValue("redirectTo", 302, "//[::1]"), CallValue("redirectTo", 302, "http://h:/"),
        CallValue("redirectTo", 302, "http://u:p@münchen.example:81"), CallValue("redirectTo", 302, "http:///x"),
    ])
    func toleratesArguments(call: CallValue) {
        #expect(refusal(call) == nil)
    }
}

@Suite struct RedirectionTests {
    @Test(arguments: [
        ("https:", "/Ab/C?q=1", "https://c.example/Ab/C?q=1"),
        ("/x", "/Ab?q=1", "https://c.example/x?q=1"),
        (nil, "/Ab?q=1", "https://c.example/Ab?q=1"),
        ("http://o.example/y?k=1", "/a?q=1", "http://o.example/y?k=1"),
        ("//o.example", "/Ab?q=1", "https://o.example/Ab?q=1"),
        ("/x#frag", "/a?b=1", "https://c.example/x?b=1#frag"),
        ("https://u:p@o.example/x", "/a", "https://o.example/x"),
        ("https://a@b@o.example", "/", "https://o.example/"),
        ("?only=query", "/a?b=1", "https://c.example/a?only=query"),
        ("http:", "/a%2Fb%20c?x=%20", "http://c.example/a/b%20c?x=%20"),
        ("HTTP://o.example:8443", "/p", "http://o.example:8443/p"),
        ("x", "/p", "https://c.example/x"),
        ("/a%2Fb(c) d", "/p", "https://c.example/a%2Fb(c)%20d"),
        ("https:", "//evil.example/%0d%0aX:", "https://c.example//evil.example/%0D%0AX:"),
        ("", "http://c.example/p", "http://c.example/p"),
    ] as [(String?, String, String)])
    func locations(given: String?, target: String, location: String) throws {
        let arguments: [Argument] = [308] + (given.map { [.string($0)] } ?? [])
        let trial = try FilterTrial(CallValue("redirectTo", arguments), target: target, host: "c.example").request()
        #expect(trial.responseField("Location") == [location])
        #expect(trial.context.response.status == 308)
        guard case .serve = trial.action else {
            Issue.record("the redirect was not served")
            return
        }
    }

    @Test(arguments: [
        ("https:", "/Ab/C?Q=W", "https://c.example/ab/c?Q=W"), ("/KeepMe%2F", "/a?Q=W", "https://c.example/keepme%2F?Q=W"),
        (nil, "/Ab/%2F?Q=W", "https://c.example/ab//?Q=W"),
    ] as [(String?, String, String)])
    func lowerLocations(given: String?, target: String, location: String) throws {
        let arguments: [Argument] = [301] + (given.map { [.string($0)] } ?? [])
        let trial = try FilterTrial(CallValue("redirectToLower", arguments), target: target, host: "c.example").request()
        #expect(trial.responseField("Location") == [location])
    }

    @Test func filtersBeforeCount() throws {
        let trial = try FilterTrial(
            CallValue("setRequestHeader", "Host", "other.example"), CallValue("setPath", "/changed"), CallValue("redirectTo", 302, "https:"),
            target: "/a?q").request()
        #expect(trial.responseField("Location") == ["https://other.example/changed?q"])
    }

    /// Without any host the path stands alone and must not name one.
    @Test(arguments: [("//evil.example/x", "/evil.example/x"), ("/a?b=1", "/a?b=1"), ("///", "/")])
    func withoutHost(target: String, location: String) throws {
        let trial = try FilterTrial(CallValue("redirectTo", 302), target: target, host: "").request()
        #expect(trial.responseField("Location") == [location])
    }

    @Test func redirectChangesTheResponse() throws {
        let trial = try FilterTrial(CallValue("redirect", 302, "/x"), target: "/a?q=1").response(200, [("Location", "old"), ("X-Y", "1")])
        #expect(trial.context.response.status == 302)
        #expect(trial.responseField("Location") == ["https://test.example/x?q=1"])
        #expect(trial.responseField("X-Y") == ["1"])
    }
}
