/// An address as flags write it: `:9090`, `name:9090`, `192.0.2.1:9090`, `[::1]:9090`.
public struct HostPort: Sendable, Hashable, CustomStringConvertible {
    /// A name or an address without brackets; empty means every address of this machine.
    public var host: String
    /// 0 lets the system choose a free one.
    public var port: UInt16

    public init(host: String, port: UInt16) {
        self.host = host
        self.port = port
    }

    /// Reads an address with a port, or returns `nil`. An IPv6 address needs its brackets.
    ///
    /// - Parameter defaultPort: taken when the text has none; without it a port is required.
    public init?(_ text: String, defaultPort: UInt16? = nil) {
        let host: Substring
        var rest: Substring
        if text.hasPrefix("[") {
            guard let end = text.firstIndex(of: "]") else { return nil }
            host = text[text.index(after: text.startIndex)..<end]
            rest = text[text.index(after: end)...]
            guard AddressText.isIPv6(host) else { return nil }
        } else {
            let colon = text.firstIndex(of: ":") ?? text.endIndex
            host = text[..<colon]
            rest = text[colon...]
            guard host.isEmpty || AddressText.isHost(host) else { return nil }
        }
        if rest.isEmpty, let defaultPort, !host.isEmpty {
            self.init(host: String(host), port: defaultPort)
            return
        }
        guard rest.popFirst() == ":", let port = Self.port(rest) else { return nil }
        self.init(host: String(host), port: port)
    }

    private static func port(_ text: Substring) -> UInt16? {
        // UInt16("+1") would be 1.
        text.utf8.allSatisfy(AddressText.isDigit) ? UInt16(text) : nil
    }

    public var description: String {
        host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
    }

    /// True if two listeners cannot have both addresses: same port, and the same host or one that means every address.
    func collides(with other: HostPort) -> Bool {
        guard port == other.port, port != 0 else { return false }
        return host == other.host || isEveryAddress || other.isEveryAddress
    }

    private var isEveryAddress: Bool { ["", "0.0.0.0", "::"].contains(host) }
}

/// Checks that the text of an address is one.
enum AddressText {
    static func isDigit(_ byte: UInt8) -> Bool { UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte }

    static func isIPv4(_ text: Substring) -> Bool {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4 && parts.allSatisfy { part in
            // A leading zero would be octal to some readers.
            let isShort = part.count == 1 || (part.count <= 3 && part.first != "0")
            return isShort && part.utf8.allSatisfy(isDigit) && UInt8(part) != nil
        }
    }

    /// RFC 4291 §2.2, without a zone.
    static func isIPv6(_ text: Substring) -> Bool {
        guard let gap = text.range(of: "::") else { return groupCount(text) == 8 }
        let (head, tail) = (text[..<gap.lowerBound], text[gap.upperBound...])
        guard let headCount = groupCount(head, allowsIPv4: false), let tailCount = groupCount(tail) else { return false }
        return headCount + tailCount <= 7
    }

    /// How many groups of 16 bits stand there; `nil` if something else does.
    private static func groupCount(_ text: Substring, allowsIPv4: Bool = true) -> Int? {
        if text.isEmpty { return 0 }
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        var count = 0
        for (index, part) in parts.enumerated() {
            if allowsIPv4, index == parts.count - 1, part.contains(".") {
                guard isIPv4(part) else { return nil }
                count += 2
            } else {
                guard 1...4 ~= part.utf8.count, part.utf8.allSatisfy({ Character(UnicodeScalar($0)).isHexDigit }) else { return nil }
                count += 1
            }
        }
        return count
    }

    static func isAddress(_ text: Substring) -> Bool { isIPv4(text) || isIPv6(text) }

    /// An IPv4 address or a DNS name; a name of digits and dots only is a mistyped address.
    static func isHost(_ text: Substring) -> Bool {
        guard text.utf8.count <= 253, !text.isEmpty else { return false }
        if text.utf8.allSatisfy({ isDigit($0) || $0 == UInt8(ascii: ".") }) { return isIPv4(text) }
        let labels = text.split(separator: ".", omittingEmptySubsequences: false)
        let name = labels.last == "" ? labels.dropLast() : labels[...]
        return !name.isEmpty && name.allSatisfy { label in
            1...63 ~= label.utf8.count && label.utf8.allSatisfy {
                isDigit($0) || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: "_") || UInt8(ascii: "a")...UInt8(ascii: "z") ~= ($0 | 0x20)
            }
        }
    }

    /// A single address, or one with a prefix length that fits it.
    static func isCIDR(_ text: Substring) -> Bool {
        guard let slash = text.firstIndex(of: "/") else { return isAddress(text) }
        let (address, length) = (text[..<slash], text[text.index(after: slash)...])
        guard 1...3 ~= length.utf8.count, length.utf8.allSatisfy(isDigit), let bits = Int(length) else { return false }
        return isIPv4(address) ? bits <= 32 : isIPv6(address) && bits <= 128
    }
}

extension Substring {
    /// The first place of a text; the standard library's own search comes only with Foundation or regexps.
    fileprivate func range(of text: String) -> Range<Index>? {
        var start = startIndex
        while start < endIndex {
            if self[start...].hasPrefix(text) { return start..<index(start, offsetBy: text.count) }
            start = index(after: start)
        }
        return nil
    }
}
