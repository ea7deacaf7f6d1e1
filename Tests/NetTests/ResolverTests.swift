import Bytes
@testable import Net
import TestSupport
import Testing

/// A resolver on a loop of its own, with a scripted name server on loopback.
private final class ResolverRun {
    let run: LoopRun
    let server: LoopbackNameServer
    private(set) var resolver: Resolver!

    init(_ configure: (inout ResolverOptions) -> Void = { _ in }, answers: @escaping @Sendable (LoopbackNameServer.Question) -> LoopbackNameServer.Reply) throws {
        run = try LoopRun()
        server = try LoopbackNameServer(answers)
        var options = ResolverOptions()
        options.servers = [SocketAddress(.loopbackV4, port: server.port)]
        // Nobody is asked twice because this machine is slow; silence has limits of its own.
        options.attemptTimeout = 10_000_000_000
        options.lookupTimeout = 20_000_000_000
        options.expiredAnswerAfter = 10_000_000_000
        options.attempts = 2
        options.hostsPath = "/nonexistent/hosts"
        configure(&options)
        resolver = Resolver(loop: run.loop, options: options)
    }

    deinit { resolver = nil }

    func resolve(_ name: String) throws -> Result<[String], ResolveError> {
        try resolve([name])[0]
    }

    /// Asks for all at once.
    func resolve(_ names: [String]) throws -> [Result<[String], ResolveError>] {
        var results = [Result<[String], ResolveError>?](repeating: nil, count: names.count)
        var callCount = 0
        for (index, name) in names.enumerated() {
            resolver.resolve(Array(name.utf8)) { result in
                results[index] = result.map { $0.map(\.description) }
                callCount += 1
            }
        }
        try run.run(until: "answers for \(names)") { !results.contains { $0 == nil } }
        #expect(callCount == names.count, "each completion is called once")
        return results.map { $0! }
    }
}

@Suite("Resolver")
struct ResolverTests {
    @Test("takes the addresses of both families")
    func bothFamilies() throws {
        let run = try ResolverRun { _ in .records([.address("both.test", "127.0.0.9"), .address("both.test", "2001:db8::9")]) }
        let addresses = try run.resolve("both.test").get()
        #expect(Set(addresses) == ["127.0.0.9", "2001:db8::9"])
        #expect(Set(run.server.questions.map(\.type)) == [1, 28])
    }

    @Test("asks for one family only if told so", arguments: [(AddressFamilies.ipv4Only, UInt16(1), "127.0.0.9"), (.ipv6Only, 28, "2001:db8::9")])
    func oneFamily(families: AddressFamilies, type: UInt16, address: String) throws {
        let run = try ResolverRun({ $0.families = families }) { _ in
            .records([.address("one.test", "127.0.0.9"), .address("one.test", "2001:db8::9")])
        }
        #expect(try run.resolve("one.test") == .success([address]))
        #expect(run.server.questions.map(\.type) == [type])
    }

    @Test("follows aliases, and the shortest time to live counts")
    func aliases() throws {
        let run = try ResolverRun({ $0.lifetimeMin = 1; $0.families = .ipv4Only }) { question in
            .records([.alias(question.name, "real.test", lifetime: 0), .address("real.test", "127.0.0.8", lifetime: 300)])
        }
        #expect(try run.resolve("alias.test") == .success(["127.0.0.8"]))
        try run.run.run(milliseconds: 5)
        #expect(try run.resolve("alias.test") == .success(["127.0.0.8"]))
        #expect(run.server.questions.count == 2)
    }

    @Test("takes an answer that fits no datagram over TCP")
    func truncated() throws {
        let addresses = (1...200).map { "127.0.1.\($0)" }
        let run = try ResolverRun({ $0.families = .ipv4Only }) { question in
            question.isStream ? .records(addresses.map { .address("many.test", $0) }) : .truncated
        }
        #expect(Set(try run.resolve("many.test").get()) == Set(addresses))
        #expect(run.server.questions.map(\.isStream) == [false, true])
    }

    @Test("asks once for callers that come together, and not again while the answer lives")
    func coalescing() throws {
        let run = try ResolverRun({ $0.families = .ipv4Only }) { _ in .records([.address("same.test", "127.0.0.7")]) }
        let results = try run.resolve(Array(repeating: "same.test", count: 50) + ["SAME.test"])
        #expect(results.allSatisfy { $0 == .success(["127.0.0.7"]) })
        #expect(try run.resolve("Same.Test") == .success(["127.0.0.7"]))
        #expect(run.server.questions.count == 1)
        #expect(run.resolver.counters.lookups == 1)
        #expect(run.resolver.counters.hits == 1)
    }

    @Test("each caller starts with another address")
    func rotation() throws {
        let run = try ResolverRun({ $0.families = .ipv4Only }) { _ in
            .records((1...3).map { .address("turn.test", "127.0.0.\($0)") })
        }
        let first = try (0..<6).map { _ in try run.resolve("turn.test").get()[0] }
        #expect(Set(first[..<3]).count == 3)
        #expect(first[..<3] == first[3...])
    }

    @Test("answers at once what needs no question", arguments: [
        ("127.0.0.1", ["127.0.0.1"]), ("::1", ["::1"]), ("2001:DB8::1", ["2001:db8::1"]),
        ("localhost", ["127.0.0.1", "::1"]), ("LocalHost.", ["127.0.0.1", "::1"]), ("api.localhost", ["127.0.0.1", "::1"]),
    ])
    func withoutQuestion(host: String, addresses: [String]) throws {
        let run = try ResolverRun { _ in .code(3) }
        var result: Result<[IPAddress], ResolveError>?
        run.resolver.resolve(Array(host.utf8)) { result = $0 }
        #expect(try result?.get().map(\.description) == addresses)
        #expect(run.server.questions.isEmpty)
    }

    @Test("refuses what is no name without asking", arguments: [
        "", ".", "a..b", ".a", "a b", "a\0b", "exämple.test", "a/b", "a:80", "[::1]", "%31", "127.1", "1.2.3.256", "010.0.0.1", "2130706433", "0x7f000001.1",
        String(repeating: "a", count: 64) + ".test", Array(repeating: "abcdefg", count: 40).joined(separator: "."), "a.test\n", "fe80::1%eth0",
    ])
    func refused(host: String) throws {
        let run = try ResolverRun { _ in .records([.address(host, "127.0.0.1")]) }
        var result: Result<[IPAddress], ResolveError>?
        run.resolver.resolve(Array(host.utf8)) { result = $0 }
        guard case .failure(.failed) = result else {
            Issue.record("\(String(describing: result))")
            return
        }
        #expect(run.server.questions.isEmpty)
    }

    @Test("takes the longest name there can be")
    func longest() throws {
        let name = (Array(repeating: String(repeating: "a", count: 63), count: 3) + [String(repeating: "b", count: 61)]).joined(separator: ".")
        #expect(name.utf8.count == 253)
        let run = try ResolverRun({ $0.families = .ipv4Only }) { .records([.address($0.name, "127.0.0.1")]) }
        #expect(try run.resolve(name) == .success(["127.0.0.1"]))
    }
}

@Suite("Resolver: name servers that fail")
struct ResolverFailureTests {
    @Test("an answer without an address is no address", arguments: ["nxdomain", "nodata", "loop", "foreign"])
    func notFound(what: String) throws {
        let run = try ResolverRun { question in
            switch what {
            case "nxdomain": .code(3)
            case "nodata": .records([])
            case "loop": .records([.alias("a.test", "b.test"), .alias("b.test", "a.test")])
            default: .records([.alias("a.test", "elsewhere.test")])
            }
        }
        guard case .failure(let error) = try run.resolve("a.test") else {
            Issue.record("an address")
            return
        }
        #expect(error == .notFound("a.test"))
    }

    @Test("an answer that cannot be read is a failure", arguments: [
        [], [0x81], [0x81, 0x80, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0], Array(repeating: 0xc0, count: 300),
    ] as [[UInt8]])
    func garbage(bytes: [UInt8]) throws {
        let run = try ResolverRun({ $0.attemptTimeout = 200_000_000 }) { _ in .garbage(bytes) }
        guard case .failure(let error) = try run.resolve("a.test") else {
            Issue.record("an address")
            return
        }
        if case .notFound = error { Issue.record("garbage taken for an answer") }
    }

    @Test("refusals and failures are failures", arguments: [1, 2, 4, 5])
    func codes(code: UInt8) throws {
        let run = try ResolverRun { _ in .code(code) }
        guard case .failure(.failed) = try run.resolve("a.test") else {
            Issue.record("no failure")
            return
        }
    }

    @Test("silence is a timeout, whose callers all hear of it")
    func silence() throws {
        let run = try ResolverRun({ $0.attemptTimeout = 20_000_000 }) { _ in .silence }
        let results = try run.resolve(Array(repeating: "a.test", count: 5))
        #expect(results.allSatisfy { $0 == .failure(.timedOut) })
    }

    @Test("callers do not wait longer than the limit, and a late answer serves the next one")
    func patience() throws {
        let gate = Gate()
        let run = try ResolverRun({
            $0.lookupTimeout = 20_000_000
            $0.failureLifetime = 1
            $0.families = .ipv4Only
        }) { _ in
            try? gate.wait()
            return .records([.address("a.test", "127.0.0.1")])
        }
        #expect(try run.resolve("a.test") == .failure(.timedOut))
        gate.open()
        try run.run.run(until: "the late answer") { (try? run.resolve("a.test")) == .success(["127.0.0.1"]) }
        #expect(run.server.questions.count == 1)
    }

    @Test("a family that stays silent does not make an answer of the other's emptiness")
    func halfSilent() throws {
        let run = try ResolverRun({ $0.attemptTimeout = 20_000_000 }) { $0.type == 1 ? .silence : .records([]) }
        #expect(try run.resolve("a.test") == .failure(.timedOut))
    }

    @Test("the last good addresses go on serving", arguments: ["servfail", "silence", "refused", "garbage"])
    func lastGood(failure: String) throws {
        let run = try ResolverRun({
            $0.lifetimeMin = 1
            $0.expiredAnswerAfter = 30_000_000
            $0.families = .ipv4Only
        }, answers: Failing(failure).reply)
        #expect(try run.resolve("a.test") == .success(["127.0.0.1"]))
        for _ in 0..<3 {
            try run.run.run(milliseconds: 5)
            #expect(try run.resolve("a.test") == .success(["127.0.0.1"]))
        }
        #expect(run.resolver.counters.staleAnswers == 3)
        #expect(run.server.questions.count > 1)
    }

    @Test("that there is no such name ends the last good addresses")
    func lastGoodEnds() throws {
        let run = try ResolverRun({ $0.lifetimeMin = 1; $0.families = .ipv4Only }, answers: Failing("nxdomain").reply)
        #expect(try run.resolve("a.test") == .success(["127.0.0.1"]))
        try run.run.run(milliseconds: 5)
        #expect(try run.resolve("a.test") == .failure(.notFound("a.test")))
    }

    @Test("no server at the port is a failure")
    func nobody() throws {
        let run = try ResolverRun({ options in options.servers = [SocketAddress(.loopbackV4, port: 1)] }) { _ in .silence }
        guard case .failure(let error) = try run.resolve("a.test") else {
            Issue.record("an address")
            return
        }
        if case .notFound = error { Issue.record("\(error)") }
    }

    @Test("too many lookups at once fail, and those under way do not")
    func lookupLimit() throws {
        let run = try ResolverRun({ $0.lookupsMax = 2; $0.families = .ipv4Only }) { .records([.address($0.name, "127.0.0.1")]) }
        let results = try run.resolve(["a.test", "b.test", "c.test", "a.test"])
        #expect(results[0] == .success(["127.0.0.1"]))
        #expect(results[1] == .success(["127.0.0.1"]))
        #expect(results[2] == .failure(.failed("2 lookups are under way")))
        #expect(results[3] == .success(["127.0.0.1"]))
        #expect(try run.resolve("c.test") == .success(["127.0.0.1"]))
    }

    @Test("closing tells whoever waits, once")
    func closing() throws {
        let run = try ResolverRun { _ in .silence }
        var results: [Result<[IPAddress], ResolveError>] = []
        for name in ["a.test", "b.test", "a.test"] { run.resolver.resolve(Array(name.utf8)) { results.append($0) } }
        run.resolver.close()
        #expect(results.count == 3)
        run.resolver.resolve(Array("c.test".utf8)) { results.append($0) }
        #expect(results.count == 4)
        for result in results { #expect(result == .failure(.failed("the resolver is closed"))) }
    }

    /// Good for one question, then failing.
    private final class Failing: Sendable {
        private let failure: String
        private let count = Counter()

        init(_ failure: String) { self.failure = failure }

        var reply: @Sendable (LoopbackNameServer.Question) -> LoopbackNameServer.Reply {
            { [self] question in
                if count.next() == 0 { return .records([.address(question.name, "127.0.0.1", lifetime: 0)]) }
                switch failure {
                case "servfail": return .code(2)
                case "refused": return .code(5)
                case "nxdomain": return .code(3)
                case "garbage": return .garbage([0x81, 0x80, 0xff])
                default: return .silence
                }
            }
        }
    }
}
