import Eskip
import Filters
import Testing

@Suite struct CookieFilterTests {
    @Test(arguments: [
        (CallValue("requestCookie", "n", "v"), ["a=1; n=v; b=2"], ["a=1; n=v; b=2; n=v"]),
        (CallValue("requestCookie", "n", "v"), [], ["n=v"]),
        (CallValue("requestCookie", "n", "v"), ["a=1", "b=2"], ["a=1; n=v", "b=2"]),
        (CallValue("requestCookie", "n", "a b"), [], ["n=\"a b\""]),
        (CallValue("dropRequestCookie", "a"), ["a=1; n=v; b=2"], ["n=v; b=2"]),
        (CallValue("dropRequestCookie", "a"), ["a=1"], []),
        (CallValue("dropRequestCookie", "a"), ["b=1;  c=2", "a=\"x\";d=4; a=3"], ["b=1;  c=2", "d=4"]),
        (CallValue("dropRequestCookie", "A"), ["a=1"], ["a=1"]),
    ] as [(CallValue, [String], [String])])
    func requestCookies(call: CallValue, before: [String], after: [String]) throws {
        #expect(try FilterTrial(call, fields: before.map { ("Cookie", $0) }).request().requestField("Cookie") == after)
    }

    @Test(arguments: [
        (CallValue("responseCookie", "n", "v"), "n=v; Path=/; Domain=example.org; HttpOnly; Secure"),
        (CallValue("responseCookie", "n", "v", 60), "n=v; Path=/; Domain=example.org; Max-Age=60; HttpOnly; Secure"),
        (CallValue("responseCookie", "n", "v", 0), "n=v; Path=/; Domain=example.org; Max-Age=0; HttpOnly; Secure"),
        (CallValue("responseCookie", "n", "v", -5), "n=v; Path=/; Domain=example.org; Max-Age=0; HttpOnly; Secure"),
        (CallValue("jsCookie", "n", "v"), "n=v; Path=/; Domain=example.org; Secure"),
        (CallValue("responseCookie", "n", "a\"b;c\\d\r\n"), "n=abcd; Path=/; Domain=example.org; HttpOnly; Secure"),
        (CallValue("responseCookie", "n", "a, b"), "n=\"a, b\"; Path=/; Domain=example.org; HttpOnly; Secure"),
        (CallValue("responseCookie", "n", "v", 60, "other"), "n=v; Path=/; Domain=example.org; Max-Age=60; HttpOnly; Secure"),
    ])
    func responseCookies(call: CallValue, line: String) throws {
        let trial = try FilterTrial(call, host: "www.example.org").response(200, [("Set-Cookie", "a=1")])
        #expect(trial.responseField("Set-Cookie") == ["a=1", line])
    }

    @Test(arguments: [
        ("a=1; n=v; b=2", false), ("n=\"v\"", false), ("n=w", true), ("n=w; n=v", false), ("x=v", true), ("", true),
    ])
    func changeOnly(cookies: String, isSet: Bool) throws {
        let trial = try FilterTrial(CallValue("responseCookie", "n", "v", 60, "change-only"), fields: [("Cookie", cookies)]).response()
        #expect(trial.responseField("Set-Cookie").isEmpty != isSet)
    }

    @Test(arguments: [
        ("example.org", "example.org"), ("a.example.org", "example.org"), ("x.a.example.org:8080", "a.example.org"), ("localhost", "localhost"),
        ("127.0.0.1", nil), ("[::1]:80", nil), ("", nil), ("a_b.example", nil), ("a..b", nil), ("-a.b", nil), ("a.b.", nil),
    ] as [(String, String?)])
    func domains(host: String, domain: String?) throws {
        let line = try FilterTrial(CallValue("jsCookie", "n", "v"), host: host).response().responseField("Set-Cookie")
        #expect(line == ["n=v; Path=/" + (domain.map { "; Domain=\($0)" } ?? "") + "; Secure"])
    }

    @Test func dropResponseCookie() throws {
        let lines = ["a=1", "b=2; Path=/x", "A=3", " a =4; Max-Age=1", "a"]
        let trial = try FilterTrial(CallValue("dropResponseCookie", "a")).response(200, lines.map { ("Set-Cookie", $0) })
        #expect(trial.responseField("Set-Cookie") == ["b=2; Path=/x", "A=3", "a"])
    }

    @Test(arguments: [
        CallValue("responseCookie", "", "v"), CallValue("responseCookie", "n"), CallValue("responseCookie", "n", "v", "60"),
        CallValue("responseCookie", "n", "v", 60, 1), CallValue("responseCookie", "n", "v", 60, "change-only", "x"), CallValue("jsCookie", "a b", "v"),
        CallValue("requestCookie", "n"), CallValue("requestCookie", "n", 1), CallValue("dropRequestCookie"), CallValue("dropResponseCookie", 1),
    ])
    func refusesArguments(call: CallValue) {
        #expect(refusal(call) != nil, "\(call)")
    }
}
