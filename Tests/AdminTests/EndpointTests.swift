@testable import Admin
import Bytes
import Eskip
import Routing
import Telemetry
import Testing

/// What an endpoint answers, its body as text.
private func ask(
    _ source: FakeSource, _ path: String, query: String = "", accept: String = "", acceptEncoding: String = "", options: AdminOptions = AdminOptions()
) -> (response: AdminResponse, text: String) {
    let request = AdminRequest(path: path, query: query, accept: accept, acceptEncoding: acceptEncoding)
    let response = AdminEndpoints(options: options, source: source).answer(request)
    switch response.body {
    case .bytes(let bytes): return (response, String(decoding: bytes, as: UTF8.self))
    case .buffer(let shared): return (response, shared.buffer.readable.text)
    case .routes(var listing):
        var text: [UInt8] = []
        listing.append(to: &text, limit: .max)
        return (response, String(decoding: text, as: UTF8.self))
    }
}

extension AdminResponse {
    fileprivate func value(_ name: String) -> String? { fields.first { $0.name == name }?.value }
}

@Suite("Health on the support listener")
struct HealthEndpointTests {
    @Test("answers for each state", arguments: [
        (AdminReadiness.starting(["/etc/routes.eskip"]), UInt16(200), UInt16(503)), (.ready, 200, 200), (.draining, 503, 503),
    ])
    func states(readiness: AdminReadiness, healthz: UInt16, readyz: UInt16) {
        let source = FakeSource()
        source.readiness = readiness
        #expect(ask(source, "/healthz").response.status == healthz)
        #expect(ask(source, "/readyz").response.status == readyz)
        #expect(ask(source, "/livez").response.status == 200)
    }

    @Test("names the sources that are awaited")
    func awaited() {
        let source = FakeSource()
        source.readiness = .starting(["a.eskip", "http://b"])
        #expect(ask(source, "/readyz").text == "not ready, waiting for routes of:\na.eskip\nhttp://b\n")
    }

    @Test("the index names every endpoint", arguments: ["/metrics", "/routes", "/healthz", "/readyz", "/livez"])
    func index(path: String) {
        let source = FakeSource()
        #expect(ask(source, "/").text.contains("\n\(path) "))
        #expect(ask(source, path).response.status == 200)
    }

    @Test("anything else is 404", arguments: ["/metrics/", "/routes/x", "/debug/pprof", "//metrics", "/METRICS", ""])
    func unknown(path: String) { #expect(ask(FakeSource(), path).response.status == 404) }
}

@Suite("/metrics")
struct MetricsEndpointTests {
    @Test("shows what is counted and the process")
    func content() {
        let source = FakeSource()
        source.metrics.withSharedShard { $0.add(.routeError) }
        let (response, text) = ask(source, "/metrics")
        #expect(response.contentType == "text/plain; version=0.0.4; charset=utf-8")
        #expect(text.contains("\nskipper_route_error_total 1\n"))
        #expect(text.contains("\nprocess_resident_memory_bytes "))
    }

    @Test("compresses for those who accept it", arguments: [
        ("gzip", true), ("br, GZIP;q=0.5", true), ("gzip;q=0", false), ("gzip; q=0.000", false), ("br", false), ("", false), ("*", false), ("xgzip", false),
    ])
    func compression(acceptEncoding: String, isCompressed: Bool) {
        var options = AdminOptions()
        options.gzip = { _ in
            var buffer = ByteBuffer()
            buffer.append("small")
            return buffer
        }
        let (response, text) = ask(FakeSource(), "/metrics", acceptEncoding: acceptEncoding, options: options)
        #expect((text == "small") == isCompressed)
        #expect((response.value("Content-Encoding") == "gzip") == isCompressed)
        #expect(response.value("Vary") == "Accept-Encoding")
    }

    @Test("never compresses when that is switched off")
    func uncompressed() {
        let (response, text) = ask(FakeSource(), "/metrics", acceptEncoding: "gzip")
        #expect(response.value("Content-Encoding") == nil)
        #expect(text.hasPrefix("# HELP"))
    }
}

@Suite("/routes")
struct RoutesEndpointTests {
    private let source = FakeSource("""
        c: Path("/c") -> status(204) -> <shunt>;
        a: Path("/a") && Method("GET") -> setPath("/x") -> "http://10.0.0.1:80";
        b: * -> <loopback>;
        """)

    @Test("lists by id in three forms")
    func forms() {
        #expect(ask(source, "/routes", query: "nopretty").text == """
            a: Path("/a") && Method("GET") -> setPath("/x") -> "http://10.0.0.1:80";
            b: * -> <loopback>;
            c: Path("/c") -> status(204) -> <shunt>;
            """)
        #expect(ask(source, "/routes").text.hasPrefix("a: Path(\"/a\") && Method(\"GET\")\n  -> setPath(\"/x\")\n  -> \"http://10.0.0.1:80\";\n\nb: *"))
        let (response, json) = ask(source, "/routes", query: "limit=1", accept: "text/html, application/json;q=0.9")
        #expect(response.contentType == "application/json")
        #expect(json.hasPrefix(#"[{"id":"a","backend":{"type":"network","address":"http://10.0.0.1:80"},"#))
        #expect(json.hasSuffix("]\n"))
    }

    @Test("what it prints parses back to the same routes")
    func roundTrip() {
        for query in ["", "nopretty=true"] {
            let parsed = RouteDocument.parse(ask(source, "/routes", query: query).text)
            #expect(parsed.isValid)
            #expect(RouteDefinition.areCanonicallyEqual(parsed.document, source.routes))
        }
    }

    @Test("pages", arguments: [
        ("offset=1", ["b", "c"]), ("limit=1", ["a"]), ("offset=1&limit=1", ["b"]), ("offset=3", []), ("offset=99&limit=9", []),
        ("limit=0", []), ("limit=9223372036854775807", ["a", "b", "c"]), ("offset=9223372036854775807", []),
    ])
    func pages(query: String, ids: [String]) {
        let (response, text) = ask(source, "/routes", query: query + "&nopretty")
        #expect(text.split(separator: "\n").map { String($0.prefix(1)) } == ids)
        #expect(response.value("X-Count") == "3")
    }

    @Test("an empty page is empty in both forms")
    func emptyPage() {
        #expect(ask(source, "/routes", query: "limit=0").text.isEmpty)
        #expect(ask(source, "/routes", query: "limit=0", accept: "application/json").text == "[]\n")
    }

    @Test("refuses what is no number", arguments: ["offset=-1", "limit=-1", "offset=x", "limit=", "limit=1.5", "offset=99999999999999999999"])
    func refusedNumbers(query: String) { #expect(ask(source, "/routes", query: query).response.status == 400) }

    @Test("a page of other routes than those asked for is refused")
    func timestamp() {
        #expect(ask(source, "/routes").response.value("X-Timestamp") == "1700000000")
        #expect(ask(source, "/routes", query: "timestamp=1700000000").response.status == 200)
        for query in ["timestamp=1699999999", "timestamp=", "timestamp=x"] {
            #expect(ask(source, "/routes", query: query).response.status == 400)
        }
    }

    @Test("invalid routes come with their reasons, in a form that still parses")
    func invalid() {
        let source = FakeSource("good: * -> <shunt>;", refused: "bad: * -> nosuch() -> <shunt>;", message: "two\nlines")
        let (response, text) = ask(source, "/routes", query: "invalid=true&nopretty")
        #expect(response.value("X-Count") == "1")
        #expect(text == "// unknown_filter: two lines\nbad: * -> nosuch() -> <shunt>;")
        #expect(RouteDocument.parse(text).isValid)
        #expect(ask(source, "/routes", query: "invalid", accept: "application/json").text.contains(#""error":"unknown_filter: two\nlines""#))
        #expect(ask(source, "/routes", query: "invalid=false&nopretty").text.hasPrefix("good:"))
    }

    @Test("JSON is for those who name it", arguments: [
        ("application/json", true), ("APPLICATION/JSON", true), ("*/*", false), ("text/plain", false), ("application/json;q=0", false),
        ("application/json-seq", false), ("", false),
    ])
    func accept(accept: String, isJSON: Bool) {
        #expect((ask(source, "/routes", accept: accept).response.contentType == "application/json") == isJSON)
    }

    @Test("pieces make up the same text, whatever their size", arguments: [1, 7, 100, 4096])
    func pieces(limit: Int) {
        let entries = FakeSource.numbered(50).routes.map { RouteListing.Entry(definition: $0) }
        for form in [RouteListing.Form.pretty, .compact, .json] {
            var (whole, parts) = ([UInt8](), [UInt8]())
            var listing = RouteListing(entries, form: form)
            listing.append(to: &whole, limit: .max)
            listing = RouteListing(entries, form: form)
            while !listing.isComplete {
                var part: [UInt8] = []
                listing.append(to: &part, limit: limit)
                #expect(part.count < limit + 200)
                parts += part
            }
            #expect(parts == whole)
        }
    }
}

@Suite("Pages of many routes")
struct RoutePageTests {
    @Test("are what sorting all would give", arguments: [1, 2, 10, 257])
    func sameAsSorted(count: Int) {
        let sorted = FakeSource.numbered(count).routes.sorted { $0.id < $1.id }
        var random = SystemRandomNumberGenerator()
        for _ in 0..<50 {
            let (offset, limit) = (Int.random(in: 0...count + 1, using: &random), Int.random(in: 0...count + 1, using: &random))
            var shuffled = sorted.shuffled()
            let page = RoutePage.select(&shuffled, offset: offset, limit: limit)
            #expect(page.map(\.id) == sorted.dropFirst(offset).prefix(limit).map(\.id), "offset \(offset), limit \(limit)")
        }
    }

    @Test("equal ids do no harm")
    func equalIDs() {
        var routes = Array(repeating: FakeSource.numbered(1).routes[0], count: 100)
        #expect(RoutePage.select(&routes, offset: 40, limit: 20).count == 20)
    }
}

@Suite("/explain")
struct ExplainEndpointTests {
    private let source = FakeSource("a: Path(\"/a/:x\") && Method(\"POST\") && Source(\"10.0.0.0/8\") -> <shunt>; b: Path(\"/a/:x\") && Header(\"X-A\", \"1 2\") -> <shunt>;")

    @Test("tells what a request would take", arguments: [
        ("url=/a/1", "no route matches"), ("url=http%3A%2F%2Fh%2Fa%2F1&header=X-A:1+2", "2. b (weight 1): taken"),
        ("url=/a/1&method=POST&client-ip=10.1.1.1", "1. a (weight 2): taken"), ("url=/a/1&method=POST", "refused by Source(\"10.0.0.0/8\")"),
        ("url=/a/%2562&header=X-B:2&header=X-A:1%202", "parameter x = b"),
    ])
    func text(query: String, expected: String) {
        let (response, text) = ask(source, "/explain", query: query)
        #expect(response.status == 200)
        #expect(text.contains(expected), "\(text)")
    }

    @Test("as JSON for those who ask for it", arguments: [("url=/a/1&json", ""), ("url=/a/1", "application/json")])
    func json(query: String, accept: String) {
        let (response, text) = ask(source, "/explain", query: query, accept: accept)
        #expect(response.contentType == "application/json")
        #expect(text.hasPrefix("{\"request\":{\"method\":\"GET\",\"path\":\"/a/1\""))
    }

    @Test("what no request can be is 400", arguments: [
        ("", "url is missing"), ("url=a", "neither"), ("url=/a&header=x", "Name:Value"), ("url=/a&client-ip=x", "no IP address"),
        ("url=/a&path=/b", "unknown parameter \"path\""), ("url=/a%20b", "%20"), ("url=/a&method=A%20B", "no method"), ("url=/a&header=a%0d%0ab:c", "no request"),
    ])
    func refused(query: String, reason: String) {
        let (response, text) = ask(source, "/explain", query: query)
        #expect(response.status == 400)
        #expect(text.contains(reason), "\(text)")
    }
}
