internal import Bytes
internal import HTTP

/// A content coding that bodies can be put into and taken out of (RFC 9110 §8.4.1).
enum ContentCoding: UInt8, CaseIterable, Sendable {
    case gzip, deflate, br, zstd

    /// As it stands in fields.
    var name: StaticString {
        switch self {
        case .gzip: "gzip"
        case .deflate: "deflate"
        case .br: "br"
        case .zstd: "zstd"
        }
    }

    init?(_ name: BorrowedBytes) {
        guard let coding = ContentCoding.allCases.first(where: { name.equalsIgnoringCase($0.name) }) else { return nil }
        self = coding
    }

    func decoder() -> any StreamCodec {
        switch self {
        case .gzip: InflateDecoder(.gzip)
        case .deflate: InflateDecoder(.raw)
        case .br: BrotliDecoder()
        case .zstd: ZstdDecoder()
        }
    }
}

/// Which codings a proxy offers, the preferred one first.
struct CodingPreference: Sendable {
    let codings: [ContentCoding]

    /// - Parameter names: as in `-compress-encodings`; unknown ones are left out.
    init(names: [String]) {
        codings = names.compactMap { $0.withBytes { ContentCoding($0) } }
    }

    /// The offered coding with the highest weight in an Accept-Encoding line (RFC 9110 §12.5.3), of equal ones the preferred.
    ///
    /// Weight 0 excludes a coding, `*` chooses none, a weight that cannot be read counts as 1.
    func best(for acceptEncoding: BorrowedBytes) -> ContentCoding? {
        var best: (coding: ContentCoding, weight: Int, rank: Int)?
        forEachListElement(acceptEncoding) { element in
            let nameEnd = element.firstIndex(of: UInt8(ascii: ";"), from: 0) ?? element.count
            guard let coding = ContentCoding(element.slice(0, nameEnd).trimmed), let rank = codings.firstIndex(of: coding) else { return }
            let weight = QualityValue.weight(ofParameters: element.slice(nameEnd, element.count))
            guard weight > 0 else { return }
            if let best, best.weight > weight || best.weight == weight && best.rank <= rank { return }
            best = (coding, weight, rank)
        }
        return best?.coding
    }
}

/// Weights of content negotiation, RFC 9110 §12.4.2.
enum QualityValue {
    /// The full weight, 1, in millionths.
    static let full = 1_000_000

    /// The weight that `;q=…` in an element's parameters gives, in millionths; `full` if it is missing or cannot be read.
    static func weight(ofParameters parameters: BorrowedBytes) -> Int {
        var start = 0
        while let semicolon = parameters.firstIndex(of: UInt8(ascii: ";"), from: start) {
            start = semicolon + 1
            let end = parameters.firstIndex(of: UInt8(ascii: ";"), from: start) ?? parameters.count
            let parameter = parameters.slice(start, end).trimmed
            guard parameter.count >= 2, ASCII.lowercased(parameter[0]) == UInt8(ascii: "q"), parameter[1] == UInt8(ascii: "=") else { continue }
            return millionths(parameter.slice(2, parameter.count)) ?? full
        }
        return full
    }

    /// Digits with at most one point; more than 1 counts as 1, digits after the sixth are cut off.
    private static func millionths(_ text: BorrowedBytes) -> Int? {
        var value = 0
        var scale = 0
        var digitCount = 0
        for byte in text {
            if byte == UInt8(ascii: "."), scale == 0 {
                scale = full
            } else if ASCII.isDigit(byte) {
                digitCount += 1
                let digit = Int(byte &- 0x30)
                if scale == 0 {
                    value = min(full, value * 10 + digit * full)
                } else {
                    scale /= 10
                    value = min(full, value + digit * scale)
                    // A further point must still be refused.
                    if scale == 0 { scale = 1 }
                }
            } else {
                return nil
            }
        }
        return digitCount > 0 ? value : nil
    }
}
