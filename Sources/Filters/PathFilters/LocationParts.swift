import Bytes
import HTTP

/// A URL reference (RFC 3986 §4.1) taken apart, each part as it is written into Location; missing parts are empty.
struct LocationParts: Sendable {
    private(set) var scheme: [UInt8] = []
    /// With port; userinfo is left out, since browsers would send it on.
    private(set) var host: [UInt8] = []
    /// Percent-encoded.
    private(set) var path: [UInt8] = []
    private(set) var query: [UInt8] = []
    private(set) var fragment: [UInt8] = []

    /// - Returns: nil if the text has control characters, a bad escape, a scheme with neither `/` nor end behind it, or a
    ///   host that no URL can have.
    init?(_ text: BorrowedBytes) {
        guard text.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }), LocationParts.hasValidEscapes(text) else { return nil }
        let hash = text.firstIndex(of: UInt8(ascii: "#"), from: 0) ?? text.count
        fragment = LocationParts.encoded(text.slice(min(hash + 1, text.count), text.count))
        var rest = text.slice(0, hash)
        let mark = rest.firstIndex(of: UInt8(ascii: "?"), from: 0) ?? rest.count
        query = LocationParts.encoded(rest.slice(min(mark + 1, rest.count), rest.count))
        rest = rest.slice(0, mark)
        guard takeScheme(&rest), takeHost(&rest) else { return nil }
        path = LocationParts.encoded(rest)
        if let first = path.first, first != UInt8(ascii: "/") { path.insert(UInt8(ascii: "/"), at: 0) }
    }

    /// Lower-cases the path but for the digits of its escapes.
    mutating func lowerPath() {
        path.withUnsafeMutableBytes { path in
            var index = 0
            while index < path.count {
                if path[index] == UInt8(ascii: "%") {
                    index += 3
                    continue
                }
                path[index] = ASCII.lowercased(path[index])
                index += 1
            }
        }
    }

    private mutating func takeScheme(_ rest: inout BorrowedBytes) -> Bool {
        guard let colon = rest.firstIndex(of: UInt8(ascii: ":"), from: 0), colon > 0, ASCII.isLetter(rest[0]),
            rest.slice(0, colon).allSatisfy({ LocationParts.schemeBytes.contains($0) })
        else { return rest.first != UInt8(ascii: ":") }
        scheme = rest.slice(0, colon).map { ASCII.lowercased($0) }
        rest = rest.slice(colon + 1, rest.count)
        return rest.isEmpty || rest.first == UInt8(ascii: "/")
    }

    private mutating func takeHost(_ rest: inout BorrowedBytes) -> Bool {
        guard rest.hasPrefix("//") else { return true }
        let end = rest.firstIndex(of: UInt8(ascii: "/"), from: 2) ?? rest.count
        var authority = rest.slice(2, end)
        while let at = authority.firstIndex(of: UInt8(ascii: "@"), from: 0) { authority = authority.slice(at + 1, authority.count) }
        host = Array(authority)
        rest = rest.slice(end, rest.count)
        return LocationParts.isHost(authority)
    }

    /// Says where a host and its port can end, not whether there is such a host: names of any script pass.
    private static func isHost(_ authority: BorrowedBytes) -> Bool {
        guard authority.allSatisfy({ $0 >= 0x80 || hostBytes.contains($0) }) else { return false }
        var behind = authority
        if authority.first == UInt8(ascii: "[") {
            guard let closing = authority.firstIndex(of: UInt8(ascii: "]"), from: 0) else { return false }
            behind = authority.slice(closing + 1, authority.count)
            guard behind.isEmpty || behind.first == UInt8(ascii: ":") else { return false }
        }
        guard let colon = behind.firstIndex(of: UInt8(ascii: ":"), from: 0) else { return true }
        return behind.slice(colon + 1, behind.count).allSatisfy(ASCII.isDigit)
    }

    private static let schemeBytes = ByteSet("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-.")
    private static let hostBytes = ByteSet("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~!$&'()*+,;=:[]%")
    private static let keptBytes = ByteSet("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~!$&'()*+,;=:@/?[]%")

    private static func encoded(_ text: BorrowedBytes) -> [UInt8] {
        text.flatMap { byte in
            keptBytes.contains(byte) ? [byte] : [UInt8(ascii: "%"), ASCII.hexDigit(byte >> 4), ASCII.hexDigit(byte & 15)]
        }
    }

    private static func hasValidEscapes(_ text: BorrowedBytes) -> Bool {
        text.indices.allSatisfy { text[$0] != UInt8(ascii: "%") || PathNormalizer.escape(text, $0) != nil }
    }
}
