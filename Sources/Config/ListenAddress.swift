import Bytes

/// Where to listen, as flags write it: `:9090`, `name:9090`, `192.0.2.1:9090`, `[::1]:9090`.
public struct ListenAddress: Sendable, Hashable, CustomStringConvertible {
    /// A name or an address without brackets; empty means every address of this machine.
    public var host: String
    /// 0 lets the system choose a free one.
    public var port: UInt16

    public init(host: String, port: UInt16) {
        self.host = host
        self.port = port
    }

    /// Reads an address with its port, or returns `nil`. An IPv6 address needs its brackets.
    public init?(_ text: String) {
        guard let parts = HostPort(text), let port = parts.port else { return nil }
        let host = String(decoding: text.utf8.dropFirst(parts.host.lowerBound).prefix(parts.host.count), as: UTF8.self)
        if parts.isIPv6Literal {
            guard IPAddress(host) != nil, host.contains(":") else { return nil }
        } else {
            guard host.isEmpty || Self.isHost(host) else { return nil }
        }
        self.init(host: host, port: port)
    }

    /// An IPv4 address or a DNS name; a name of digits and dots only would be a mistyped address.
    private static func isHost(_ text: String) -> Bool {
        let isNumeric = text.utf8.allSatisfy { ASCII.isDigit($0) || $0 == UInt8(ascii: ".") }
        if isNumeric { return IPAddress(text) != nil }
        let labels = text.split(separator: ".", omittingEmptySubsequences: false)
        let name = labels.last == "" ? labels.dropLast() : labels[...]
        return text.utf8.count <= 253 && name.allSatisfy { label in
            1...63 ~= label.utf8.count && label.utf8.allSatisfy {
                ASCII.isDigit($0) || ASCII.isLetter($0) || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: "_")
            }
        }
    }

    public var description: String {
        host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
    }

    /// True if not both can be listened on: same port, and the same host or one that means every address.
    func collides(with other: ListenAddress) -> Bool {
        guard port == other.port, port != 0 else { return false }
        return host == other.host || isEveryAddress || other.isEveryAddress
    }

    private var isEveryAddress: Bool { host.isEmpty || IPAddress(host)?.isUnspecified == true }
}
