import Bytes
import Eskip
import Filters
import HTTP
import Testing

@Suite("Load balancing filters, filters.md §5")
struct LoadBalancingFiltersTests {
    // MARK: fadeIn, endpointCreated

    @Test("fadeIn takes milliseconds or a duration, and an exponent", arguments: [
        ([Argument.number(180_000)], 180_000_000_000, 1.0), (["3m"], 180_000_000_000, 1), (["1.5s", 2], 1_500_000_000, 2),
        ([.number(0.5), 0.25], 500_000, 0.25), (["0"], 0, 1), (["1m", -1], 60_000_000_000, -1),
    ] as [([Argument], UInt64, Double)])
    func fadeIn(arguments: [Argument], duration: UInt64, exponent: Double) throws {
        guard case .trait(.fadeIn(let foundDuration, let foundExponent)) = try makeInstance("fadeIn", arguments) else {
            Issue.record("no fade-in")
            return
        }
        #expect(foundDuration == duration && foundExponent == exponent)
    }

    @Test("endpointCreated takes an address and a time", arguments: [
        (["http://10.0.0.1:8080", 1_608_305_400], "10.0.0.1:8080", 1_608_305_400),
        (["https://example.org", .number(0.5)], "example.org:443", 0.5),
        (["10.0.0.1:8080", 1], "10.0.0.1:8080", 1), (["Example.org", 1], "example.org:80", 1), (["http://[::1]:81/x", 1], "[::1]:81", 1),
        (["http://a", "2020-12-18T15:30:00Z"], "a:80", 1_608_305_400), (["http://a", "2020-12-18t16:30:00.25+01:00"], "a:80", 1_608_305_400.25),
        (["http://a", "2020-12-18T10:00:00-05:30"], "a:80", 1_608_305_400), (["http://a", "1970-01-01T00:00:00Z"], "a:80", 0),
        (["http://a", "2024-02-29T23:59:60Z"], "a:80", 1_709_251_200), (["http://a", "0001-01-01T00:00:00Z"], "a:80", -62_135_596_800),
        (["http://a", "9999-12-31T23:59:59Z"], "a:80", 253_402_300_799), (["http://a", "2000-03-01T00:00:00Z"], "a:80", 951_868_800),
    ] as [([Argument], String, Double)])
    func endpointCreated(arguments: [Argument], address: String, seconds: Double) throws {
        guard case .trait(.endpointCreated(let foundAddress, let foundSeconds)) = try makeInstance("endpointCreated", arguments) else {
            Issue.record("no creation time")
            return
        }
        #expect(foundAddress == address && foundSeconds == seconds)
    }

    // MARK: Refusals

    @Test("refuses arguments that make no sense", arguments: [
        ("fadeIn", []), ("fadeIn", ["1m", 1, 1]), ("fadeIn", [-1]), ("fadeIn", ["-1s"]), ("fadeIn", ["soon"]), ("fadeIn", ["180000"]),
        ("fadeIn", ["1m", "1"]),
        ("endpointCreated", []), ("endpointCreated", ["http://a"]), ("endpointCreated", ["http://a", 1, 1]), ("endpointCreated", [1, 1]),
        ("endpointCreated", ["ftp://a", 1]), ("endpointCreated", ["", 1]), ("endpointCreated", ["http://a:0", 1]),
        ("endpointCreated", ["http://a", "yesterday"]), ("endpointCreated", ["http://a", "2020-12-18"]),
        ("endpointCreated", ["http://a", "2020-12-18T15:30:00"]), ("endpointCreated", ["http://a", "2020-13-18T15:30:00Z"]),
        ("endpointCreated", ["http://a", "2021-02-29T15:30:00Z"]), ("endpointCreated", ["http://a", "1900-02-29T15:30:00Z"]),
        ("endpointCreated", ["http://a", "2020-04-31T15:30:00Z"]), ("endpointCreated", ["http://a", "2020-12-00T15:30:00Z"]),
        ("endpointCreated", ["http://a", "2020-12-18T24:00:00Z"]), ("endpointCreated", ["http://a", "2020-12-18T15:30:00.Z"]),
        ("endpointCreated", ["http://a", "2020-12-18T15:30:00Z01:00"]), ("endpointCreated", ["http://a", "2020-12-18T15:30:00+1:00"]),
        ("endpointCreated", ["http://a", "2020-12-18 15:30:00Z"]), ("endpointCreated", ["http://a", " 2020-12-18T15:30:00Z"]),
        ("consistentHashKey", []), ("consistentHashKey", [1]), ("consistentHashKey", ["a", "b"]),
        ("consistentHashBalanceFactor", []), ("consistentHashBalanceFactor", ["1.25"]), ("consistentHashBalanceFactor", [0.99]),
        ("consistentHashBalanceFactor", [-2]), ("consistentHashBalanceFactor", [1, 2]),
        ("setDynamicBackendHost", []), ("setDynamicBackendHost", [1]), ("setDynamicBackendHost", ["a", "b"]),
        ("setDynamicBackendScheme", []), ("setDynamicBackendUrl", [80]), ("setDynamicBackendHostFromHeader", []),
        ("setDynamicBackendHostFromHeader", ["X Y"]), ("setDynamicBackendSchemeFromHeader", [""]), ("setDynamicBackendUrlFromHeader", [1]),
    ] as [(String, [Argument])])
    func refusals(name: String, arguments: [Argument]) {
        #expect(throws: FilterArgumentError.self) { try makeInstance(name, arguments) }
    }

    // MARK: Consistent hashing

    @Test("consistentHashKey hashes its expansion", arguments: [
        ("fixed", "fixed"), ("${request.header.X-User}", "ann"), ("${request.cookie.session}-${request.method}", "42-GET"), ("", ""),
    ])
    func key(template: String, key: String) throws {
        let exchange = try BodyExchange()
        exchange.requestHeader("X-User", "ann")
        exchange.requestHeader("Cookie", "session=42")
        exchange.request(try makeFilters(("consistentHashKey", [.string(template)])))
        #expect(exchange.context.settings.consistentHash == XXHash64.hash(key))
    }

    @Test("a key with something missing is no key", arguments: ["${request.header.X-User}", "a-${request.cookie.session}-${request.method}"])
    func unresolvedKey(template: String) throws {
        let exchange = try BodyExchange()
        exchange.request(try makeFilters(("consistentHashKey", ["earlier"]), ("consistentHashKey", [.string(template)])))
        #expect(exchange.context.settings.consistentHash == nil)
    }

    @Test("consistentHashBalanceFactor bounds the load")
    func balanceFactor() throws {
        let exchange = try BodyExchange()
        exchange.request(try makeFilters(("consistentHashBalanceFactor", [1.25])))
        #expect(exchange.context.settings.balanceFactor == 1.25)
        exchange.request(try makeFilters(("consistentHashBalanceFactor", [1])))
        #expect(exchange.context.settings.balanceFactor == 1)
    }

    // MARK: Dynamic backends

    struct Chosen: Equatable {
        var scheme: String?, host: String?, urlScheme: String?, urlHost: String?, outgoing: String?
    }

    private func chosen(_ exchange: BodyExchange) -> Chosen {
        let context = exchange.context
        func text(_ range: ByteRange?) -> String? { range.map { context.request.headers.slice($0).text } }
        return Chosen(
            scheme: text(context.settings.dynamicScheme), host: text(context.settings.dynamicHost),
            urlScheme: text(context.settings.dynamicURL?.scheme), urlHost: text(context.settings.dynamicURL?.host),
            outgoing: context.outgoingHost?.text)
    }

    @Test("sets host and scheme")
    func hostAndScheme() throws {
        let exchange = try BodyExchange()
        exchange.request(try makeFilters(("setDynamicBackendHost", ["a.test:81"]), ("setDynamicBackendScheme", ["https"])))
        #expect(chosen(exchange) == Chosen(scheme: "https", host: "a.test:81", outgoing: "a.test:81"))
    }

    @Test("takes scheme and host of a URL and nothing else")
    func url() throws {
        let exchange = try BodyExchange()
        exchange.request(try makeFilters(("setDynamicBackendUrl", ["https://user@a.test:81/path?q"])))
        #expect(chosen(exchange) == Chosen(urlScheme: "https", urlHost: "a.test:81", outgoing: "a.test:81"))
    }

    @Test("the filter that ran last decides the outgoing host")
    func outgoingHost() throws {
        let exchange = try BodyExchange()
        exchange.request(try makeFilters(("setDynamicBackendUrl", ["http://a.test"]), ("setDynamicBackendHost", ["b.test"])))
        #expect(chosen(exchange) == Chosen(host: "b.test", urlScheme: "http", urlHost: "a.test", outgoing: "b.test"))
        exchange.request(try makeFilters(("setDynamicBackendUrl", ["h2c://c.test"])))
        #expect(chosen(exchange) == Chosen(host: "b.test", urlScheme: "h2c", urlHost: "c.test", outgoing: "c.test"))
    }

    @Test("takes them from fields of the request")
    func fromFields() throws {
        let exchange = try BodyExchange()
        // Values long enough to move the head's block while they are copied.
        let host = String(repeating: "h", count: 250), path = String(repeating: "p", count: 5_000)
        exchange.requestHeader("X-Host", "\(host):81")
        exchange.requestHeader("X-Scheme", "HTTPS")
        exchange.requestHeader("X-Url", "http://u.test/\(path)")
        exchange.request(try makeFilters(
            ("setDynamicBackendUrlFromHeader", ["x-url"]), ("setDynamicBackendHostFromHeader", ["X-Host"]),
            ("setDynamicBackendSchemeFromHeader", ["x-scheme"])))
        #expect(chosen(exchange) == Chosen(
            scheme: "HTTPS", host: "\(host):81", urlScheme: "http", urlHost: "u.test", outgoing: "\(host):81"))
    }

    @Test("what names no server is as good as absent", arguments: [
        ("Host", ""), ("Host", "a b"), ("Host", "a:0"), ("Host", "user@a"), ("Host", "http://a"), ("Host", "a/b"), ("Host", ":80"),
        ("Host", String(repeating: "a", count: 256)), ("Scheme", ""), ("Scheme", "ftp"), ("Scheme", "http:"), ("Url", ""), ("Url", "a.test"),
        ("Url", "//a.test"), ("Url", "ftp://a.test"), ("Url", "http://"), ("Url", "http://a:b:c"), ("Url", "http://a b"),
    ])
    func absent(part: String, value: String) throws {
        let exchange = try BodyExchange()
        exchange.requestHeader("X-Value", value)
        exchange.request(try makeFilters(
            ("setDynamicBackend\(part)", [.string(value)]), ("setDynamicBackend\(part)FromHeader", ["X-Value"]),
            ("setDynamicBackend\(part)FromHeader", ["X-Missing"])))
        #expect(chosen(exchange) == Chosen())
    }

    @Test("the client's own Host is no field that could choose the server")
    func clientHost() throws {
        let exchange = try BodyExchange()
        exchange.request(try makeFilters(("setDynamicBackendHostFromHeader", ["Host"])))
        #expect(chosen(exchange) == Chosen())
    }

    @Test("backendIsProxy says so, whatever its arguments", arguments: [[], ["x"], [1, 2]] as [[Argument]])
    func backendIsProxy(arguments: [Argument]) throws {
        let exchange = try BodyExchange()
        #expect(!exchange.context.settings.backendIsProxy)
        exchange.request(try makeFilters(("backendIsProxy", arguments)))
        #expect(exchange.context.settings.backendIsProxy)
    }
}
