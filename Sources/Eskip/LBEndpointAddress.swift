/// The address of a load-balanced endpoint as written: checked, and taken apart into scheme, rest and zone.
///
/// Only the syntax that a document stands or falls with (eskip.md §3): an absolute URI with `//`. Whether the host
/// makes sense shows when the route is compiled.
struct LBEndpointAddress {
    /// Lowercase, without `:`.
    let scheme: [UInt8]
    /// The address without its `zone` parameters, or `nil` if it had none.
    let withoutZone: [UInt8]?
    /// The decoded value of the first `zone` parameter; empty if it has none.
    let zone: [UInt8]

    enum Problem: Error {
        case noScheme
        case character(UInt8)
        case port
        case escape
        case brackets
    }

    init(_ text: [UInt8]) throws(Problem) {
        scheme = try LBEndpointAddress.scheme(of: text)
        try LBEndpointAddress.checkAuthorityAndPath(text[(scheme.count + 3)...])
        guard let mark = text.firstIndex(of: UInt8(ascii: "?")) else {
            withoutZone = nil
            zone = []
            return
        }
        let parameters = text[(mark + 1)...].split(separator: UInt8(ascii: "&"), omittingEmptySubsequences: false)
        let zones = parameters.filter(LBEndpointAddress.isZone)
        zone = zones.first.map { LBEndpointAddress.decoded($0.dropFirst("zone=".utf8.count)) } ?? []
        guard !zones.isEmpty else {
            withoutZone = nil
            return
        }
        let others = parameters.filter { !LBEndpointAddress.isZone($0) }
        let query = Array(others.joined(separator: [UInt8(ascii: "&")]))
        withoutZone = Array(text[..<mark]) + (others.isEmpty ? [] : [UInt8(ascii: "?")] + query)
    }

    private static func isZone(_ parameter: ArraySlice<UInt8>) -> Bool {
        parameter.starts(with: "zone=".utf8) || parameter.elementsEqual("zone".utf8)
    }

    // RFC 3986 §3.1.
    private static func scheme(of text: [UInt8]) throws(Problem) -> [UInt8] {
        let end = text.firstIndex(of: UInt8(ascii: ":")) ?? 0
        let scheme = text[..<end]
        let isScheme = scheme.first.map { $0.startsSymbol && $0 != UInt8(ascii: "_") } ?? false
        let isWellFormed = scheme.allSatisfy {
            $0 != UInt8(ascii: "_") && ($0.continuesSymbol || "+-.".utf8.contains($0))
        }
        guard isScheme, isWellFormed, text[end...].starts(with: "://".utf8) else { throw .noScheme }
        return scheme.map { $0 >= UInt8(ascii: "A") && $0 <= UInt8(ascii: "Z") ? $0 | 0x20 : $0 }
    }

    private static func checkAuthorityAndPath(_ text: ArraySlice<UInt8>) throws(Problem) {
        if let control = text.first(where: { $0 < 0x20 || $0 == 0x7F }) { throw .character(control) }
        let authority = text.prefix { $0 != UInt8(ascii: "/") && $0 != UInt8(ascii: "?") }
        if let bad = authority.first(where: { $0 == 0x20 || "\"<>\\^`{|}".utf8.contains($0) }) { throw .character(bad) }
        try checkHost(authority[(authority.lastIndex(of: UInt8(ascii: "@")).map { $0 + 1 } ?? authority.startIndex)...])
        let beforeQuery = text.prefix { $0 != UInt8(ascii: "?") }
        for (offset, byte) in beforeQuery.enumerated() where byte == UInt8(ascii: "%") {
            guard beforeQuery.dropFirst(offset + 1).prefix(2).filter({ $0.hexValue != nil }).count == 2 else { throw .escape }
        }
    }

    /// An IPv6 literal ends, and what follows the last colon behind it is a port.
    private static func checkHost(_ text: ArraySlice<UInt8>) throws(Problem) {
        let closing = text.lastIndex(of: UInt8(ascii: "]"))
        if text.first == UInt8(ascii: "[") {
            guard let closing, text[(closing + 1)...].first ?? UInt8(ascii: ":") == UInt8(ascii: ":") else { throw .brackets }
        }
        let host = text[(closing ?? text.startIndex)...]
        if let colon = host.lastIndex(of: UInt8(ascii: ":")), !host[(colon + 1)...].allSatisfy(\.isDigit) { throw .port }
    }

    /// Percent-decoded as a query: `+` is a blank, and a broken escape stays as it is.
    private static func decoded(_ text: ArraySlice<UInt8>) -> [UInt8] {
        var result: [UInt8] = []
        var rest = text
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "%"), rest.count >= 2, let high = rest.first?.hexValue,
                let low = rest.dropFirst().first?.hexValue
            {
                result.append(high << 4 | low)
                rest.removeFirst(2)
            } else {
                result.append(byte == UInt8(ascii: "+") ? 0x20 : byte)
            }
        }
        return result
    }

    /// Appends `zone` as a query parameter, for printing: behind a query that is there with `&`.
    static func appendZone(_ zone: some Sequence<UInt8>, to address: inout [UInt8]) {
        address.append(address.contains(UInt8(ascii: "?")) ? UInt8(ascii: "&") : UInt8(ascii: "?"))
        address.append(contentsOf: "zone=".utf8)
        for byte in zone {
            if byte.continuesSymbol || "-.~".utf8.contains(byte) {
                address.append(byte)
            } else {
                address.append(UInt8(ascii: "%"))
                address.append(contentsOf: [UInt8.hexDigits[Int(byte >> 4)], UInt8.hexDigits[Int(byte & 15)]])
            }
        }
    }
}

extension UInt8 {
    static let hexDigits = Array("0123456789ABCDEF".utf8)

    var hexValue: UInt8? {
        switch self {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): self - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): self - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): self - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}
