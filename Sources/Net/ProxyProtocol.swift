public import Bytes

/// The PROXY protocol, versions 1 and 2: what a load balancer says of a connection's client before the first byte of it.
public enum ProxyProtocol {
    public enum Result: Equatable, Sendable {
        case needMore
        /// The header took so many bytes. The address is nil where the balancer speaks for itself (`LOCAL`, `UNKNOWN`) or the
        /// client has none (a Unix socket): then the peer is the client.
        case complete(Int, client: SocketAddress?)
        case failed(String)
    }

    /// The longest header that is read: version 1 has 107 bytes at most, version 2 names its length.
    public static var bytesMax: Int { Limits.proxyHeaderBytesMax }

    /// Parses a header at the start of `bytes`.
    public static func parse(_ bytes: BorrowedBytes) -> Result {
        if bytes.isEmpty { return .needMore }
        if isPrefix(bytes, of: signature) { return bytes.count < 16 ? .needMore : parseBinary(bytes) }
        if isPrefix(bytes, of: "PROXY ") { return bytes.count < 6 ? .needMore : parseText(bytes) }
        return .failed("no PROXY header where one is expected")
    }

    private static var signature: StaticString { "\r\n\r\n\0\r\nQUIT\n" }

    /// Whether the first bytes, as many as both have, agree.
    private static func isPrefix(_ bytes: BorrowedBytes, of literal: StaticString) -> Bool {
        let count = min(bytes.count, literal.utf8CodeUnitCount)
        return bytes.slice(0, count).elementsEqual(UnsafeBufferPointer(start: literal.utf8Start, count: count))
    }

    // MARK: Version 1

    /// `PROXY TCP4 203.0.113.7 192.0.2.1 51342 443\r\n`
    private static func parseText(_ bytes: BorrowedBytes) -> Result {
        guard let feed = bytes.slice(0, min(bytes.count, 107)).firstIndex(of: 0x0A, from: 0) else {
            return bytes.count < 107 ? .needMore : .failed("a PROXY line that does not end")
        }
        guard feed > 0, bytes[feed - 1] == 0x0D else { return .failed("a PROXY line that does not end with CR LF") }
        let words = bytes.slice(0, feed - 1).split(separator: 0x20, omittingEmptySubsequences: false).map { BorrowedBytes(rebasing: $0) }
        if words.count >= 2, words[1].equals("UNKNOWN") { return .complete(feed + 1, client: nil) }
        guard words.count == 6, words[1].equals("TCP4") || words[1].equals("TCP6") else { return .failed("a malformed PROXY line") }
        guard let source = IPAddress(words[2]), IPAddress(words[3]) != nil, let sourcePort = port(words[4]), port(words[5]) != nil,
            words[2...3].allSatisfy({ isIPv6Text($0) == words[1].equals("TCP6") }) else { return .failed("a malformed address in a PROXY line") }
        return .complete(feed + 1, client: SocketAddress(source, port: sourcePort))
    }

    /// In a line of TCP6 stand IPv4 addresses too, of dual-stack balancers: `::ffff:203.0.113.7`.
    private static func isIPv6Text(_ text: BorrowedBytes) -> Bool { text.contains(UInt8(ascii: ":")) }

    private static func port(_ digits: BorrowedBytes) -> UInt16? {
        guard !digits.isEmpty, digits.count <= 5, digits.allSatisfy({ ASCII.isDigit($0) }) else { return nil }
        return UInt16(String(decoding: digits, as: UTF8.self))
    }

    // MARK: Version 2

    private static func parseBinary(_ bytes: BorrowedBytes) -> Result {
        guard bytes[12] >> 4 == 2 else { return .failed("a PROXY header of version \(bytes[12] >> 4)") }
        let length = Int(bytes[14]) << 8 | Int(bytes[15])
        guard 16 + length <= bytesMax else { return .failed("a PROXY header of \(16 + length) bytes") }
        guard bytes.count >= 16 + length else { return .needMore }
        switch bytes[12] & 0x0F {
        case 0: return .complete(16 + length, client: nil)
        case 1: return address(bytes.slice(16, 16 + length), family: bytes[13], headerCount: 16 + length)
        default: return .failed("an unknown command in a PROXY header")
        }
    }

    /// What follows the addresses (TLVs) is not looked at.
    private static func address(_ bytes: BorrowedBytes, family: UInt8, headerCount: Int) -> Result {
        switch family {
        case 0x11:
            guard bytes.count >= 12 else { return .failed("a PROXY header too short for its addresses") }
            let source = IPAddress(v4: (0..<4).reduce(0) { $0 << 8 | UInt32(bytes[$1]) })
            return .complete(headerCount, client: SocketAddress(source, port: UInt16(bytes[8]) << 8 | UInt16(bytes[9])))
        case 0x21:
            guard bytes.count >= 36 else { return .failed("a PROXY header too short for its addresses") }
            let source = IPAddress(high: word(bytes, 0), low: word(bytes, 8))
            return .complete(headerCount, client: SocketAddress(source, port: UInt16(bytes[32]) << 8 | UInt16(bytes[33])))
        default: return .complete(headerCount, client: nil)
        }
    }

    // MARK: Writing

    /// Writes a header of version 2 that says who the client is and where it connected to. Addresses of two families go
    /// as two of IPv6.
    public static func write(client: SocketAddress, destination: SocketAddress, to buffer: inout ByteBuffer) {
        let isIPv4 = client.address.isIPv4 && destination.address.isIPv4
        buffer.append(signature)
        buffer.append(0x21)
        buffer.append(isIPv4 ? 0x11 : 0x21)
        append(UInt16(isIPv4 ? 12 : 36), to: &buffer)
        for address in [client.address, destination.address] {
            if !isIPv4 { append(address.high, to: &buffer) }
            append(isIPv4 ? UInt64(UInt32(truncatingIfNeeded: address.low)) << 32 : address.low, to: &buffer, byteCount: isIPv4 ? 4 : 8)
        }
        append(client.port, to: &buffer)
        append(destination.port, to: &buffer)
    }

    private static func append(_ number: UInt16, to buffer: inout ByteBuffer) {
        buffer.append(UInt8(number >> 8))
        buffer.append(UInt8(truncatingIfNeeded: number))
    }

    /// The first bytes of a number in network order.
    private static func append(_ number: UInt64, to buffer: inout ByteBuffer, byteCount: Int = 8) {
        for index in 0..<byteCount { buffer.append(UInt8(truncatingIfNeeded: number >> UInt64(56 - 8 * index))) }
    }

    private static func word(_ bytes: BorrowedBytes, _ start: Int) -> UInt64 { (start..<start + 8).reduce(0) { $0 << 8 | UInt64(bytes[$1]) } }
}

/// Whose PROXY headers count.
public struct ProxyProtocolPolicy: Sendable {
    /// Their headers are used; everybody's, if no set says anything.
    public var allowed = AddressSet()
    /// Their connections are closed.
    public var denied = AddressSet()
    /// They send no header.
    public var skipped = AddressSet()

    public enum Treatment: Equatable, Sendable {
        case read, refuse, skip
    }

    public init() {}

    public func treatment(of peer: IPAddress) -> Treatment {
        if denied.contains(peer) { return .refuse }
        if skipped.contains(peer) { return .skip }
        return allowed.contains(peer) || allowed.isEmpty && denied.isEmpty && skipped.isEmpty ? .read : .refuse
    }
}
