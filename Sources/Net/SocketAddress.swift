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

    init?(_ storage: sockaddr_storage) {
        var storage = storage
        switch Int32(storage.ss_family) {
        case AF_INET:
            self = withUnsafeBytes(of: &storage) { bytes in
                let address = bytes.loadUnaligned(as: sockaddr_in.self)
                return SocketAddress(IPAddress(v4: UInt32(bigEndian: address.sin_addr.s_addr)), port: UInt16(bigEndian: address.sin_port))
            }
        case AF_INET6:
            self = withUnsafeBytes(of: &storage) { bytes in
                let port = UInt16(bigEndian: bytes.loadUnaligned(fromByteOffset: 2, as: UInt16.self))
                let high = UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
                let low = UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 16, as: UInt64.self))
                return SocketAddress(IPAddress(high: high, low: low), port: port)
            }
        default: return nil
        }
    }

    /// Calls `body` with the kernel's form.
    func withKernelAddress<Result>(_ body: (UnsafeRawPointer, socklen_t) -> Result) -> Result {
        if address.isIPv4 {
            var kernel = sockaddr_in()
            kernel.sin_family = sa_family_t(AF_INET)
            kernel.sin_port = port.bigEndian
            kernel.sin_addr.s_addr = address.v4.bigEndian
            return withUnsafeBytes(of: &kernel) { body($0.baseAddress!, socklen_t($0.count)) }
        }
        var kernel = sockaddr_in6()
        kernel.sin6_family = sa_family_t(AF_INET6)
        kernel.sin6_port = port.bigEndian
        withUnsafeMutableBytes(of: &kernel.sin6_addr) { bytes in
            bytes.storeBytes(of: address.high.bigEndian, as: UInt64.self)
            bytes.storeBytes(of: address.low.bigEndian, toByteOffset: 8, as: UInt64.self)
        }
        return withUnsafeBytes(of: &kernel) { body($0.baseAddress!, socklen_t($0.count)) }
    }

    var family: Int32 { address.isIPv4 ? AF_INET : AF_INET6 }
}
