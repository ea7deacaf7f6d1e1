import Bytes
import HTTP
import Testing

@Suite("Chunked bodies, RFC 9112 §7.1")
struct ChunkedDecoderTests {
    @Test("sizes are hexadecimal, in any case, with few leading zeros", arguments: [("A", 10), ("a", 10), ("0a", 10), ("00000000000000a", 10), ("1F", 31)])
    func sizes(size: String, count: Int) throws {
        let data = String(repeating: "x", count: count)
        let decoded = try Decoded("\(size)\r\n\(data)\r\n0\r\n\r\n")
        #expect(decoded.isComplete && decoded.data == Array(data.utf8))
    }

    @Test("refuses a size line it could misread", arguments: [
        "+5", "-5", "0x5", "5 ", " 5", "\t5", "", "FFFFFFFFFFFFFFFF", "0000000000000005", "1000000000000000", "g", "5g", "5\u{0}", "5.", "5,5", "5\r", "5\n", "5;\u{0}", "5;\n", "5;a=\u{7f}", "\u{b}5", "５",
    ])
    func refusedSize(line: String) {
        #expect(throws: HTTPError.malformedChunkSize) { _ = try Decoded("\(line)\r\nhello\r\n0\r\n\r\n") }
    }

    @Test("extensions are skipped", arguments: ["5;a", "5;a=b", "5;a=\"b c\"", "5;\ta", "5;", "5;;", "5;a=é"])
    func extensions(line: String) throws {
        #expect(try Decoded("\(line)\r\nhello\r\n0;end\r\n\r\n").data == Array("hello".utf8))
    }

    @Test("extensions that outweigh the data are refused, moderate ones of a long body are not")
    func extensionLimit() throws {
        let long = String(repeating: "x", count: Limits.chunkLineBytesMax)
        #expect(throws: HTTPError.malformedChunkSize) { _ = try Decoded("5;\(long)\r\nhello\r\n0\r\n\r\n") }
        let small = String(repeating: "1;\(String(repeating: "x", count: 40))\r\na\r\n", count: 200)
        #expect(throws: HTTPError.malformedChunkSize) { _ = try Decoded(small + "0\r\n\r\n") }
        let signed = String(repeating: "40;sig=\(String(repeating: "0", count: 40))\r\n\(String(repeating: "d", count: 64))\r\n", count: 2_000)
        #expect(try Decoded(signed + "0\r\n\r\n").data.count == 128_000)
    }

    @Test("refuses data that do not end where the size says", arguments: ["5\r\nhellox\r\n", "5\r\nhello\n", "5\r\nhello\rx", "5\r\nhello0\r\n\r\n", "5\r\nhell\r\n0\r\n\r\n", "0\rx"])
    func refusedData(body: String) {
        #expect(throws: HTTPError.self) { _ = try Decoded(body) }
    }

    @Test("trailers keep their lines", arguments: ["X: y\r\n", "X: y\r\nZ:\r\n", "Grpc-Status: 0\r\nGrpc-Message: a b\tc\r\n", "X:é\r\n", "X: y\r\nX: y\r\n"])
    func trailers(lines: String) throws {
        let decoded = try Decoded("0\r\n\(lines)\r\n")
        #expect(decoded.isComplete && decoded.trailers == Array(lines.utf8))
    }

    @Test("refuses trailers that are no field lines, or belong into the head", arguments: [
        ("X\r\n", .malformedFieldName), (": y\r\n", .malformedFieldName), ("X : y\r\n", .malformedFieldName), (" X: y\r\n", .obsoleteFold), ("X: y\r\n z\r\n", .obsoleteFold),
        ("X: \u{0}\r\n", .malformedFieldValue), ("X: \u{7f}\r\n", .malformedFieldValue), ("X: y\n", .bareLineFeed), ("\n", .bareLineFeed), ("X\n: y\r\n", .bareLineFeed), ("X: y\rZ: z\r\n", .bareCarriageReturn),
        ("X\r: y\r\n", .malformedFieldName), ("Content-Length: 5\r\n", .forbiddenTrailer), ("transfer-encoding: chunked\r\n", .forbiddenTrailer), ("X: y\r\nHost: b\r\n", .forbiddenTrailer),
        ("Connection: close\r\n", .forbiddenTrailer), ("X: \(String(repeating: "x", count: Limits.trailerBytesMax))\r\n", .trailerTooLarge), (String(repeating: "a: b\r\n", count: 4_000), .trailerTooLarge),
        ("\rX", .bareCarriageReturn),
    ] as [(String, HTTPError)])
    func refusedTrailers(lines: String, error: HTTPError) {
        #expect(throws: error) { _ = try Decoded("0\r\n\(lines)\r\n") }
    }

    @Test("data of many chunks are moved together")
    func compaction() throws {
        let chunks = (1...60).map { String($0, radix: 16) + "\r\n" + String(repeating: Character(UnicodeScalar(UInt8(65 + $0 % 26))), count: $0) + "\r\n" }
        let decoded = try Decoded(chunks.joined() + "0\r\n\r\n")
        #expect(String(decoding: decoded.data, as: UTF8.self) == (1...60).map { String(repeating: Character(UnicodeScalar(UInt8(65 + $0 % 26))), count: $0) }.joined())
    }
}

@Suite("Bodies of every framing")
struct BodyDecoderTests {
    private func decode(_ framing: BodyFraming, _ text: String) throws -> (consumed: Int, data: String, isComplete: Bool) {
        var decoder = BodyDecoder()
        decoder.begin(framing)
        var bytes = Array(text.utf8)
        let result = try bytes.withUnsafeMutableBytes { try decoder.decode($0) }
        return (result.consumed, String(decoding: bytes[result.data], as: UTF8.self), decoder.isComplete)
    }

    @Test("each takes its own bytes and leaves the rest", arguments: [
        (.none, "abc", 0, "", true), (.length(0), "abc", 0, "", true), (.length(2), "abc", 2, "ab", true), (.length(3), "abc", 3, "abc", true), (.length(5), "abc", 3, "abc", false),
        (.length(.max), "abc", 3, "abc", false), (.untilClose, "abc", 3, "abc", false), (.chunked, "2\r\nab\r\n0\r\n\r\nc", 12, "ab", true), (.chunked, "5\r\nab", 5, "ab", false),
    ] as [(BodyFraming, String, Int, String, Bool)])
    func framings(framing: BodyFraming, text: String, consumed: Int, data: String, isComplete: Bool) throws {
        let result = try decode(framing, text)
        #expect(result.consumed == consumed && result.data == data && result.isComplete == isComplete)
    }

    @Test("only a body without framing may end with the connection", arguments: [(.none, false), (.length(5), false), (.chunked, false), (.untilClose, true)] as [(BodyFraming, Bool)])
    func ends(framing: BodyFraming, endsWithConnection: Bool) {
        var decoder = BodyDecoder()
        decoder.begin(framing)
        #expect(decoder.endsWithConnection == endsWithConnection)
    }

    @Test("bytes that went by are counted")
    func skipped() throws {
        var decoder = BodyDecoder()
        decoder.begin(.length(100))
        decoder.skip(60)
        #expect(decoder.lengthLeft == 40 && !decoder.isComplete)
        decoder.skip(40)
        #expect(decoder.lengthLeft == nil && decoder.isComplete)
    }

    @Test("a decoder begins anew with each message")
    func reuse() throws {
        var decoder = BodyDecoder()
        for _ in 0..<3 {
            decoder.begin(.chunked)
            var bytes = Array("1\r\na\r\n0\r\nX: y\r\n\r\n".utf8)
            let result = try bytes.withUnsafeMutableBytes { try decoder.decode($0) }
            #expect(decoder.isComplete && result.data.count == 1 && decoder.trailers.text == "X: y\r\n")
            decoder.begin(.length(1))
            #expect(!decoder.isComplete && decoder.trailers.isEmpty)
        }
    }
}

@Suite("Chunked bodies out")
struct ChunkedEncoderTests {
    private func encoded(_ data: String, isLast: Bool, trailers: String = "") -> String {
        trailers.withBytes { trailers in
            ChunkedEncoder.withFraming(data.utf8.count, isLast: isLast, trailers: trailers) { "\($0.text)\(data)\($1.text)" }
        }
    }

    @Test("sizes, the end and the trailers", arguments: [
        ("", false, "", ""), ("", true, "", "0\r\n\r\n"), ("a", false, "", "1\r\na\r\n"), ("0123456789abcdef", true, "", "10\r\n0123456789abcdef\r\n0\r\n\r\n"),
        ("", true, "X: y\r\n", "0\r\nX: y\r\n\r\n"), ("a", true, "X: y\r\n", "1\r\na\r\n0\r\nX: y\r\n\r\n"),
    ])
    func framing(data: String, isLast: Bool, trailers: String, expected: String) {
        #expect(encoded(data, isLast: isLast, trailers: trailers) == expected)
    }

    @Test("what is encoded decodes to itself", arguments: [1, 9, 10, 15, 16, 255, 256, 4_095, 4_096, 65_535, 65_536, 1_000_000])
    func roundTrip(count: Int) throws {
        let data = String(repeating: "d", count: count)
        let decoded = try Decoded(encoded(data, isLast: false) + encoded("", isLast: false) + encoded(data, isLast: true, trailers: "X: y\r\n"))
        #expect(decoded.isComplete && decoded.data.count == 2 * count && decoded.trailers == Array("X: y\r\n".utf8))
    }
}
