import Eskip
import Filters
import HTTP
import Testing

@Suite struct HeaderFilterTests {
    typealias FieldCase = (calls: [CallValue], field: String, before: [String], after: [String])

    static let fieldCases: [FieldCase] = [
        ([CallValue("setRequestHeader", "X-Y", "n")], "x-y", ["one", "two"], ["n"]),
        ([CallValue("setRequestHeader", "X-Y", "n")], "X-Y", [], ["n"]),
        ([CallValue("setRequestHeader", "X-Y", "")], "X-Y", ["a"], [""]),
        ([CallValue("appendRequestHeader", "X-Y", "n")], "X-Y", ["one", "two"], ["one", "two", "n"]),
        ([CallValue("requestHeader", "X-Y", "n")], "X-Y", ["one"], ["one", "n"]),
        ([CallValue("dropRequestHeader", "x-y")], "X-Y", ["one", "two"], []),
        ([CallValue("modRequestHeader", "X-Y", "o", "0")], "X-Y", ["oone", "two"], ["00ne"]),
        ([CallValue("modRequestHeader", "X-Y", "nope", "0")], "X-Y", ["one", "two"], ["one"]),
        ([CallValue("modRequestHeader", "X-Y", "^$", "0")], "X-Y", [], []),
        ([CallValue("modRequestHeader", "X-Y", "(?P<a>o)(n)", "$2${a}$$")], "X-Y", ["one"], ["no$e"]),
        ([CallValue("dropRequestHeaderRegexp", "X-Y", "^o")], "X-Y", ["one", "two"], ["two"]),
        ([CallValue("dropRequestHeaderValueRegexp", "X-Y", ".")], "X-Y", ["one", "two"], []),
        ([CallValue("copyRequestHeader", "X-Y", "X-Z")], "X-Z", ["old"], ["old"]),
        ([CallValue("setRequestHeader", "X-Y", "1"), CallValue("copyRequestHeader", "X-Y", "X-Z")], "X-Z", ["old", "er"], ["1"]),
        ([CallValue("setRequestHeader", "X-Y", "1"), CallValue("requestCopyHeader", "X-Y", "X-Z"), CallValue("dropRequestHeader", "X-Y")],
         "X-Z", [], ["1"]),
        ([CallValue("setRequestHeader", "X-Y", ""), CallValue("copyRequestHeader", "X-Y", "X-Z")], "X-Z", ["kept"], ["kept"]),
        ([CallValue("setRequestHeader", "X-Y", "1"), CallValue("appendRequestHeader", "X-Y", "${request.header.x-y}")], "X-Y", [], ["1", "1"]),
        ([CallValue("setContextRequestHeader", "X-Y", "absent")], "X-Y", ["one"], ["one"]),
    ]

    @Test(arguments: fieldCases.indices)
    func requestFields(index: Int) throws {
        let test = Self.fieldCases[index]
        let trial = try FilterTrial(test.calls, fields: test.before.map { (test.field, $0) }).request()
        #expect(trial.requestField(test.field) == test.after, "\(test.calls)")
    }

    /// The same filters on responses; their names say so.
    @Test(arguments: fieldCases.indices)
    func responseFields(index: Int) throws {
        let test = Self.fieldCases[index]
        let calls = test.calls.reversed().map { call in
            let name = call.name.text.replacingFirst("Request", "Response").replacingFirst("request", "response")
            return CallValue(Name(name), call.arguments.map(Self.responseArgument))
        }
        let trial = try FilterTrial(calls).response(200, test.before.map { (test.field, $0) })
        #expect(trial.responseField(test.field) == test.after, "\(calls)")
    }

    static func responseArgument(_ argument: Argument) -> Argument {
        if case .string(let text) = argument { .string(text.replacingFirst("request.header", "response.header")) } else { argument }
    }

    @Test func responseFiltersLeaveTheRequestAlone() throws {
        let trial = try FilterTrial(CallValue("setResponseHeader", "X-Y", "n")).response()
        #expect(trial.requestField("X-Y") == [])
        #expect(trial.responseField("X-Y") == ["n"])
    }

    @Test func contextValuesBecomeFields() throws {
        let trial = try FilterTrial(
            CallValue("setContextRequestHeader", "X-U", "auth-user"), CallValue("appendContextRequestHeader", "X-U", "auth-user"),
            CallValue("setContextResponseHeader", "X-U", "auth-user"))
        trial.context.bag["auth-user"] = "jane"
        trial.response()
        #expect(trial.requestField("X-U") == ["jane", "jane"])
        #expect(trial.responseField("X-U") == ["jane"])
    }

    /// A value that came from outside cannot end its line.
    @Test func lineEndsBecomeBlanks() throws {
        let trial = try FilterTrial(CallValue("setRequestHeader", "X-Y", "${request.path}"), target: "/a%0D%0AX-Evil:%201").request()
        #expect(trial.requestField("X-Y") == ["/a  X-Evil: 1"])
    }

    @Test func annotationsOfLaterFiltersWin() throws {
        let trial = try FilterTrial(
            CallValue("annotate", "a", "1"), CallValue("annotate", "b", "2"), CallValue("annotate", "a", "3"),
            CallValue("comment", "x", 1), CallValue("originMarker", "a", "b", "2020-01-01T00:00:00Z")).request()
        #expect(trial.context.settings.annotations == ["a": "3", "b": "2"])
    }

    // MARK: Hosts

    typealias HostCase = (calls: [CallValue], host: String, preserves: Bool, outgoing: String?, preservesAfter: Bool)

    static let hostCases: [HostCase] = [
        ([CallValue("setRequestHeader", "Host", "n.example")], "c1.example", false, "n.example", false),
        ([CallValue("setRequestHeader", "Host", "n.example"), CallValue("preserveHost", "true")], "c.example", false, "n.example", false),
        ([CallValue("appendRequestHeader", "host", "n.example")], "c1.example", false, "n.example", false),
        ([CallValue("modRequestHeader", "Host", "^c", "d")], "c3.example", false, "d3.example", false),
        ([CallValue("modRequestHeader", "Host", "^x", "d")], "c3.example", false, "c3.example", false),
        ([CallValue("copyRequestHeader", "X-Y", "Host")], "c.example", false, "one", false),
        ([CallValue("preserveHost", "true")], "c.example", false, nil, true),
        ([CallValue("preserveHost", "false")], "c.example", true, nil, false),
        ([CallValue("preserveHost", "true"), CallValue("preserveHost", "false")], "c.example", false, nil, false),
        ([CallValue("setRequestHeader", "Host", "c.example"), CallValue("preserveHost", "false")], "c.example", true, nil, false),
        ([CallValue("setRequestHeader", "Host", "backend.example"), CallValue("preserveHost", "true")], "c.example", false, nil, true),
        ([CallValue("dropRequestHeader", "Host")], "c.example", false, nil, false),
        ([CallValue("rfcHost")], "c.example.", false, nil, false),
        ([CallValue("preserveHost", "true"), CallValue("rfcHost")], "c.example.", false, "c.example", true),
        ([CallValue("rfcHost")], "c.example.:8080", true, "c.example:8080", true),
        ([CallValue("setRequestHeader", "Host", "d.example."), CallValue("rfcHost")], "c.example", false, "d.example", false),
        ([CallValue("rfcHost")], "", true, nil, true),
        ([CallValue("rfcHost")], ".", true, "", true),
    ]

    @Test(arguments: hostCases.indices)
    func hosts(index: Int) throws {
        let test = Self.hostCases[index]
        let trial = try FilterTrial(test.calls, host: test.host, fields: [("X-Y", "one")])
        trial.context.settings.preservesHost = test.preserves
        trial.request()
        #expect(trial.outgoingHost == test.outgoing, "\(test.calls)")
        #expect(trial.context.settings.preservesHost == test.preservesAfter, "\(test.calls)")
    }

    /// Filters see a Host only once one of them has set it.
    @Test func clientsHostIsNoField() throws {
        let trial = try FilterTrial(CallValue("copyRequestHeader", "Host", "X-H"), CallValue("setRequestHeader", "X-T", "${request.header.Host}"))
        #expect(trial.request().requestField("X-H") == [])
        #expect(trial.requestField("X-T") == [])
        let second = try FilterTrial(CallValue("setRequestHeader", "Host", "h.example"), CallValue("copyRequestHeader", "Host", "X-H"))
        #expect(second.request().requestField("X-H") == ["h.example"])
    }

    // MARK: The client

    @Test(arguments: [
        (nil, ["10.0.0.9"], ["10.0.0.9"]),
        (["1.1.1.1"], ["1.1.1.1, 10.0.0.9"], ["10.0.0.9, 1.1.1.1"]),
        (["1.1.1.1, 2.2.2.2", "3.3.3.3"], ["1.1.1.1, 2.2.2.2, 3.3.3.3, 10.0.0.9"], ["10.0.0.9, 1.1.1.1, 2.2.2.2, 3.3.3.3"]),
        ([""], ["10.0.0.9"], ["10.0.0.9"]),
    ] as [([String]?, [String], [String])])
    func forwardedFor(lines: [String]?, appended: [String], prepended: [String]) throws {
        let fields = (lines ?? []).map { ("X-Forwarded-For", $0) }
        let last = try FilterTrial(CallValue("xforward"), fields: fields).request()
        #expect(last.requestField("X-Forwarded-For") == appended)
        #expect(last.requestField("X-Forwarded-Host") == ["test.example"])
        #expect(try FilterTrial(CallValue("xforwardFirst", 1), fields: fields).request().requestField("X-Forwarded-For") == prepended)
    }

    @Test(arguments: [
        ([], nil, ["*"], []),
        (["https://a.example", "https://b.example"], "https://b.example", ["https://b.example"], ["Origin"]),
        (["https://a.example"], "https://evil.example", [], ["Origin"]),
        (["https://a.example"], "https://a.example.evil", [], ["Origin"]),
        (["https://a.example"], nil, [], ["Origin"]),
    ] as [([String], String?, [String], [String])])
    func corsOrigins(allowed: [String], origin: String?, answer: [String], vary: [String]) throws {
        let call = CallValue("corsOrigin", allowed.map { .string($0) })
        let trial = try FilterTrial(call, fields: origin.map { [("Origin", $0)] } ?? []).response()
        #expect(trial.responseField("Access-Control-Allow-Origin") == answer)
        #expect(trial.responseField("Vary") == vary)
    }

    @Test func corsOriginKeepsAVaryThatSaysIt() throws {
        let trial = try FilterTrial(CallValue("corsOrigin", "https://a.example")).response(200, [("Vary", "Accept, origin")])
        #expect(trial.responseField("Vary") == ["Accept, origin"])
    }

    @Test(arguments: [
        ("reuse", "abcdefgh", true), ("REUSE", "abcdefgh", true), ("reuse", "abcdefg", false),
        ("reuse", String(repeating: "a", count: 64), true), ("reuse", String(repeating: "a", count: 65), false),
        ("reuse", "abc_defgh", false), ("other", "abcdefgh", false), (nil, "abcdefgh", false), ("reuse", nil, false),
    ] as [(String?, String?, Bool)])
    func flowIDs(argument: String?, incoming: String?, isKept: Bool) throws {
        let call = CallValue("flowId", argument.map { [.string($0)] } ?? [])
        let trial = try FilterTrial(call, fields: incoming.map { [("X-Flow-Id", $0)] } ?? []).request()
        let id = trial.requestField("X-Flow-Id")
        #expect(id.count == 1)
        #expect((id[0] == incoming) == isKept)
        let alphabet = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ+-"
        if !isKept { #expect(id[0].count == 16 && id[0].allSatisfy { alphabet.contains($0) }) }
    }

    // MARK: Headers and queries

    @Test(arguments: [
        ("/p?q=1&a=2", "one", "/p?a=2&p=one&q=1"), ("/p?z=%20b&a=c", nil, "/p?a=c&p=&z=+b"),
        ("/p?p=1&p=2", "a b&c", "/p?p=a+b%26c"), ("/p", "x", "/p?p=x"),
    ] as [(String, String?, String)])
    func headerToQuery(target: String, value: String?, expected: String) throws {
        let fields = value.map { [("X-Y", $0), ("X-Y", "second")] } ?? []
        #expect(try FilterTrial(CallValue("headerToQuery", "X-Y", "p"), target: target, fields: fields).request().target == expected)
    }

    @Test(arguments: [
        ("/p?q=1", "%s", nil, ["1"]), ("/p?q=1", "Bearer %s!", nil, ["Bearer 1!"]), ("/p?q=1", "%s", "set", ["set"]),
        ("/p?q=1", "%s", "", ["1"]), ("/p?q=", "%s", nil, []), ("/p", "%s", nil, []), ("/p?q=%0d%0aX:y", "%s", nil, ["  X:y"]),
    ] as [(String, String, String?, [String])])
    func queryToHeader(target: String, format: String, value: String?, expected: [String]) throws {
        let fields = value.map { [("X-Z", $0)] } ?? []
        let trial = try FilterTrial(CallValue("queryToHeader", "q", "X-Z", .string(format)), target: target, fields: fields).request()
        #expect(trial.requestField("X-Z") == expected)
        #expect(trial.target == target)
    }

    // MARK: Arguments

    @Test(arguments: [
        CallValue("setRequestHeader", "X-Y"), CallValue("setRequestHeader", "X-Y", 1), CallValue("setRequestHeader", "X-Y", "a", "b"),
        CallValue("setRequestHeader", "X Y", "a"), CallValue("setRequestHeader", "", "a"), CallValue("setRequestHeader", "X\r\nY", "a"),
        CallValue("dropResponseHeader"), CallValue("modRequestHeader", "X", "(", "y"), CallValue("modResponseHeader", "X", "a"),
        CallValue("copyRequestHeader", "X"), CallValue("preserveHost", "yes"), CallValue("preserveHost"), CallValue("preserveHost", 1),
        CallValue("corsOrigin", 1), CallValue("flowId", 1), CallValue("headerToQuery", "X"), CallValue("queryToHeader", "q"),
        CallValue("queryToHeader", "q", "X", "none"), CallValue("annotate", "a"), CallValue("annotate", "a", 1),
        CallValue("originMarker", "a", "b"), CallValue("originMarker", "a", "b", "yesterday"), CallValue("originMarker", "a", 1, "2020-01-01T00:00:00Z"),
        CallValue("setContextRequestHeader", "X"), CallValue("dropRequestHeaderRegexp", "X", "[")
    ])
    func refusesArguments(call: CallValue) {
        #expect(refusal(call) != nil, "\(call)")
    }

    @Test func refusalsSayWhatIsAllowed() {
        #expect(refusal(CallValue("setRequestHeader", "X-Y")) == "takes (name, value), found 1 argument")
        #expect(refusal(CallValue("setRequestHeader", "X-Y", 7)) == "takes (name, value): argument 2 must be a string, found 7")
        #expect(refusal(CallValue("preserveHost", "yes"))
            == "takes (\"true\"|\"false\"): argument 1 must be \"true\" or \"false\", found \"yes\"")
    }

    @Test(arguments: [
        CallValue("xforward", 1, "x"), CallValue("rfcHost", "x"), CallValue("rfcPath", 1), CallValue("comment"), CallValue("flowId", "reuse", 20)
    ])
    func toleratesArguments(call: CallValue) {
        #expect(refusal(call) == nil)
    }
}

extension String {
    func replacingFirst(_ old: String, _ new: String) -> String {
        guard let range = firstRange(of: old) else { return self }
        return String(self[..<range.lowerBound]) + new + String(self[range.upperBound...])
    }
}
