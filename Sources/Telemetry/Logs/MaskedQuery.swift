public import Bytes

/// Hides values of query parameters in a logged URI (filter `maskAccessLogQuery`).
public enum MaskedQuery {
    /// The URI with the first value of each named parameter replaced by its xxHash64 in decimal and further values left out; nil if
    /// there is no query.
    ///
    /// The query is written anew, parameters in the order of their names; pairs that cannot be read (a bad escape, a `;`) are left
    /// out, lest they carry the value in another spelling. Allocates: for routes with the filter only.
    public static func mask(_ uri: BorrowedBytes, parameters: [[UInt8]]) -> [UInt8]? {
        guard let mark = uri.firstIndex(of: UInt8(ascii: "?"), from: 0) else { return nil }
        let parts = uri.slice(mark + 1, uri.count).split(separator: UInt8(ascii: "&"))
        let pairs = parts.compactMap(read)
        if parts.isEmpty { return nil }
        var masked: Set<[UInt8]> = []
        var output = Array(uri.slice(0, mark))
        var separator = UInt8(ascii: "?")
        for pair in pairs.sorted(by: { $0.name.lexicographicallyPrecedes($1.name) }) {
            let isMasked = parameters.contains(pair.name)
            if isMasked, !masked.insert(pair.name).inserted { continue }
            output.append(separator)
            separator = UInt8(ascii: "&")
            escape(pair.name, to: &output)
            output.append(UInt8(ascii: "="))
            if isMasked { output += String(pair.value.withUnsafeBytes { XXHash64.hash($0) }).utf8 } else { escape(pair.value, to: &output) }
        }
        return output
    }

    private struct Pair {
        let name: [UInt8]
        let value: [UInt8]
    }

    private static func read(_ part: Slice<BorrowedBytes>) -> Pair? {
        guard !part.contains(UInt8(ascii: ";")) else { return nil }
        let equals = part.firstIndex(of: UInt8(ascii: "=")) ?? part.endIndex
        guard let name = unescape(part[..<equals]), let value = unescape(part[equals...].dropFirst()) else { return nil }
        return Pair(name: name, value: value)
    }

    private static func unescape(_ text: Slice<BorrowedBytes>) -> [UInt8]? {
        var bytes: [UInt8] = []
        var index = text.startIndex
        while index < text.endIndex {
            switch text[index] {
            case UInt8(ascii: "+"): bytes.append(UInt8(ascii: " "))
            case UInt8(ascii: "%"):
                guard index + 2 < text.endIndex, let high = ASCII.hexValue(text[index + 1]), let low = ASCII.hexValue(text[index + 2])
                else { return nil }
                bytes.append(high << 4 | low)
                index += 2
            default: bytes.append(text[index])
            }
            index += 1
        }
        return bytes
    }

    private static func escape(_ bytes: [UInt8], to output: inout [UInt8]) {
        for byte in bytes {
            if ASCII.isUnreserved(byte) {
                output.append(byte)
            } else if byte == UInt8(ascii: " ") {
                output.append(UInt8(ascii: "+"))
            } else {
                output += [UInt8(ascii: "%"), ASCII.hexDigit(byte >> 4), ASCII.hexDigit(byte & 15)]
            }
        }
    }
}
