public import Bytes
import CLinux

/// An IP address and port, as the kernel takes them.
public struct SocketAddress: Hashable, Sendable, CustomStringConvertible {
    public var address: IPAddress
    public var port: UInt16

    public init(_ address: IPAddress, port: UInt16) {
        self.address = address
        self.port = port
    }

    /// `ip:port` or `[ip6]:port`.
    public var description: String { address.isIPv4 ? "\(address):\(port)" : "[\(address)]:\(port)" }

    /// nil for what is no IP address.
    init?(_ kernel: clinux_address) {
        guard kernel.is_ip != 0 else { return nil }
        self.init(IPAddress(high: kernel.high, low: kernel.low), port: kernel.port)
    }

    var kernel: clinux_address { clinux_address(high: address.high, low: address.low, port: port, is_ip: 1) }

    var family: Int32 { address.isIPv4 ? AF_INET : AF_INET6 }
}
