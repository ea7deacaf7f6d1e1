/// Where the host and the port of an authority (`host`, `host:port`, `[v6]`, `[v6]:port`) stand.
///
/// The host is not checked beyond its shape: whether an empty host, a name's characters or a zone are allowed is the caller's rule.
public struct HostPort: Equatable, Sendable {
    /// The host's bytes within the parsed text, without brackets; may be empty (`:8080`).
    public var host: Range<Int>
    /// Absent also for `host:`, which RFC 3986 §3.2.3 counts as no port.
    public var port: UInt16?
    /// The host stood in brackets, or was an IPv6 address without any.
    public var isIPv6Literal: Bool

    /// Splits an authority.
    ///
    /// A bare IPv6 address is accepted as a host without port; any other text with two colons outside brackets is ambiguous
    /// and refused, as are a port above 65535 or with anything but digits, and text between `]` and the colon.
    public init?(_ text: UnsafeRawBufferPointer) {
        if text.first == UInt8(ascii: "[") {
            guard let close = text.firstIndex(of: UInt8(ascii: "]")),
                let port = Self.parsePortSuffix(text, from: close + 1)
            else { return nil }
            self.init(host: 1..<close, port: port.value, isIPv6Literal: true)
            return
        }
        guard let colon = text.firstIndex(of: UInt8(ascii: ":")) else {
            self.init(host: 0..<text.count, port: nil, isIPv6Literal: false)
            return
        }
        if let port = Self.parsePortSuffix(text, from: colon) {
            self.init(host: 0..<colon, port: port.value, isIPv6Literal: false)
        } else if IPAddress(text) != nil {
            self.init(host: 0..<text.count, port: nil, isIPv6Literal: true)
        } else {
            return nil
        }
    }

    /// Splits an authority, by the same rules; the ranges count UTF-8 bytes.
    public init?(_ text: String) {
        var text = text
        guard let parsed = text.withUTF8({ HostPort(UnsafeRawBufferPointer($0)) }) else { return nil }
        self = parsed
    }

    private init(host: Range<Int>, port: UInt16?, isIPv6Literal: Bool) {
        self.host = host
        self.port = port
        self.isIPv6Literal = isIPv6Literal
    }

    /// Nothing, `:` or `:digits` up to the end of the text.
    private static func parsePortSuffix(_ text: UnsafeRawBufferPointer, from start: Int) -> (value: UInt16?, Void)? {
        guard start < text.count else { return (nil, ()) }
        guard text[start] == UInt8(ascii: ":") else { return nil }
        guard start + 1 < text.count else { return (nil, ()) }
        var value: UInt16 = 0
        for byte in text[(start + 1)...] {
            let digit = byte &- UInt8(ascii: "0")
            let (shifted, tooLarge) = value.multipliedReportingOverflow(by: 10)
            let (sum, overflow) = shifted.addingReportingOverflow(UInt16(digit))
            guard digit < 10, !tooLarge, !overflow else { return nil }
            value = sum
        }
        return (value, ())
    }
}
