import Bytes
import Eskip
import Filters
import HTTP
import Testing

@Suite struct LoggingFilterTests {
    @Test(arguments: [
        ([CallValue("enableAccessLog")], .always),
        ([CallValue("enableAccessLog", 4, 50, 404)], .onlyStatuses([4, 50, 404])),
        ([CallValue("disableAccessLog")], .never),
        ([CallValue("disableAccessLog", 2)], .exceptStatuses([2])),
        ([CallValue("accessLogDisabled", "true")], .never),
        ([CallValue("accessLogDisabled", "false")], .always),
        ([CallValue("disableAccessLog"), CallValue("enableAccessLog", 5)], .onlyStatuses([5])),
        ([CallValue("disableAccessLog"), CallValue("maskAccessLogQuery", "a")], .always),
        ([CallValue("maskAccessLogQuery", "a"), CallValue("disableAccessLog")], .never),
        ([], .inherited),
    ] as [([CallValue], AccessLogChoice)])
    func choices(calls: [CallValue], choice: AccessLogChoice) throws {
        #expect(try FilterTrial(calls).request().settings.accessLog == choice)
    }

    @Test func maskedParametersAddUp() throws {
        let trial = try FilterTrial(CallValue("maskAccessLogQuery", "a", "b"), CallValue("maskAccessLogQuery", "c")).request()
        #expect(trial.settings.maskedQueryParameters == ["a", "b", "c"].map { Array($0.utf8) })
    }

    // MARK: Audits

    /// `{"a":"…","sub":…}` in a token nobody signed.
    static func token(_ payload: String) -> String {
        "Bearer e30." + Base64.encode(Array(payload.utf8), alphabet: .urlSafe, padded: false) + ".sig"
    }

    @Test(arguments: [
        ([], token(#"{"sub":"jane@example.org"}"#), ["jane@example.org"]),
        ([], token(#"{"sub":7}"#), []), ([], token(#"{"iss":"x"}"#), []), ([], token("[1]"), []), ([], "Bearer a.b", []), ([], "Basic x", []),
        ([], token(#"{"sub":"a b"}"#), ["<invalid-sub>"]), ([], token(#"{"sub":"a\nX: y"}"#), ["<invalid-sub>"]),
        (["a", "b", "sub"], token(#"{"a":1,"sub":"s","b":"text"}"#), ["text"]),
    ] as [([String], String, [String])])
    func unverifiedAudit(claims: [String], authorization: String, expected: [String]) throws {
        let call = CallValue("unverifiedAuditLog", claims.map { .string($0) })
        let fields = [("Authorization", authorization), ("X-Unverified-Audit", "forged")]
        #expect(try FilterTrial(call, fields: fields).request().requestField("X-Unverified-Audit") == expected)
    }

    @Test func auditLineHoldsTheBodysBeginning() throws {
        var environment = FilterEnvironment()
        environment.auditBodyBytesMax = 8
        let trial = try FilterTrial(
            CallValue("setPath", "/new"), CallValue("auditLog"), method: "POST", target: "/a?q=1", framing: .length(11),
            environment: environment).request()
        #expect(trial.sendBody("ab\"c\n", "defghi") == "ab\"c\ndefghi")
        trial.context.bag["auth-user"] = "ja\"ne"
        trial.context.bag["auth-reject-reason"] = "invalid-token"
        trial.respond(401)
        #expect(trial.services.auditLines == [
            #"{"method":"POST","path":"/a","status":401,"authStatus":{"user":"ja\"ne","rejected":true,"reason":"invalid-token"},"#
                + #""requestBody":"ab\"c\u000Adef"}"# + "\n"
        ])
    }

    @Test func auditLineWithoutBody() throws {
        let trial = try FilterTrial(CallValue("auditLog"), target: "/").response(200)
        #expect(trial.services.auditLines == [#"{"method":"GET","path":"/","status":200}"# + "\n"])
    }

    @Test func headersAreLoggedWithoutCredentials() throws {
        let fields = [("Authorization", "Basic secret"), ("cookie", "c=secret"), ("X-A", "1")]
        let trial = try FilterTrial(CallValue("logHeader", "request", "response"), target: "/p?q=1", fields: fields)
            .response(404, [("Set-Cookie", "c=secret"), ("X-B", "2")])
        #expect(trial.services.messages == [
            "request: GET /p?q=1; Host: test.example; Authorization: [redacted]; cookie: [redacted]; X-A: 1",
            "response: 404; Set-Cookie: [redacted]; X-B: 2",
        ])
        #expect(try FilterTrial(CallValue("logHeader")).response().services.messages == ["request: GET /; Host: test.example"])
    }

    @Test func bodiesAreLoggedUpToTheirLimit() throws {
        let trial = try FilterTrial(
            CallValue("logBody", "request", 5), method: "POST", fields: [("X-Flow-Id", "flow")], framing: .chunked).request()
        #expect(trial.sendBody("abc", "def", "ghi") == "abcdefghi")
        #expect(trial.services.messages == ["request body flow: abc", "request body flow: de"])
    }

    @Test(arguments: [
        CallValue("enableAccessLog", "4"), CallValue("disableAccessLog", 4, "5"), CallValue("accessLogDisabled"), CallValue("accessLogDisabled", "yes"),
        CallValue("maskAccessLogQuery"), CallValue("maskAccessLogQuery", 1), CallValue("unverifiedAuditLog", 1), CallValue("auditLog", "x"),
        CallValue("logHeader", "both"), CallValue("logBody", "request"), CallValue("logBody", "x", 1), CallValue("logBody", "request", -1),
    ])
    func refusesArguments(call: CallValue) {
        #expect(refusal(call) != nil, "\(call)")
    }
}
