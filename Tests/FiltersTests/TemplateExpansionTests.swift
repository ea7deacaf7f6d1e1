import Bytes
import Eskip
import Filters
import HTTP
import Testing

@Suite struct TemplateExpansionTests {
    static let everything = "${request.method} ${request.host} ${request.path} ${request.rawQuery} ${request.source} "
        + "${request.sourceFromLast} ${request.clientIP}"

    @Test(arguments: [
        (everything, "/t/x%20y?a=%20", [("X-Forwarded-For", "1.1.1.1, 2.2.2.2")], "GET test.example /t/x y a=%20 1.1.1.1 2.2.2.2 10.0.0.9"),
        ("${request.header.x-in}|${request.query.q}|${request.cookie.c}", "/b?q=1&q=2", [("X-In", "a"), ("X-In", "b"), ("Cookie", "c=z")], "a|1|z"),
        ("${request.header.x-in}|${request.query.q}|${request.cookie.c}", "/b?q=1", [("X-In", "a")], nil),
        ("${request.query.a b}", "/?%61+b=x%2By", [], "x+y"),
        ("${request.query.q}", "/?q&q=1", [], nil),
        ("${request.query.q}", "/?q=%zz&q=1", [], "1"),
        ("${request.cookie.c}", "/", [("Cookie", "a=1;c=\"q u\" ; d"), ("Cookie", "c=2")], "q u"),
        ("${request.cookie.C}", "/", [("Cookie", "c=1")], nil),
        ("${request.header.X-Empty}", "/", [("X-Empty", "")], nil),
        ("${request.header.content-type}", "/", [("Content-Type", "a/b")], "a/b"),
        ("${response.header.X-Y}", "/", [("X-Y", "a")], nil),
        ("${request.source}", "/", [("X-Forwarded-For", "bad, 2.2.2.2")], "10.0.0.9"),
        ("${request.source}", "/", [("X-Forwarded-For", "[2001:DB8::1]:80")], "2001:db8::1"),
        ("${request.source}", "/", [("X-Forwarded-For", "::ffff:1.2.3.4")], "1.2.3.4"),
        ("${request.sourceFromLast}", "/", [("X-Forwarded-For", "1.1.1.1"), ("X-Forwarded-For", "3.3.3.3,4.4.4.4:90")], "4.4.4.4"),
        ("${request.sourceFromLast}", "/", [("X-Forwarded-For", "1.1.1.1, x")], "10.0.0.9"),
        ("${nope}", "/", [], nil), ("a${}b", "/", [], "a${}b"), ("${}$${x}{y}", "/", [], nil), ("plain", "/", [], "plain"),
    ] as [(String, String, [(String, String)], String?)])
    func values(template: String, target: String, fields: [(String, String)], expected: String?) throws {
        let trial = try FilterTrial(CallValue("setRequestHeader", "X-T", .string(template)), target: target, fields: fields).request()
        #expect(trial.requestField("X-T") == (expected.map { [$0] } ?? []))
    }

    @Test func responseFieldsAreSeenByResponses() throws {
        let trial = try FilterTrial(
            CallValue("setResponseHeader", "X-T", "${response.header.x-origin}-${request.query.q}"), target: "/c?q=z")
        #expect(trial.response(200, [("X-Origin", "A")]).responseField("X-T") == ["A-z"])
        #expect(trial.response(200, []).responseField("X-T") == [])
    }

    @Test func pathParameters() throws {
        let name = Array("id".utf8)
        let trial = try FilterTrial(CallValue("setPath", "/n/${id}/${nope}"), target: "/d/a%20b")
        name.withUnsafeBytes { name in
            trial.context.parameters.set(name, trial.context.request.headers.add(BorrowedBytes("a b")))
            trial.request()
        }
        #expect(trial.target == "/n/a%20b/")
    }

    /// A value longer than the head's block moves the block while it is set.
    @Test func longValues() throws {
        let value = String(repeating: "v", count: 5000)
        let trial = try FilterTrial(
            CallValue("setRequestHeader", "X-T", "${request.header.X-In}${request.header.X-In}"), fields: [("X-In", value)]).request()
        #expect(trial.requestField("X-T") == [value + value])
    }
}
