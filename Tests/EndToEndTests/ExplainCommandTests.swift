import TestSupport
import Testing

/// The routes that `make run` serves.
enum DemoRoutes {
    static let path = #filePath.split(separator: "/").dropLast(3).map { "/" + $0 }.joined() + "/routes/demo.eskip"
}

@Suite("fairway explain")
struct ExplainCommandTests {
    private func explain(_ arguments: String...) throws -> (status: Int32, output: String) {
        let result = try FairwayProcess.run(["explain", "--routes-file", DemoRoutes.path] + arguments)
        guard case .exited(let status) = result.end else { return (-1, "\(result.end)\n\(result.output)") }
        return (status, result.output)
    }

    @Test("a route of the demo: candidates in order, parameters, filters and backend")
    func demo() throws {
        #expect(try explain("http://shop.example/api/items/7?x=1") == (0, """
            GET /api/items/7, Host "shop.example", from 127.0.0.1
              1. preview (weight 1): refused by Header("X-Preview", "yes")
              2. api (weight 0): taken
            parameter * = /items/7
            api: PathSubtree("/api")
              -> modPath("^/api", "")
              -> <roundRobin, "http://127.0.0.1:9080", "http://127.0.0.1:9081">;

            """))
    }

    @Test("a header, a method and an address decide", arguments: [
        (["--header", "X-Preview: yes", "/api/x"], "preview (weight 1): taken"), (["/hello/you"], "parameter name = you"),
        (["--method", "POST", "/"], "POST /, Host \"\""), (["--client-ip", "2001:db8::1", "/"], "from 2001:db8::1"),
        (["--header", "Host: a.example", "http://b.example/"], "Host \"a.example\""), (["/old"], "1. old (weight 0): taken"),
        (["/nowhere"], "1. rest (weight 0): taken"), (["http://h"], "GET /, Host \"h\""),
    ])
    func requests(arguments: [String], expected: String) throws {
        let result = try FairwayProcess.run(["explain", "--routes-file", DemoRoutes.path] + arguments)
        #expect(result.end == .exited(0))
        #expect(result.output.contains(expected), "\(result.output)")
    }

    @Test("what is answered without a route", arguments: [
        ("/?a=%zz", "400, -validate-query"), ("/?a;b", "400, -validate-query"), ("/kube-system/healthz", "200, or 503"), ("/", "417: the Expect field"),
    ])
    func ownAnswers(url: String, expected: String) throws {
        let words = expected.hasPrefix("417") ? ["--header", "Expect: gold"] : []
        let result = try FairwayProcess.run(["explain", "--routes-file", DemoRoutes.path] + words + [url])
        #expect(result.end == .exited(1))
        #expect(result.output.contains("\n  answered without a route: \(expected)"), "\(result.output)")
    }

    @Test("what the flags of a proxy have answered without a route", arguments: [
        ("/up", #""ownAnswer":"200, or 503"#), ("/up/x", #""route":"#), ("/?a=%25zz", #""route":"#), ("/secret", #""ownAnswer":"400, -refuse-payload"#),
    ])
    func ownAnswersOfFlags(url: String, expected: String) throws {
        let proxy = try FairwayProcess(routes: "r: * -> <shunt>", flags: ["--health-path", "/up", "-validate-query=false", "-refuse-payload", "secret"])
        let text = try RawClient.get("/explain?json&url=\(url)", port: proxy.supportPort).bodyText
        #expect(text.contains(expected), "\(text)")
    }

    @Test("as JSON")
    func json() throws {
        let (status, output) = try explain("--json", "/hi")
        #expect(status == 0)
        #expect(output == """
            {"request":{"method":"GET","path":"/hi","host":"","client":"127.0.0.1"},"attempts":[{"id":"alias","weight":0,"pathPattern":true}],\
            "omitted":0,"otherHosts":0,"parameters":{},"route":{"id":"alias","backend":{"type":"loopback"},\
            "predicates":[{"name":"Path","args":["/hi"]}],"filters":[{"name":"setPath","args":["/hello/alias"]}]}}

            """)
    }

    @Test("no route is status 1, routes that cannot be read 2, a request that cannot be 64")
    func statuses() throws {
        let file = try TemporaryFile("a: Path(\"/a\") -> <forward>; bad: * -> nosuch() -> <shunt>;"), broken = try TemporaryFile("a: ->")
        func status(_ arguments: String...) throws -> ProcessEnd { try FairwayProcess.run(["explain"] + arguments).end }
        #expect(try status("--routes-file", file.path, "/a") == .exited(0))
        #expect(try status("--routes-file", file.path, "/b") == .exited(1))
        #expect(try status("--routes-file", broken.path, "/b") == .exited(2))
        #expect(try status("--routes-file", "/nonexistent", "/b") == .exited(2))
        for request in [["a.b/c"], ["http:///x"], ["/a b"], ["--client-ip", "x", "/"], ["--header", "x", "/"], ["--method", "", "/"], ["/%zz"]] {
            #expect(try FairwayProcess.run(["explain", "--routes-file", file.path] + request).end == .exited(64), "\(request)")
        }
        #expect(try FairwayProcess.run(["explain", "--routes-file", file.path, "/b"]).output.contains("route \"bad\": nosuch is no known filter"))
    }

    @Test("of two files the first that has an id counts")
    func precedence() throws {
        let first = try TemporaryFile("a: Path(\"/1\") -> <shunt>;"), second = try TemporaryFile("a: Path(\"/2\") -> <shunt>;")
        let files = ["--routes-file", first.path, "--routes-file", second.path]
        #expect(try FairwayProcess.run(["explain"] + files + ["/1"]).end == .exited(0))
        #expect(try FairwayProcess.run(["explain"] + files + ["/2"]).end == .exited(1))
    }
}
