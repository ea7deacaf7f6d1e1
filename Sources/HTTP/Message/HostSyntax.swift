import Bytes
import CScan

/// The syntax of `host[:port]`, RFC 9110 §7.2 and RFC 3986 §3.2.2.
enum HostSyntax {
    /// `reg-name` characters; `%` escapes in hosts are refused, since no two programs read them alike.
    // abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~!$&'()*+,;=
    @inline(__always)
    private static var nameBytes: ByteSet { ByteSet(low: 0x2BFF7FD200000000, high: 0x47FFFFFE87FFFFFE) }
    // abcdefABCDEF0123456789:.
    @inline(__always)
    private static var bracketBytes: ByteSet { ByteSet(low: 0x07FF400000000000, high: 0x0000007E0000007E) }

    /// A Host field's value; it may be empty, RFC 9112 §3.2.
    static func isHost(_ bytes: BorrowedBytes) -> Bool {
        var index = 0
        if bytes.first == UInt8(ascii: "[") {
            guard let end = bytes.firstIndex(of: UInt8(ascii: "]"), from: 1), end > 1 else { return false }
            guard bytes.slice(1, end).allSatisfy({ bracketBytes.contains($0) }) else { return false }
            index = end + 1
        } else {
            index = endOfUsualName(bytes)
            while index < bytes.count, nameBytes.contains(bytes[index]) { index += 1 }
            if index == 0, !bytes.isEmpty { return false }
        }
        if index == bytes.count { return true }
        guard bytes[index] == UInt8(ascii: ":") else { return false }
        return isPort(bytes.slice(index + 1, bytes.count))
    }

    /// Behind letters, digits, hyphens and dots, by words of eight.
    @inline(__always)
    private static func endOfUsualName(_ bytes: BorrowedBytes) -> Int {
        var index = 0
        while index &+ 8 <= bytes.count {
            let others = cscan_no_name(bytes.baseAddress.unsafelyUnwrapped + index)
            if others != 0 { return index &+ others.trailingZeroBitCount }
            index &+= 8
        }
        return index
    }

    /// `host:port` of CONNECT: both are needed.
    static func isAuthority(_ bytes: BorrowedBytes) -> Bool {
        guard isHost(bytes), let last = bytes.last, ASCII.isDigit(last) else { return false }
        return bytes.contains(UInt8(ascii: ":"))
    }

    /// At most 65535; empty is allowed by the grammar.
    private static func isPort(_ digits: BorrowedBytes) -> Bool {
        guard digits.count <= 5, digits.allSatisfy({ ASCII.isDigit($0) }) else { return false }
        return digits.reduce(0) { $0 * 10 + Int($1 - 0x30) } <= 65535
    }
}
