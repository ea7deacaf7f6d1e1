import HTTP
import Routing
import Synchronization
import TestSupport
import Testing

@testable import DataClients

/// An origin whose answer a test changes while it runs.
final class ScriptedDocument: Sendable {
    private final class Answer: Sendable {
        let text: Mutex<String>
        init(_ text: String) { self.text = Mutex(text) }
    }

    private let answer: Answer
    private let origin: LoopbackOrigin

    init(_ text: String) throws {
        let answer = Answer(text)
        self.answer = answer
        origin = try LoopbackOrigin(serve: { connection in
            while try connection.readRequest() != nil {
                let text = answer.text.withLock { $0 }
                try connection.send(text)
                if text.contains("Connection: close") || text.contains("silence") { return }
            }
        })
    }

    var url: String { origin.url }
    var requests: [RawMessage] { origin.requests }

    func set(_ text: String) { answer.text.withLock { $0 = text } }

    /// Waits until the present answer was given.
    func waitForAnswer() throws {
        // The request under way may still get the former one.
        try origin.waitForRequests(requests.count + 2)
    }

    static func ok(_ body: String, etag: String? = nil) -> String {
        "HTTP/1.1 200 OK\r\n\(etag.map { "ETag: \($0)\r\n" } ?? "")Content-Length: \(body.utf8.count)\r\n\r\n\(body)"
    }
}

@Suite("Routes from a URL")
struct RemoteRoutesTests {
    func serving(_ urls: [String], pollMilliseconds: UInt64 = 50, _ body: (ControlFixture) throws -> Void) throws {
        var options = DataClientOptions(files: [], pollMilliseconds: pollMilliseconds)
        options.routeURLs = urls
        let fixture = try ControlFixture(options)
        try body(fixture)
        try fixture.stop()
    }

    @Test("are loaded, asked for again, and kept through 304s, errors, cuts and nonsense")
    func life() throws {
        let document = try ScriptedDocument(ScriptedDocument.ok("a: * -> <shunt>;"))
        try serving([document.url + "/routes?x=1"], pollMilliseconds: 400) { fixture in
            let name = document.url + "/routes?x=1"
            try fixture.waitFor(ids: ["a"])
            #expect(document.requests.first?.startLine == "GET /routes?x=1 HTTP/1.1")
            #expect(document.requests.first?.value("If-None-Match") == nil)
            document.set(ScriptedDocument.ok("a: * -> <shunt>; b: * -> <shunt>;", etag: "\"v2\""))
            try fixture.waitFor(ids: ["a", "b"])
            document.set("HTTP/1.1 304 Not Modified\r\n\r\n")
            try document.waitForAnswer()
            #expect(document.requests.last?.value("If-None-Match") == "\"v2\"")
            #expect(fixture.ids == ["a", "b"])

            document.set("HTTP/1.1 500 Internal Server Error\r\nContent-Length: 4\r\n\r\noops")
            try fixture.waitForProblems(["\(name): answered 500, expected 200 or 304"])
            document.set(ScriptedDocument.ok("broken(", etag: "\"v3\""))
            try Patience.wait(for: "a parse error") { fixture.status.sources[0].problems.first?.hasPrefix("\(name):1:8: ") == true }
            #expect(document.requests.last?.value("If-None-Match") == "\"v2\"")
            document.set("HTTP/1.1 200 OK\r\nETag: \"v4\"\r\nContent-Length: 100\r\nConnection: close\r\n\r\na: * -> <shunt>;")
            try fixture.waitForProblems(["\(name): connection closed before the end of the response"])
            try document.waitForAnswer()
            #expect(document.requests.last?.value("If-None-Match") == "\"v2\"")
            document.set("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 1\r\n\r\nx")
            try fixture.waitForProblems(["\(name): the answer is encoded (Content-Encoding: gzip), which was not asked for"])
            document.set("HTTP/1.1 abc Nonsense\r\n\r\n")
            try Patience.wait(for: "a malformed response") { fixture.status.sources[0].problems.first?.contains("malformed response") == true }
            #expect(fixture.ids == ["a", "b"])

            document.set("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10\r\nc: * -> <shunt>;\r\n0\r\n\r\n")
            try fixture.waitFor(ids: ["c"])
            try fixture.waitForProblems([])
            document.set(ScriptedDocument.ok(""))
            try fixture.waitFor(ids: [])
        }
    }

    @Test("an answer that takes away all routes is believed when the next one has none either")
    func doubted() throws {
        let texts = ["a: * -> <shunt>;", "", "a: * -> <shunt>; b: * -> <shunt>;", "", "// none"]
        let asked = Counter()
        let origin = try LoopbackOrigin(serve: { connection in
            while try connection.readRequest() != nil {
                let number = min(asked.next(), texts.count - 1)
                try connection.send(ScriptedDocument.ok(texts[number], etag: "\"v\(number)\""))
            }
        })
        func askedWith() -> [String?] { origin.requests.map { $0.value("If-None-Match") } }
        try serving([origin.url], pollMilliseconds: 60_000) { fixture in
            try fixture.waitFor(ids: ["a"])
            let version = fixture.slot.version
            fixture.refresh()
            try fixture.waitFor(ids: ["a", "b"])
            #expect(fixture.slot.version == version + 1)
            #expect(askedWith() == [nil, "\"v0\"", nil])
            fixture.refresh()
            try fixture.waitFor(ids: [])
            #expect(askedWith() == [nil, "\"v0\"", nil, "\"v2\"", nil])
            #expect(fixture.status.sources[0].problems == [])
        }
    }

    @Test("that cannot be fetched at the start are waited for, and others serve")
    func lateStart() throws {
        let good = try ScriptedDocument(ScriptedDocument.ok("z: * -> <shunt>;"))
        let late = try ScriptedDocument("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
        try serving([late.url, good.url], pollMilliseconds: 400) { fixture in
            try fixture.waitFor(ids: ["z"])
            try fixture.waitForProblems(["\(late.url)/: answered 404, expected 200 or 304"])
            #expect(!fixture.status.isFirstLoadDone)
            late.set(ScriptedDocument.ok("a: * -> <shunt>;"))
            try fixture.waitFor(ids: ["a", "z"])
            try Patience.wait(for: "the first load") { fixture.status.isFirstLoadDone }
        }
    }

    @Test("without an answer in time, without a server", arguments: [
        ("silent", "/: not answered within 50 ms (-source-poll-timeout)"), ("dead", "/: connect: Connection refused"),
        ("https://127.0.0.1:1/r", "connect: Connection refused"),
    ])
    func noAnswer(url: String, problem: String) throws {
        let silent = try LoopbackOrigin(serve: { connection in while try connection.readRequest() != nil {} })
        let dead = "http://127.0.0.1:\(try FreePorts.next())"
        let urls = ["silent": silent.url, "dead": dead]
        try serving([urls[url] ?? url]) { fixture in
            try Patience.wait(for: "\(problem)") {
                fixture.status.sources[0].problems.first?.contains(problem) == true
            }
            #expect(fixture.ids == [])
            #expect(!fixture.status.isFirstLoadDone)
        }
    }

    @Test("an answer larger than the limit is not taken in")
    func tooLarge() throws {
        let document = try ScriptedDocument("HTTP/1.1 200 OK\r\nContent-Length: 300000000\r\n\r\n")
        try serving([document.url], pollMilliseconds: 1000) { fixture in
            try fixture.waitForProblems(["\(document.url)/: the answer has more than 268435456 bytes"])
        }
    }

    @Test("redirections are followed, but not for ever")
    func redirections() throws {
        let document = try ScriptedDocument(ScriptedDocument.ok("a: * -> <shunt>;"))
        let first = try ScriptedDocument("HTTP/1.1 302 Found\r\nLocation: \(document.url)/there\r\nContent-Length: 0\r\n\r\n")
        let circle = try ScriptedDocument("HTTP/1.1 301 Moved Permanently\r\nLocation: /again\r\nContent-Length: 0\r\n\r\n")
        try serving([first.url, circle.url], pollMilliseconds: 5_000) { fixture in
            try fixture.waitFor(ids: ["a"])
            #expect(document.requests.first?.startLine == "GET /there HTTP/1.1")
            try fixture.waitForProblems(["\(circle.url)/: answered 301, expected 200 or 304"], source: 1)
            #expect(circle.requests.prefix(6).map(\.startLine) == ["GET / HTTP/1.1"] + Array(repeating: "GET /again HTTP/1.1", count: 5))
        }
    }

    @Test("an entry without a scheme is a file")
    func file() throws {
        let file = try TemporaryFile("a: * -> <shunt>;")
        try serving([file.path]) { fixture in
            #expect(fixture.ids == ["a"])
            #expect(fixture.status.sources.map(\.name) == [file.path])
        }
    }

    @Test("the user in a URL is told to the server and to nobody else")
    func user() throws {
        let document = try ScriptedDocument("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
        let url = document.url.replacing("http://", with: "http://us%65r:pa%3Ass@")
        try serving([url + "/r"], pollMilliseconds: 400) { fixture in
            try fixture.waitForProblems(["\(document.url)/r: answered 403, expected 200 or 304"])
            #expect(document.requests.first?.value("Authorization") == "Basic dXNlcjpwYTpzcw==")
            #expect(!fixture.log.lines.contains { $0.contains("pa%3Ass") || $0.contains("pa:ss") })
        }
    }

    @Test("a large document changes by what changed in it")
    func large() throws {
        func text(_ changed: Int?) -> String {
            (0..<3000).map { "r\($0): Path(\"/\($0)\") -> \($0 == changed ? "<loopback>" : "<shunt>");" }.joined(separator: "\n")
        }
        let document = try ScriptedDocument(ScriptedDocument.ok(text(nil)))
        try serving([document.url], pollMilliseconds: 3000) { fixture in
            try Patience.wait(for: "3000 routes") { fixture.slot.table.count == 3000 }
            document.set(ScriptedDocument.ok(text(1234)))
            try fixture.waitFor("r1234", "r1234: Path(\"/1234\") -> <loopback>;")
            try fixture.waitForLog("1 upserted, 0 deleted, 3000 in all")
        }
    }
}

@Suite("URLs of documents")
struct FetchURLTests {
    @Test("taken apart", arguments: [
        ("http://h", "http://h", "/", nil), ("http://H:81/p/q?x=1#f", "http://h:81", "/p/q?x=1", nil), ("http://h?q", "http://h", "/?q", nil),
        ("http://u:p@h/@x", "http://h", "/@x", "Basic dTpw"), ("http://h#f", "http://h", "/", nil), ("http://[::1]:80/", "http://[::1]:80", "/", nil),
    ] as [(String, String, String, String?)])
    func parts(text: String, origin: String, target: String, authorization: String?) throws {
        let url = try FetchURL(text)
        #expect(url.origin.description == origin)
        #expect(url.target == target)
        #expect(url.authorization == authorization)
    }

    @Test("refused, without showing a password", arguments: ["h/p", "http://", "ftp://h", "h2c://u:secret@h/", "http://u:secret@:0/"])
    func refused(text: String) {
        #expect { _ = try FetchURL(text) } throws: { !"\($0)".contains("secret") }
    }

    @Test("of a flag's URLs each bad one is told, without its password")
    func problems() {
        let urls = ["http://h/", "http://:80/", "http://h/a b", "http://u:secret@h:70000/"]
        let reasons = ["host is missing", "are written percent-encoded in a URL", "not a number from 1 to 65535"]
        let problems = FetchURL.problems(urls, flag: "routes-urls")
        #expect(problems.count == reasons.count)
        for (problem, reason) in zip(problems, reasons) {
            #expect(problem.hasPrefix("-routes-urls ") && problem.hasSuffix(reason) && !problem.contains("secret"), "\(problem)")
        }
    }

    @Test("another server is not told who asks")
    func redirections() throws {
        let url = try FetchURL("http://u:p@h/a")
        #expect(url.redirected(to: "/b#f")?.target == "/b")
        #expect(url.redirected(to: "/b")?.authorization != nil)
        #expect(url.redirected(to: "http://other/b")?.authorization == nil)
        #expect(url.redirected(to: "//other/b") == nil)
        #expect(url.redirected(to: "https://other/")?.authorization == nil)
        #expect(url.redirected(to: "h2c://other/") == nil)
    }
}
