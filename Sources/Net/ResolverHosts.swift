import Bytes
import CLinux

/// The host's own table of names (`/etc/hosts`, hosts(5)), read again when it may have changed.
struct HostsFile {
    /// A larger file is cut: read on the loop, it must stay a matter of a millisecond.
    static let bytesMax = 256 * 1024

    private let path: String
    private let lifetime: UInt64
    private var names: [[UInt8]: [IPAddress]] = [:]
    private var readAt: UInt64?

    init(path: String, lifetime: UInt64) {
        self.path = path
        self.lifetime = lifetime
    }

    /// - Parameter name: lower-case, with or without final dot.
    /// - Returns: nil if the file does not know the name; a name without an address of these families is unknown.
    mutating func addresses(of name: [UInt8], families: AddressFamilies, now: UInt64) -> [IPAddress]? {
        if readAt.map({ now >= $0 + lifetime }) ?? true {
            names = HostsFile.parse(HostsFile.read(path))
            readAt = now
        }
        let key = name.last == UInt8(ascii: ".") ? Array(name.dropLast()) : name
        let found = names[key]?.filter { families == .both || $0.isIPv4 == (families == .ipv4Only) }
        return found?.isEmpty == false ? found : nil
    }

    /// A line is an address and the names it has; `#` begins a comment. Lines without a valid address say nothing.
    static func parse(_ text: [UInt8]) -> [[UInt8]: [IPAddress]] {
        var names: [[UInt8]: [IPAddress]] = [:]
        for line in text.split(separator: 0x0A) {
            let words = line.prefix { $0 != UInt8(ascii: "#") }.split { $0 == 0x20 || $0 == 0x09 || $0 == 0x0D }
            guard let first = words.first, let address = first.withUnsafeBytes({ IPAddress($0) }) else { continue }
            for word in words.dropFirst() {
                let name = word.map { ASCII.lowercased($0) }
                if names[name]?.contains(address) != true { names[name, default: []].append(address) }
            }
        }
        return names
    }

    /// Empty if there is no such file.
    private static func read(_ path: String) -> [UInt8] {
        let number = clinux_open_read(path)
        guard number >= 0 else { return [] }
        let file = FileDescriptor(owning: number)
        return [UInt8](unsafeUninitializedCapacity: bytesMax) { buffer, count in
            while count < bytesMax {
                let result = clinux_read(file.number, buffer.baseAddress! + count, bytesMax - count)
                guard result > 0 else { return }
                count += result
            }
        }
    }
}
