import TestSupport
import Testing

/// `-debug-listener`: what routing and filters make of a request, told instead of done.
@Suite("The debug listener")
struct DebugListenerTests {
    private let origin: LoopbackOrigin
    private let proxy: FairwayProcess
    private let port: UInt16

    init() throws {
        origin = try LoopbackOrigin(answer: Setup.answer)
        port = try FreePorts.next()
        proxy = try FairwayProcess(routes: """
            plain: Path("/plain") -> setRequestHeader("X-A", "1") -> setPath("/new") -> status(201) -> setResponseHeader("X-R", "2") -> "\(origin.url)";
            served: Path("/served") -> inlineContent("hi \\"you\\"", "text/x") -> <shunt>;
            looped: Path("/looped") -> setPath("/served") -> appendResponseHeader("X-Loop", "outer") -> <loopback>;
            endless: Path("/endless") -> <loopback>;
            body: Path("/body") -> sedRequest("a+", "b") -> "\(origin.url)";
            blocked: Path("/blocked") -> blockContent("bad") -> "\(origin.url)";
            waits: Path("/waits") -> backendLatency("1h") -> latency("1h") -> preserveHost("true") -> "\(origin.url)";
            secret: Path("/secret") -> setRequestHeader("Authorization", "Bearer hidden") -> "\(origin.url)";
            many: Path("/many") -> <roundRobin, "\(origin.url)", "\(origin.url)">;
            """, flags: ["-debug-listener", "127.0.0.1:\(port)", "-max-body-buffer", "1000"])
    }

    /// The answer's text, once it has been seen to be JSON by its ends and by what is asked of it.
    private func ask(_ request: String) throws -> String {
        let client = try RawClient(port: port, speaksHTTP1: true)
        let response = try client.exchange(request)
        #expect(response.status == 200 && response.value("Content-Type") == "application/json")
        #expect(response.bodyText.hasPrefix("{\"") && response.bodyText.hasSuffix("}\n"))
        return response.bodyText
    }

    private func expect(_ text: String, _ parts: String...) {
        for part in parts { #expect(text.contains(part), "\(part) in \(text)") }
    }

    @Test("the route, both requests, what becomes of the response, and no word to the upstream") func plain() throws {
        let text = try ask("GET /plain?q=1 HTTP/1.1\r\nHost: a.test\r\nx-in: b\r\nX-In: c\r\nConnection: x-gone\r\nX-Gone: 1\r\n\r\n")
        expect(text, #""route_id":"plain""#, #""route":"plain: Path(\"/plain\") -> "#, #""incoming":{"method":"GET","uri":"/plain?q=1","proto":"HTTP/1.1","header":{"#,
            #""X-In":["b","c"]"#, #""host":"a.test","remote_address":"127.0.0.1:"#, #""outgoing":{"method":"GET","uri":"/new?q=1","proto":"HTTP/1.1","header":{"X-A":["1"],"X-In":["b","c"]}"#,
            #""host":"\#(origin.url.dropFirst(7))""#, #""response_mod":{"status":201,"header":{"X-R":["2"]}}"#,
            #""filters":[{"name":"setRequestHeader","args":["X-A","1"]},"#, #""predicates":[{"name":"Path","args":["/plain"]}]"#)
        #expect(!text.contains("proxy_error") && origin.requests.isEmpty)
    }

    @Test("what filters answer themselves, reached by a loopback") func served() throws {
        let text = try ask(get("/looped"))
        expect(text, #""route_id":"served""#, #""response_mod":{"status":200,"header":{"Content-Type":["text/x"],"X-Loop":["outer"]}}"#, #""response_mod_body":"hi \"you\"""#)
        #expect(!text.contains("outgoing"))
    }

    @Test("what the proxy would refuse", arguments: [("/none", "404 "), ("/endless", "500 "), ("/plain?q=%zz", "400 ")])
    func refused(target: String, error: String) throws {
        expect(try ask(get(target)), "\"proxy_error\":\"\(error)")
    }

    @Test("bodies as filters change or refuse them, cut where they are too long") func bodies() throws {
        expect(try ask(post("/body", "caat")), #""request_body":"cbt""#)
        expect(try ask(post("/blocked", "so bad")), #""request_error":"400 "#)
        let text = try ask(post("/many", String(repeating: "x", count: 5000)))
        expect(text, "\"request_body\":\"\(String(repeating: "x", count: 1000))\"")
    }

    @Test("filters that wait do not, and secrets that filters add are not told") func waits() throws {
        expect(try ask(get("/waits")), #""route_id":"waits""#, #""host":"a.test"},"response_mod""#)
        let text = try ask(get("/secret"))
        expect(text, #""outgoing":{"method":"GET","uri":"/secret","proto":"HTTP/1.1","header":{"Authorization":["[redacted]"]}"#)
    }

    @Test("a backend that has moved to another address is told as it is now") func movedBackend() throws {
        let folder = try TemporaryFolder()
        let port = try FreePorts.next()
        try folder.write("all: * -> \"http://127.0.0.1:1\";\n", to: "routes.eskip")
        let proxy = try FairwayProcess(routesFile: "\(folder.path)/routes.eskip", flags: ["-debug-listener", "127.0.0.1:\(port)"])
        try folder.replace("routes.eskip", by: "all: * -> \"http://127.0.0.2:2\";\n")
        var text = ""
        try Patience.wait(for: "the new host in \(text); the log:\n\(proxy.log)") {
            text = try RawClient(port: port, speaksHTTP1: true).exchange(get("/")).bodyText
            return text.contains(#""host":"127.0.0.2:2""#)
        }
        expect(text, #""route":"all: * -> \"http://127.0.0.2:2"#)
    }

    @Test("malformed requests, and many on one connection") func connection() throws {
        let client = try RawClient(port: port, speaksHTTP1: true)
        for _ in 0..<3 { #expect(try client.exchange(get("/plain")).bodyText.contains("\"route_id\":\"plain\"")) }
        expect(try ask("GET /\0 HTTP/1.1\r\nHost: a.test\r\n\r\n"), #""proxy_error":"400 "#)
        expect(try ask("POST /body HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n"), #""proxy_error":"400 "#)
        let gone = try RawClient(port: port, speaksHTTP1: true)
        try gone.send("POST /body HTTP/1.1\r\nHost: a.test\r\nContent-Length: 10\r\n\r\nx")
        gone.reset()
        #expect(try ask(get("/plain")).contains("\"route_id\":\"plain\"") && proxy.ended() == nil)
    }
}
