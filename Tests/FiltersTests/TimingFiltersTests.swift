import Bytes
import Eskip
import Filters
import HTTP
import Testing

@Suite("Timeouts, latency and throttling")
struct TimingFiltersTests {
    @Test("timeouts go into the exchange's settings")
    func timeouts() throws {
        let exchange = try BodyExchange("POST", framing: .length(3))
        exchange.request(try makeFilters(("backendTimeout", ["150ms"]), ("readTimeout", ["2s"]), ("writeTimeout", ["1m"])))
        #expect(exchange.context.settings.backendTimeout == 150_000_000)
        #expect(exchange.context.settings.readTimeout == 2_000_000_000)
        #expect(exchange.context.settings.writeTimeout == 60_000_000_000)
    }

    @Test("readTimeout is for bodies of known length", arguments: [BodyFraming.none, .chunked, .length(0)])
    func readTimeout(framing: BodyFraming) throws {
        let exchange = try BodyExchange("POST", framing: framing)
        exchange.request(try makeFilters(("readTimeout", ["2s"])))
        #expect(exchange.context.settings.readTimeout == nil)
    }

    @Test("backendLatency waits before the backend", arguments: [(Argument.number(200), UInt64(200_000_000)), (.string("1.5s"), 1_500_000_000)])
    func backendLatency(argument: Argument, nanoseconds: UInt64) throws {
        let exchange = try BodyExchange()
        guard case .delay(nanoseconds) = exchange.request(try makeFilters(("backendLatency", [argument]))) else {
            Issue.record("no delay")
            return
        }
    }

    @Test("latency delays the body's first byte")
    func latency() throws {
        let exchange = try BodyExchange()
        exchange.request(try makeFilters(("latency", [200])))
        exchange.respond(framing: .length(6))
        guard case .next = exchange.response() else { Issue.record("the head waits"); return }
        let body = exchange.responseBody([bytes("one"), bytes("two")], limit: 2)
        #expect(body.text == "onetwo")
        #expect(body.pauses == [200_000_000])
    }

    @Test("latency delays the head where no body follows")
    func latencyWithoutBody() throws {
        let exchange = try BodyExchange("HEAD")
        exchange.request(try makeFilters(("latency", [200])))
        exchange.respond(framing: .none)
        guard case .delay(200_000_000) = exchange.response() else { Issue.record("no delay"); return }
    }

    @Test("random latencies stay where they must", arguments: [
        ("uniformRequestLatency", [100, 20], 80, 120),
        ("uniformRequestLatency", ["10ms", "20ms"], 0, 30),
        ("normalRequestLatency", [100, 0], 100, 100),
        ("histogramRequestLatency", ["1ms", 0, "5ms", 1, "6ms", 0, "1s"], 5, 6),
    ] as [(String, [Argument], UInt64, UInt64)])
    func random(name: String, arguments: [Argument], low: UInt64, high: UInt64) throws {
        let exchange = try BodyExchange()
        let filters = try makeFilters((name, arguments))
        var drawn: Set<UInt64> = []
        for _ in 0..<200 {
            guard case .delay(let nanoseconds) = exchange.request(filters) else { Issue.record("no delay"); return }
            #expect(nanoseconds >= low * 1_000_000 && nanoseconds <= high * 1_000_000)
            drawn.insert(nanoseconds)
        }
        #expect(low == high || drawn.count > 100)
    }

    @Test("normal latencies have mean and spread, response ones wait in the response phase")
    func normal() throws {
        let exchange = try BodyExchange()
        let filters = try makeFilters(("normalResponseLatency", [100, 10]))
        exchange.request(filters)
        var sum = 0.0, squares = 0.0
        for _ in 0..<2000 {
            guard case .delay(let nanoseconds) = exchange.response() else { Issue.record("no delay"); return }
            sum += Double(nanoseconds) / 1e6
            squares += (Double(nanoseconds) / 1e6 - 100) * (Double(nanoseconds) / 1e6 - 100)
        }
        #expect(abs(sum / 2000 - 100) < 1)
        #expect(abs((squares / 2000).squareRoot() - 10) < 1)
    }

    struct Throttle: Sendable {
        let name: String
        let arguments: [Argument]
        let count: Int
        let pauses: [UInt64]
    }

    @Test("throttled bodies take their time and keep their bytes", arguments: [
        Throttle(name: "bandwidth", arguments: [1], count: 2048, pauses: [512_000_000, 512_000_000, 512_000_000]),
        Throttle(name: "chunks", arguments: [1000, "20ms"], count: 2500, pauses: [20_000_000, 20_000_000]),
        Throttle(name: "chunks", arguments: [1000, 0], count: 2500, pauses: []),
    ], [1, 7, 512, 4096])
    func throttled(throttle: Throttle, piece: Int) throws {
        let body = (0..<throttle.count).map { UInt8(truncatingIfNeeded: $0) }
        let exchange = try BodyExchange("POST", framing: .length(UInt64(throttle.count)))
        exchange.request(try makeFilters((throttle.name, throttle.arguments), ("backend" + throttle.name.capitalizedASCII, throttle.arguments)))
        exchange.respond(framing: .length(UInt64(throttle.count)))
        exchange.response()
        for pumped in [exchange.requestBody(split(body, piece), limit: 64), exchange.responseBody(split(body, piece), limit: 5000)] {
            #expect(pumped.bytes == body)
            #expect(pumped.pauses == throttle.pauses)
        }
    }

    @Test("a fast bandwidth makes good what coarse timers lose")
    func fastBandwidth() throws {
        let exchange = try BodyExchange()
        // 512 bytes each 51.2 µs.
        exchange.request(try makeFilters(("bandwidth", [10_000])))
        exchange.respond()
        exchange.response()
        let transform = try #require(exchange.responseTransforms.first)
        let body = [UInt8](repeating: 0x61, count: 100_000)
        var taken = 0
        for _ in 0..<5 {
            var output = ByteBuffer()
            guard case .paused(let count, _) = body.withUnsafeBytes({ transform.transform($0.slice(taken, body.count), isLast: false, limit: 1 << 20, into: &output) })
            else { Issue.record("no pause"); return }
            #expect(output.count == count)
            taken += count
            exchange.services.now += 1_000_000
        }
        // The first piece and 4 ms.
        #expect(taken > 38_000 && taken < 42_000)
    }

    @Test("refuses arguments", arguments: [
        ("backendTimeout", []), ("backendTimeout", ["x"]), ("backendTimeout", [150]), ("backendTimeout", ["-1s"]),
        ("readTimeout", ["1s", "2s"]), ("writeTimeout", ["1"]),
        ("latency", []), ("latency", ["x"]), ("latency", [-1]), ("backendLatency", [1, 2]),
        ("uniformRequestLatency", [1]), ("uniformRequestLatency", [-1, 1]), ("normalResponseLatency", [1, "-1ms"]),
        ("histogramRequestLatency", ["1ms", 1]), ("histogramRequestLatency", ["1ms", 1, "1ms"]),
        ("histogramRequestLatency", ["1ms", -1, "2ms"]), ("histogramRequestLatency", ["1ms", 0, "2ms"]),
        ("histogramRequestLatency", ["1ms", 1, "2ms", 1]), ("histogramRequestLatency", [1, 1, 2]),
        ("bandwidth", [0]), ("bandwidth", [-5]), ("bandwidth", ["1"]), ("backendBandwidth", []),
        ("chunks", [0, 1]), ("chunks", [10]), ("backendChunks", [10, "x"]),
    ] as [(String, [Argument])])
    func refused(name: String, arguments: [Argument]) {
        #expect(throws: FilterArgumentError.self) { try makeInstance(name, arguments) }
    }
}

extension String {
    fileprivate var capitalizedASCII: String { prefix(1).uppercased() + dropFirst() }
}
