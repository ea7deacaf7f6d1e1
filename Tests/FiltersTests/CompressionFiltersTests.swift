import Bytes
import Eskip
import Filters
import HTTP
import Testing

@Suite("Content codings")
struct CompressionFiltersTests {
    static let hello = [UInt8](String(repeating: "hello ", count: 200).utf8)
    /// Hardly compressible, larger than any buffer in between.
    static let noise: [UInt8] = {
        let services = BodyTestServices()
        return (0..<10_000).map { _ in UInt8(truncatingIfNeeded: services.randomWord() & 0x3F) }
    }()

    /// A response behind `compress`; `nil` for a header leaves it out.
    private func compressed(
        _ arguments: [Argument] = [], accept: String?, type: String? = "text/plain", status: UInt16 = 200, method: String = "GET",
        fields: [(String, String)] = [], framing: BodyFraming = .length(1200), environment: FilterEnvironment = FilterEnvironment()
    ) throws -> BodyExchange {
        let exchange = try BodyExchange(method)
        if let accept { exchange.requestHeader("Accept-Encoding", accept) }
        exchange.request(try makeFilters(("compress", arguments), environment: environment))
        exchange.respond(status, (type.map { [("Content-Type", $0)] } ?? []) + [("Content-Length", "1200")] + fields, framing: framing)
        exchange.response()
        return exchange
    }

    // MARK: Negotiation

    @Test("chooses the coding by weight, then by its own order", arguments: [
        ("gzip", "gzip"), ("GZIP", "gzip"), ("deflate", "deflate"), ("br", "br"), ("zstd", "zstd"), ("foo, deflate", "deflate"),
        ("br, gzip", "gzip"), ("gzip;q=0.5, br;q=0.5", "gzip"), ("gzip;q=0.2, deflate;q=0.9", "deflate"), ("gzip;q=0.2,br;q=.9", "br"),
        ("gzip;q=abc", "gzip"), ("gzip;q=abc, br;q=0.9", "gzip"), ("gzip;q=0.1, deflate;q=0", "gzip"), ("gzip ; Q=0.1 , zstd ; q=0.2", "zstd"),
        ("gzip;x=y;q=0.1, br;q=0.2", "br"), ("gzip;q=1.000, br;q=1", "gzip"), ("gzip;q=0.0001, br;q=0.0002", "br"), ("gzip;q=5,br", "gzip"),
        ("gzip;q=1.0.0;q=0, br;q=0.9", "gzip"), ("gzip;q=, br;q=0.5", "gzip"),
        ("identity", nil), ("*", nil), ("", nil), (nil, nil), ("gzip;q=0", nil), ("gzip;q=0.000", nil), ("gzip;q=0, br;q=0", nil), ("x-gzip", nil),
    ] as [(String?, String?)])
    func negotiation(accept: String?, coding: String?) throws {
        let exchange = try compressed(accept: accept)
        #expect(exchange.responseValues("Content-Encoding") == (coding.map { [$0] } ?? []))
        #expect(exchange.responseValues("Vary") == (coding == nil ? [] : ["Accept-Encoding"]))
        #expect(exchange.responseValues("Content-Length") == (coding == nil ? ["1200"] : []))
        #expect(exchange.responseTransforms.count == (coding == nil ? 0 : 1))
    }

    @Test("only the first Accept-Encoding line counts")
    func firstLine() throws {
        let exchange = try BodyExchange()
        exchange.requestHeader("Accept-Encoding", "identity")
        exchange.requestHeader("Accept-Encoding", "gzip")
        exchange.request(try makeFilters(("compress", [])))
        exchange.respond(200, [("Content-Type", "text/plain")])
        exchange.response()
        #expect(exchange.responseTransforms.isEmpty)
    }

    @Test("the operator's order and choice of codings", arguments: [
        (["br", "gzip"], "gzip, br", "br"), (["zstd"], "gzip, br", nil), (["deflate", "gzip"], "gzip, deflate;q=0.9", "gzip"), ([], "gzip", nil),
    ] as [([String], String, String?)])
    func preference(names: [String], accept: String, coding: String?) throws {
        var environment = FilterEnvironment()
        environment.compressEncodings = names
        #expect(try compressed(accept: accept, environment: environment).responseValues("Content-Encoding").first == coding)
    }

    @Test("compresses its media types", arguments: [
        ([], "text/plain", true), ([], "text/html; charset=utf-8", true), ([], "TEXT/Plain", true), ([], "text/plain ;x", true), ([], "image/png", false),
        ([], "image/svg+xml", true), ([], "application/octet-stream", true), ([], nil, false), ([], "", false), ([], "text/plainer", false),
        (["text/x"], "text/plain", false), (["text/x"], "text/x", true), (["text/x", "text/y"], "text/y", true), (["...", "text/x"], "text/x", true),
        (["...", "text/x"], "text/css", true), (["..."], "application/json", true), ([5, "...", "text/x"], "text/x", true), ([5, "text/x"], "text/css", false),
    ] as [([Argument], String?, Bool)])
    func mediaTypes(arguments: [Argument], type: String?, isCompressed: Bool) throws {
        #expect(try compressed(arguments, accept: "gzip", type: type).responseTransforms.isEmpty != isCompressed)
    }

    @Test("leaves alone what it must not touch", arguments: [
        ("Content-Encoding", "gzip", false), ("Content-Encoding", "identity", true), ("Content-Encoding", "IDENTITY", true), ("Cache-Control", "no-transform", false),
        ("Cache-Control", "public, No-Transform", false), ("Cache-Control", "public", true), ("ETag", "\"abc\"", true),
    ])
    func untouched(name: String, value: String, isCompressed: Bool) throws {
        let exchange = try compressed(accept: "gzip", fields: [(name, value)])
        #expect(exchange.responseTransforms.isEmpty != isCompressed)
        if name == "ETag" { #expect(exchange.responseValues("ETag") == ["\"abc\""]) }
    }

    @Test("Vary is not doubled", arguments: [
        ("accept-encoding", ["accept-encoding"]), ("Origin", ["Origin", "Accept-Encoding"]), ("Origin, Accept-Encoding", ["Origin, Accept-Encoding"]),
    ])
    func vary(value: String, expected: [String]) throws {
        #expect(try compressed(accept: "gzip", fields: [("Vary", value)]).responseValues("Vary") == expected)
    }

    @Test("any status with a body, but no part of a representation")
    func statuses() throws {
        for (status, framing, fields, isCompressed) in [
            (500, .length(1200), [], true), (404, .chunked, [], true), (200, .untilClose, [], true), (206, .length(5), [("Content-Range", "bytes 0-4/36")], false),
            (204, .none, [], false), (304, .none, [], false), (200, .length(0), [], false),
        ] as [(UInt16, BodyFraming, [(String, String)], Bool)] {
            let exchange = try compressed(accept: "gzip", status: status, fields: fields, framing: framing)
            #expect(exchange.responseValues("Content-Encoding").isEmpty != isCompressed, "\(status)")
        }
    }

    @Test("the answer to HEAD looks like that to GET")
    func head() throws {
        let exchange = try compressed(accept: "gzip", method: "HEAD", framing: .none)
        #expect(exchange.responseValues("Content-Encoding") == ["gzip"])
        #expect(exchange.responseValues("Content-Length") == [])
        // The transform tells the exchange that a length it knows is not that of the body.
        #expect(exchange.responseTransforms.count == 1)
    }

    @Test("refuses arguments", arguments: [[99], [12], [-3], [.number(1.5)], ["text/plain", 1], [1, 2]] as [[Argument]])
    func refused(arguments: [Argument]) {
        #expect(throws: FilterArgumentError.self) { try makeInstance("compress", arguments) }
    }

    // MARK: Streams

    @Test("what is compressed decompresses, at every level and however it is cut",
        arguments: ["gzip", "deflate", "br", "zstd"], [-2, -1, 0, 1, 5, 9, 11])
    func roundTrip(coding: String, level: Int) throws {
        for (body, piece, limit) in [(Self.hello, 1200, 100_000), (Self.hello, 7, 64), (Self.noise, 4000, 1000), (Self.noise, 10_000, 100_000), ([0x61], 1, 64)] {
            let exchange = try BodyExchange()
            exchange.requestHeader("Accept-Encoding", coding)
            exchange.request(try makeFilters(("decompress", []), ("compress", [.number(Double(level))])))
            exchange.respond(200, [("Content-Type", "text/plain")])
            exchange.response()
            #expect(exchange.responseTransforms.count == 2)
            #expect(exchange.responseValues("Content-Encoding") == [])
            let result = exchange.responseBody(split(body, piece), limit: limit)
            #expect(result.failure == nil)
            #expect(result.bytes == body)
        }
    }

    @Test("an empty stream is a stream", arguments: ["gzip", "deflate", "br", "zstd"])
    func empty(coding: String) throws {
        let exchange = try compressed(accept: coding, framing: .chunked)
        let encoded = exchange.responseBody([[]])
        #expect(!encoded.bytes.isEmpty)
        #expect(try decoded(encoded.bytes, coding).bytes == [])
    }

    @Test("each piece goes out at once, as server-sent events need", arguments: ["gzip", "deflate", "br", "zstd"])
    func flushes(coding: String) throws {
        let exchange = try BodyExchange()
        exchange.requestHeader("Accept-Encoding", coding)
        exchange.request(try makeFilters(("decompress", []), ("compress", [])))
        exchange.respond(200, [("Content-Type", "text/plain")])
        exchange.response()
        let result = exchange.responseBody([bytes("data: 1\n\n"), bytes("data: 2\n\n"), bytes("data: 3\n\n")], limit: 1000)
        #expect(result.pieces == [bytes("data: 1\n\n"), bytes("data: 2\n\n"), bytes("data: 3\n\n")])
    }

    @Test("encoders are reused without a trace of the body before", arguments: ["gzip", "deflate", "zstd"])
    func reuse(coding: String) throws {
        for round in 0..<20 {
            let exchange = try compressed(accept: coding, framing: .chunked)
            let body = bytes("round \(round) ") + Self.hello.prefix(round * 10)
            // Every other one is given up in the middle.
            if round % 2 == 1, let transform = exchange.responseTransforms.first {
                var output = ByteBuffer()
                _ = body.withUnsafeBytes { transform.transform($0, isLast: false, limit: 1000, into: &output) }
                continue
            }
            #expect(try decoded(exchange.responseBody([body], limit: 1000).bytes, coding).bytes == body)
        }
    }

    // MARK: Decompression

    private func decoded(_ body: [UInt8], _ coding: String, piece: Int = 1 << 20, limit: Int = 1000) throws -> PumpedBody {
        let exchange = try BodyExchange()
        exchange.request(try makeFilters(("decompress", [])))
        exchange.respond(200, [("Content-Encoding", coding)])
        exchange.response()
        return exchange.responseBody(body.isEmpty ? [[]] : split(body, piece), limit: limit)
    }

    /// `hello ` twenty times, by other programs: Python's zlib, zstd 1.5; brotli's one is `hello` alone.
    static let vectors: [(String, String, Int)] = [
        ("deflate", "cb48cdc9c957c8a03b0900", 20), ("deflate", "789ccb48cdc9c957c8a03b090077ba2c11", 20),
        ("gzip", "1f8b0800000000000203cb48cdc9c957c8a03b09002ffaf84878000000", 20),
        ("br", "0b028068656c6c6f03", 0), ("zstd", "28b52ffd04586d00003068656c6c6f2001002f6929027a3e7c28", 20),
    ]

    @Test("reads what others wrote", arguments: vectors, [1, 2, 1000])
    func foreign(vector: (coding: String, hex: String, count: Int), piece: Int) throws {
        let expected = vector.count == 0 ? "hello" : String(repeating: "hello ", count: vector.count)
        let result = try decoded(hexBytes(vector.hex), vector.coding, piece: piece, limit: 10)
        #expect(result.failure == nil)
        #expect(result.text == expected)
    }

    @Test("broken and cut data fail the stream", arguments: vectors)
    func broken(vector: (coding: String, hex: String, count: Int)) throws {
        let body = hexBytes(vector.hex)
        for cut in 1..<body.count {
            #expect(try decoded(Array(body.prefix(cut)), vector.coding).failure == 502, "\(vector.coding) cut at \(cut)")
        }
        #expect(try decoded(bytes("not compressed at all"), vector.coding).failure == 502)
        #expect(try decoded(body + bytes("garbage"), vector.coding).failure == 502)
        #expect(try decoded([], vector.coding).failure == nil)
    }

    @Test("members and frames may follow each other", arguments: ["gzip", "zstd"])
    func members(coding: String) throws {
        let member = hexBytes(Self.vectors.last { $0.0 == coding }!.1)
        #expect(try decoded(member + member, coding, piece: 5, limit: 10).text == String(repeating: "hello ", count: 40))
    }

    @Test("undoes stacked codings", arguments: [("deflate, gzip", ["deflate", "gzip"]), ("zstd,BR , gzip", ["zstd", "br", "gzip"])])
    func stacked(field: String, codings: [String]) throws {
        var body = Self.hello
        for coding in codings { body = try compressed(accept: coding, framing: .chunked).responseBody([body], limit: 1 << 20).bytes }
        #expect(try decoded(body, field, piece: 3, limit: 100).bytes == Self.hello)
    }

    @Test("leaves alone what it cannot undo", arguments: ["gzip, foo", "identity", "", "gzip, gzip, gzip, gzip, gzip"])
    func notPossible(field: String) throws {
        let exchange = try BodyExchange()
        exchange.request(try makeFilters(("decompress", ["x", 1])))
        exchange.respond(200, [("Content-Encoding", field), ("Vary", "Accept-Encoding"), ("Content-Length", "5")])
        exchange.response()
        #expect(exchange.responseTransforms.isEmpty)
        #expect(exchange.responseValues("Content-Encoding") == [field])
        #expect(exchange.responseValues("Vary") == ["Accept-Encoding"])
        #expect(exchange.responseValues("Content-Length") == ["5"])
        #expect(exchange.context.bag["filter::decompress::not-possible"] == "true")
    }

    @Test("removes the fields that spoke of the coding")
    func decompressedFields() throws {
        let exchange = try BodyExchange()
        exchange.request(try makeFilters(("decompress", [])))
        exchange.respond(200, [("Content-Encoding", "gzip"), ("Vary", "Accept-Encoding"), ("Content-Length", "5")])
        exchange.response()
        for name in ["Content-Encoding", "Vary", "Content-Length"] { #expect(exchange.responseValues(name) == []) }
    }

    @Test("a bomb is read no faster than it is taken", arguments: ["gzip", "br", "zstd"])
    func bomb(coding: String) throws {
        let zeros = [UInt8](repeating: 0, count: 1_000_000)
        let body = try compressed([9], accept: coding, framing: .chunked).responseBody([zeros], limit: 1 << 20).bytes
        #expect(body.count < 10_000)
        // The pump checks that no output exceeds the limit.
        #expect(try decoded(body, coding, limit: 4096).bytes.count == zeros.count)
    }
}

private func hexBytes(_ hex: String) -> [UInt8] {
    split(bytes(hex), 2).map { ASCII.hexValue($0[0])! << 4 | ASCII.hexValue($0[1])! }
}
