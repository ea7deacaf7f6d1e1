import Bytes
@testable import HTTP
import TestSupport
import Testing

/// A field section read one byte at a time, straight from RFC 9112 §5.
private func fields(_ bytes: [UInt8]) -> Parsed<[String]> {
    var found: [String] = []
    var index = 0
    while index < bytes.count {
        if bytes[index] == 0x0D, index + 1 == bytes.count { return .needMore }
        if bytes[index] == 0x0D { return bytes[index + 1] == 0x0A ? .complete(found, count: index + 2) : .failed(.bareCarriageReturn) }
        if bytes[index] == 0x0A { return .failed(.bareLineFeed) }
        if bytes[index] == 0x20 || bytes[index] == 0x09 { return .failed(.obsoleteFold) }
        let name = bytes[index...].prefix { ASCII.isToken($0) }
        index += name.count
        guard index < bytes.count else { return .needMore }
        guard !name.isEmpty, bytes[index] == UInt8(ascii: ":") else { return .failed(.malformedFieldName) }
        let value = bytes[(index + 1)...].prefix { $0 >= 0x20 && $0 != 0x7F || $0 == 0x09 }
        index = value.endIndex
        guard index < bytes.count, bytes[index] != 0x0D || index + 1 < bytes.count else { return .needMore }
        switch (bytes[index], bytes[index] == 0x0D ? bytes[index + 1] : 0) {
        case (0x0D, 0x0A): index += 2
        case (0x0D, _): return .failed(.bareCarriageReturn)
        case (0x0A, _): return .failed(.bareLineFeed)
        default: return .failed(.malformedFieldValue)
        }
        let blank: (UInt8) -> Bool = { $0 == 0x20 || $0 == 0x09 }
        let trimmed = value.drop(while: blank).reversed().drop(while: blank).reversed()
        found.append("\(String(decoding: name, as: UTF8.self)): \(String(decoding: Array(trimmed), as: UTF8.self))")
    }
    return .needMore
}

@Suite("Field sections against a reading byte by byte")
struct FieldParserTests {
    private func parsed(_ bytes: [UInt8], tailroom: Int) -> Parsed<[String]> {
        var headers = Headers()
        let room = bytes + Array(repeating: UInt8(ascii: ":"), count: tailroom)
        switch room.withUnsafeBytes({ FieldParser.parse($0.baseAddress!, 0, bytes.count, tailroom: tailroom, into: &headers) }) {
        case .needMore: return .needMore
        case .failed(let error): return .failed(error)
        case .complete(let count):
            bytes.withUnsafeBytes { headers.adopt($0.slice(0, count), fieldsEnd: count - 2) }
            for index in headers.indices { #expect(headers.known(at: index) == KnownField(name: headers.name(at: index))) }
            return .complete(describe(headers), count: count)
        }
    }

    private static let pieces = [
        "Accept", "content-length", "X-Forwarded-Proto", "X-Unknown", "Te", "a", "Via", "Etag", "etaG", "Sec-Fetch-Mode", "Hos\r", "Da\u{0}e", "Server\r", "we!rd", "Age", "Cookie\u{7F}",
        ":", ": ", ":", ": ", ":\t", " :", "\r\n", "\r\n", "\r\n", "\r\n\r\n", "\n", "\r", " ", "\t", "value", "a long value of more than sixteen bytes", "é", "\u{1}", "x\ty", "x ",
    ]

    @Test(arguments: SeededRandom.seeds(4))
    func random(seed: UInt64) {
        var random = SeededRandom(seed)
        for _ in 0..<4_000 {
            var text = ""
            for _ in 0..<(1 + random.below(6)) {
                // Mostly lines that are in order, so that what is wrong comes behind some.
                if random.chance(oneIn: 3) {
                    for _ in 0..<random.below(5) { text += random.element(Self.pieces) }
                } else {
                    text += random.element(Self.pieces.prefix(10).map { $0 }) + ": " + random.element(["1", "some value", "0123456789abcdef", "0123456789abcdef0123456789abcdef!"]) + "\r\n"
                }
            }
            if random.chance(oneIn: 2) { text += "\r\n" }
            let bytes = Array(text.utf8), expected = fields(bytes)
            for tailroom in [0, 1, 64] { #expect(parsed(bytes, tailroom: tailroom) == expected, "seed \(seed), \(text.debugDescription)") }
        }
    }
}
