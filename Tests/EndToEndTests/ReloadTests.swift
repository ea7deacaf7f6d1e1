import Glibc
import Synchronization
import TestSupport
import Testing

@Suite("Route files that change while they serve")
struct ReloadTests {
    private let origin: LoopbackOrigin
    private let folder: TemporaryFolder
    private let proxy: FairwayProcess

    init() throws {
        origin = try LoopbackOrigin(answer: Setup.answer)
        folder = try TemporaryFolder()
        try folder.write(ReloadTests.routes(0, origin), to: "routes.eskip")
        proxy = try FairwayProcess(routesFile: "\(folder.path)/routes.eskip")
    }

    private static func routes(_ version: Int, _ origin: LoopbackOrigin) -> String {
        "all: * -> setResponseHeader(\"X-Version\", \"\(version)\") -> \"\(origin.url)\";\n"
    }

    private func version() throws -> Int? { try RawClient.get("/", port: proxy.port).value("X-Version").flatMap { Int($0) } }

    private func waitForVersion(_ expected: Int) throws {
        try Patience.wait(for: "version \(expected) to serve; the log:\n\(proxy.log)") { try version() == expected }
    }

    /// Clients that keep asking, and what went wrong for them.
    private final class Load: Sendable {
        private struct State {
            var isStopped = false
            var running = 0
            var answers = 0
            var failures: [String] = []
        }

        private let state = Mutex(State())

        var answers: Int { state.withLock { $0.answers } }

        init(clients: Int, port: UInt16) {
            state.withLock { $0.running = clients }
            for number in 0..<clients { onThread { self.run(number, port) } }
        }

        private func run(_ number: Int, _ port: UInt16) {
            do {
                var client = try RawClient(port: port)
                var last = 0
                var round = 0
                while !state.withLock({ $0.isStopped }) {
                    round += 1
                    // Some come anew with each request, some send bodies.
                    if number % 3 == 0 { client = try RawClient(port: port) }
                    let body = number % 2 == 0 ? "" : String(repeating: "b", count: round % 5_000)
                    let response = try client.exchange(body.isEmpty ? get("/\(number)") : post("/\(number)", body))
                    let version = Int(response.value("X-Version") ?? "") ?? -1
                    let isRight = response.status == 200 && version >= last && response.bodyText == (body.isEmpty ? "GET /\(number) " : "POST /\(number) \(body)")
                    if !isRight { state.withLock { $0.failures.append("\(response.startLine), version \(version) after \(last)") } }
                    last = version
                    state.withLock { $0.answers += 1 }
                }
            } catch {
                state.withLock { $0.failures.append("\(error)") }
            }
            state.withLock { $0.running -= 1 }
        }

        func stop() throws -> [String] {
            state.withLock { $0.isStopped = true }
            try Patience.wait(for: "clients to stop") { state.withLock { $0.running == 0 } }
            return state.withLock { $0.failures }
        }
    }

    @Test("twenty renames under load lose nothing") func renames() throws {
        let load = Load(clients: 6, port: proxy.port)
        for version in 1...20 {
            try folder.replace("routes.eskip", by: ReloadTests.routes(version, origin))
            try waitForVersion(version)
            let answers = load.answers
            try Patience.wait(for: "clients to go on") { load.answers > answers + 20 }
        }
        #expect(try load.stop() == [])
    }

    /// Endpoints come and go while all else stays: the routes are not made anew, and no request may notice.
    @Test("endpoints that change under load lose nothing") func endpoints() throws {
        let origins = [origin, try LoopbackOrigin(answer: Setup.answer), try LoopbackOrigin(answer: Setup.answer)]
        func routes(_ version: Int) -> String {
            let urls = (version..<version + 1 + version % 3).map { "\"\(origins[$0 % 3].url)\"" }
            return """
                even: Path("/0") -> setResponseHeader("X-Version", "1") -> <roundRobin, \(urls.joined(separator: ", "))>;
                odd: Path("/1") -> setResponseHeader("X-Version", "1") -> <consistentHash, \(urls.joined(separator: ", "))>;
                all: * -> setResponseHeader("X-Version", "1") -> \(urls[0]);

                """
        }
        try folder.replace("routes.eskip", by: routes(0))
        try waitForVersion(1)
        let load = Load(clients: 6, port: proxy.port)
        for version in 1...30 {
            try folder.replace("routes.eskip", by: routes(version))
            // Everybody meets them, the one whose origin is new to the route among them.
            let before = origins.map(\.requests.count)
            try Patience.wait(for: "requests at origin \(version % 3); the log:\n\(proxy.log)") { origins[version % 3].requests.count > before[version % 3] }
        }
        #expect(try load.stop() == [])
    }

    @Test("a request that began under the old routes ends under them") func inFlight() throws {
        let client = try RawClient(port: proxy.port)
        try client.send("POST /slow HTTP/1.1\r\nHost: a.test\r\nContent-Length: 10\r\n\r\nhello")
        try Patience.wait(for: "its route, and the connection it needs") { origin.connectionCount > 0 }
        #expect(try version() == 0)
        try folder.replace("routes.eskip", by: "all: * -> status(418) -> <shunt>;\n")
        try Patience.wait(for: "the new routes") { try RawClient.get("/", port: proxy.port).status == 418 }
        try client.send("world")
        let response = try client.readResponse()
        #expect(response.status == 200 && response.value("X-Version") == "0" && response.bodyText == "POST /slow helloworld")
        #expect(try client.exchange(get("/")).status == 418)
    }

    @Test("a file is read again when written in place, replaced, or swapped by its link") func kinds() throws {
        try folder.write(ReloadTests.routes(1, origin), to: "routes.eskip")
        try waitForVersion(1)
        try folder.replace("routes.eskip", by: ReloadTests.routes(2, origin))
        try waitForVersion(2)
        try folder.write(ReloadTests.routes(3, origin), to: "routes.eskip")
        try waitForVersion(3)
    }

    /// As the kubelet mounts a ConfigMap: the file is a link through `..data`, a link to a folder, which is renamed over.
    @Test("a mounted ConfigMap that is updated") func configMap() throws {
        let mount = try TemporaryFolder()
        func publish(_ version: Int) throws {
            mkdir("\(mount.path)/..\(version)", 0o755)
            try mount.write(ReloadTests.routes(version, origin), to: "..\(version)/routes.eskip")
            symlink("..\(version)", "\(mount.path)/..data_tmp")
            rename("\(mount.path)/..data_tmp", "\(mount.path)/..data")
        }
        try publish(1)
        symlink("..data/routes.eskip", "\(mount.path)/routes.eskip")
        let proxy = try FairwayProcess(routesFile: "\(mount.path)/routes.eskip")
        for version in 1...4 {
            if version > 1 { try publish(version) }
            try Patience.wait(for: "version \(version)") { try RawClient.get("/", port: proxy.port).value("X-Version") == "\(version)" }
        }
    }

    @Test("a bad file changes nothing, says why, and recovers", arguments: ["all: * -> \"http://", "all: * -> noSuchFilter() -> <shunt>;", "{", "all: Path( -> <shunt>"]) func bad(text: String) throws {
        try folder.replace("routes.eskip", by: text)
        if !text.contains("noSuchFilter") {
            try Patience.wait(for: "a complaint; the log:\n\(proxy.log)") { proxy.log.contains("routes.eskip:1:") }
            #expect(try version() == 0)
        }
        try folder.replace("routes.eskip", by: ReloadTests.routes(1, origin))
        try waitForVersion(1)
    }

    @Test("a file that vanishes keeps its routes, and its return is noticed") func vanishing() throws {
        try folder.remove("routes.eskip")
        Patience.pause(milliseconds: 300)
        #expect(try version() == 0)
        try folder.write(ReloadTests.routes(1, origin), to: "routes.eskip")
        try waitForVersion(1)
    }

    @Test("SIGHUP reads the files") func hangup() throws {
        proxy.signal(SIGHUP)
        #expect(try version() == 0)
        try folder.write(ReloadTests.routes(1, origin), to: "routes.eskip")
        proxy.signal(SIGHUP)
        try waitForVersion(1)
        #expect(proxy.ended() == nil)
    }

    @Test("SIGHUP opens log files anew, so that they can be moved away") func rotation() throws {
        let proxy = try FairwayProcess(routes: "all: * -> \"\(origin.url)\"", flags: ["-access-log", "\(folder.path)/access"])
        func lines(_ name: String, _ count: Int) throws {
            try Patience.wait(for: "\(count) lines in \(name)") { folder.text(of: name)?.split(separator: "\n").count == count }
        }
        _ = try RawClient.get("/before", port: proxy.port)
        try lines("access", 1)
        #expect(rename("\(folder.path)/access", "\(folder.path)/moved") == 0)
        _ = try RawClient.get("/moved", port: proxy.port)
        try lines("moved", 2)
        proxy.signal(SIGHUP)
        try Patience.wait(for: "a new file") { folder.text(of: "access") != nil }
        _ = try RawClient.get("/after", port: proxy.port)
        try lines("access", 1)
        try lines("moved", 2)
    }
}
