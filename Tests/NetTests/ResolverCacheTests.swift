import Bytes
@testable import Net
import TestSupport
import Testing

private let name = Array("a.test".utf8)
private let second: UInt64 = 1_000_000_000

private func address(_ text: String) -> IPAddress { IPAddress(text)! }

private func options(_ change: (inout ResolverOptions) -> Void = { _ in }) -> ResolverOptions {
    var options = ResolverOptions()
    options.lifetimeMin = 2 * second
    options.lifetimeMax = 60 * second
    options.staleMax = 100 * second
    options.notFoundLifetime = 5 * second
    options.failureLifetime = 3 * second
    change(&options)
    return options
}

@Suite("Answers of name servers over time")
struct ResolverCacheTests {
    @Test("an answer is fresh for its lifetime, within bounds", arguments: [(0, 2), (1, 2), (10, 10), (100, 60), (.max / second, 60)] as [(UInt64, UInt64)])
    func lifetime(given: UInt64, kept: UInt64) {
        var cache = ResolverCache(options: options())
        _ = cache.store([address("10.0.0.1")], lifetime: given * second, for: name, now: 0)
        #expect(cache.answer(name, now: kept * second - 1) == .fresh([address("10.0.0.1")]))
        #expect(cache.answer(name, now: kept * second) == .expired)
        #expect(cache.answer(name, now: (kept + 100) * second) == .unknown)
    }

    @Test("a failure makes an expired answer serve, with pauses between new questions")
    func failures() {
        var cache = ResolverCache(options: options())
        let good = [address("10.0.0.1")]
        _ = cache.store(good, lifetime: 10 * second, for: name, now: 0)
        #expect(cache.fail(name, .timedOut, now: 20 * second) == good)
        #expect(cache.answer(name, now: 21 * second) == .stale(good, mayAskAgain: false))
        #expect(cache.answer(name, now: 23 * second) == .stale(good, mayAskAgain: true))
        #expect(cache.fail(name, .failed("x"), now: 109 * second) == good)
        #expect(cache.answer(name, now: 110 * second) == .failed(.failed("x")))
        #expect(cache.answer(name, now: 112 * second) == .unknown)
        #expect(cache.fail(name, .failed("x"), now: 113 * second) == nil)
    }

    @Test("a new answer ends a failure")
    func recovery() {
        var cache = ResolverCache(options: options())
        #expect(cache.fail(name, .timedOut, now: 0) == nil)
        #expect(cache.answer(name, now: second) == .failed(.timedOut))
        _ = cache.store([address("10.0.0.2")], lifetime: 10 * second, for: name, now: second)
        #expect(cache.answer(name, now: 2 * second) == .fresh([address("10.0.0.2")]))
        #expect(cache.answer(name, now: 11 * second) == .expired)
    }

    @Test("that there is no such name is believed for a short time and forgets the addresses")
    func notFound() {
        var cache = ResolverCache(options: options())
        _ = cache.store([address("10.0.0.1")], lifetime: 10 * second, for: name, now: 0)
        #expect(cache.fail(name, .notFound("a.test"), now: 10 * second) == nil)
        #expect(cache.answer(name, now: 14 * second) == .failed(.notFound("a.test")))
        #expect(cache.answer(name, now: 15 * second) == .unknown)
        #expect(cache.fail(name, .timedOut, now: 16 * second) == nil)
    }

    @Test("turns the addresses of the family in front only")
    func rotation() {
        var cache = ResolverCache(options: options())
        let all = ["2001:db8::1", "2001:db8::2", "10.0.0.1", "10.0.0.2"].map(address)
        #expect(cache.store(all, lifetime: 10 * second, for: name, now: 0) == all)
        #expect(cache.answer(name, now: 1) == .fresh([all[1], all[0], all[2], all[3]]))
        #expect(cache.answer(name, now: 1) == .fresh(all))
    }

    @Test("a full cache forgets the name not used for longest")
    func bounded() {
        var cache = ResolverCache(options: options { $0.namesMax = 3 })
        func key(_ index: Int) -> [UInt8] { Array("n\(index)".utf8) }
        for index in 0..<3 { _ = cache.store([address("10.0.0.\(index)")], lifetime: 10 * second, for: key(index), now: 0) }
        #expect(cache.answer(key(0), now: 1) == .fresh([address("10.0.0.0")]))
        #expect(cache.fail(key(3), .timedOut, now: 1) == nil)
        #expect(cache.answer(key(1), now: 1) == .unknown)
        #expect(cache.answer(key(0), now: 1) == .fresh([address("10.0.0.0")]))
        #expect(cache.answer(key(2), now: 1) == .fresh([address("10.0.0.2")]))
        for index in 10..<1000 { _ = cache.store([address("10.0.0.1")], lifetime: second, for: key(index), now: 0) }
        #expect(cache.count == 3)
        for index in 997..<1000 { #expect(cache.answer(key(index), now: 1) == .fresh([address("10.0.0.1")])) }
    }

    @Test("keeps the order of use as a list would", arguments: SeededRandom.seeds(4))
    func orderOfUse(seed: UInt64) {
        var random = SeededRandom(seed)
        var cache = ResolverCache(options: options { $0.namesMax = 8 })
        var model: [Int] = []
        for step in 0..<5_000 {
            let index = random.below(16)
            let key = Array("n\(index)".utf8)
            let isKnown = model.contains(index)
            let answer = cache.answer(key, now: 1)
            #expect((answer != .unknown) == isKnown, "seed \(seed), step \(step)")
            if isKnown { model.removeAll { $0 == index } } else { _ = cache.store([.loopbackV4], lifetime: second, for: key, now: 0) }
            model.append(index)
            if model.count > 8 { model.removeFirst() }
        }
    }
}

@Suite("The hosts file")
struct HostsFileTests {
    private let text = """
        # a comment
        127.0.0.1\tlocalhost
        10.0.0.5   Shop shop.test # 10.0.0.9 wrong
        fe80::1%eth0 zoned
        10.0.0.6 shop
        2001:db8::5 shop
        nonsense shop
        10.0.0.7
        10.0.0.8\tlast.test\r
        10.0.0.5 shop
        """

    @Test("knows names in any case, all their addresses once", arguments: [
        ("shop", ["10.0.0.5", "10.0.0.6", "2001:db8::5"]), ("shop.test", ["10.0.0.5"]), ("last.test", ["10.0.0.8"]),
        ("wrong", []), ("zoned", []), ("10.0.0.7", []), ("", []),
    ])
    func names(name: String, addresses: [String]) {
        let names = HostsFile.parse(Array(text.utf8))
        #expect((names[Array(name.utf8)] ?? []).map(\.description) == addresses)
    }

    @Test("survives any bytes", arguments: SeededRandom.seeds(4))
    func soup(seed: UInt64) {
        var random = SeededRandom(seed)
        for _ in 0..<500 {
            let bytes = (0..<random.below(200)).map { _ in Array("\n\t #.:019afz\0\u{ff}".utf8)[random.below(15)] }
            _ = HostsFile.parse(bytes)
        }
    }

    @Test("serves before the name servers, with and without the final dot, and is read again")
    func precedence() throws {
        let file = try TemporaryFile("10.1.1.1 pinned.test\n")
        var hosts = HostsFile(path: file.path, lifetime: 10)
        let pinned = Array("pinned.test".utf8)
        #expect(hosts.addresses(of: pinned, families: .both, now: 0) == [address("10.1.1.1")])
        #expect(hosts.addresses(of: pinned + [0x2E], families: .ipv4Only, now: 0) == [address("10.1.1.1")])
        #expect(hosts.addresses(of: pinned, families: .ipv6Only, now: 0) == nil)
        #expect(hosts.addresses(of: Array("other.test".utf8), families: .both, now: 0) == nil)
        try file.write("10.1.1.2 pinned.test\n")
        #expect(hosts.addresses(of: pinned, families: .both, now: 9) == [address("10.1.1.1")])
        #expect(hosts.addresses(of: pinned, families: .both, now: 10) == [address("10.1.1.2")])
        try file.remove()
        #expect(hosts.addresses(of: pinned, families: .both, now: 20) == nil)
    }
}
