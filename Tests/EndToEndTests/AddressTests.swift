import Synchronization
import TestSupport
import Testing

@Suite("Addresses and names")
struct AddressTests {
    @Test("IPv6 on both sides", .enabled(if: Loopback.hasIPv6)) func ipv6() throws {
        let setup = try Setup(on: .ipv6)
        let client = try setup.client()
        #expect(try client.exchange("GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n").status == 200)
        #expect(setup.origin.requests.first?.value("Host") == "[::1]:\(setup.origin.port)")
    }

    @Test("a listener without an address serves both families", .enabled(if: Loopback.hasIPv6)) func bothFamilies() throws {
        let origin = try LoopbackOrigin(answer: Setup.answer)
        let proxy = try FairwayProcess(routes: "r: * -> \"\(origin.url)\"", on: nil)
        for loopback in [Loopback.ipv4, .ipv6] {
            #expect(try RawClient(port: proxy.port, on: loopback).exchange(get("/")).status == 200)
        }
    }

    /// A name server that answers for one address and can be made to fail.
    private func proxy(_ origin: LoopbackOrigin, _ names: LoopbackNameServer, routes: String? = nil) throws -> FairwayProcess {
        try FairwayProcess(routes: routes ?? "r: * -> \"http://up.test:\(origin.port)\"", flags: ["-dns-servers", "127.0.0.1:\(names.port)", "-disable-http-keepalives"])
    }

    @Test("names are asked for at the given servers, once for many requests") func names() throws {
        let origin = try LoopbackOrigin(answer: Setup.answer)
        let names = try LoopbackNameServer { .records([.address($0.name, "127.0.0.1")]) }
        let proxy = try proxy(origin, names)
        for _ in 0..<10 { #expect(try RawClient.get("/", port: proxy.port).status == 200) }
        // One for each family, unless an answer took so long that it was asked for again.
        #expect((2..<10).contains(names.questions.count))
        #expect(origin.requests.first?.value("Host") == "up.test:\(origin.port)")
    }

    @Test("they are asked for the hosts of -routes-urls, too") func routesByName() throws {
        let origin = try LoopbackOrigin(answer: { _ in ok("r: * -> status(299) -> <shunt>;") })
        let names = try LoopbackNameServer { .records([.address($0.name, "127.0.0.1")]) }
        let proxy = try FairwayProcess(
            routes: "", flags: ["-inline-routes", "", "-dns-servers", "127.0.0.1:\(names.port)", "-routes-urls", "http://routes.test:\(origin.port)/routes"])
        try Patience.wait(for: "the routes; the log:\n\(proxy.log)") { try RawClient.get("/", port: proxy.port).status == 299 }
    }

    @Test("every address of a name is tried") func manyAddresses() throws {
        let origin = try LoopbackOrigin(answer: Setup.answer)
        // Nobody listens on the others.
        let names = try LoopbackNameServer { name in .records(["127.7.7.1", "127.7.7.2", "127.0.0.1"].map { .address(name.name, $0) }) }
        let proxy = try proxy(origin, names)
        for _ in 0..<6 { #expect(try RawClient.get("/", port: proxy.port).status == 200) }
    }

    @Test("the last good addresses serve while the name servers fail", arguments: ["silence", "servfail"]) func lastGood(failure: String) throws {
        let origin = try LoopbackOrigin(answer: Setup.answer)
        let fails = Mutex(false), askedInVain = Counter()
        let names = try LoopbackNameServer { question in
            if !fails.withLock({ $0 }) { return .records([.address(question.name, "127.0.0.1", lifetime: 0)]) }
            askedInVain.next()
            return failure == "silence" ? .silence : .code(2)
        }
        let proxy = try proxy(origin, names)
        #expect(try RawClient.get("/", port: proxy.port).status == 200)
        fails.withLock { $0 = true }
        Patience.pause(milliseconds: 1_100)
        for _ in 0..<3 { #expect(try RawClient.get("/", port: proxy.port).status == 200) }
        try Patience.wait(for: "another question") { askedInVain.value > 0 }
    }

    @Test("a name that does not exist is a 502, and does not hold up others") func unknown() throws {
        let origin = try LoopbackOrigin(answer: Setup.answer)
        let names = try LoopbackNameServer { $0.name.hasPrefix("silent") ? .silence : .code(3) }
        let routes = "known: Path(\"/known\") -> \"\(origin.url)\"; gone: Path(\"/gone\") -> \"http://gone.test\"; silent: Path(\"/silent\") -> \"http://silent.test\""
        let proxy = try proxy(origin, names, routes: routes)
        let waiting = try RawClient(port: proxy.port)
        try waiting.send(get("/silent"))
        #expect(try RawClient.get("/gone", port: proxy.port).status == 502)
        #expect(try RawClient.get("/known", port: proxy.port).status == 200)
        #expect(waiting.isQuiet(milliseconds: 50))
        // Giving up while the name is being looked for is the caller's right.
        waiting.reset()
        #expect(try RawClient.get("/known", port: proxy.port).status == 200)
    }
}
