import Bytes
@testable import Filters
import Testing

@Suite("Whole texts in gzip format")
struct GzipTests {
    @Test("come out as they went in", arguments: [0, 1, 1000, 64 * 1024, 300_000])
    func roundTrip(count: Int) {
        var random = SystemRandomNumberGenerator()
        let text = (0..<count).map { _ in UInt8.random(in: 0...63, using: &random) }
        text.withUnsafeBytes { bytes in
            let compressed = Gzip.compressed(bytes)
            #expect(Array(compressed.readable.prefix(2)) == [0x1F, 0x8B])
            var output = ByteBuffer()
            _ = CodedBody(InflateDecoder(.gzip)).transform(compressed.readable, isLast: true, limit: .max / 2, into: &output)
            #expect(Array(output.readable) == text)
        }
    }
}
