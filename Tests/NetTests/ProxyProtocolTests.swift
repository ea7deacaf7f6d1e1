import Bytes
import Net
import Testing

@Suite("PROXY protocol, versions 1 and 2")
struct ProxyProtocolTests {
    private static let signature: [UInt8] = [0x0D, 0x0A, 0x0D, 0x0A, 0, 0x0D, 0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A]

    static func binary(_ command: UInt8, _ family: UInt8, _ body: [UInt8]) -> [UInt8] {
        signature + [command, family, UInt8(body.count >> 8), UInt8(body.count & 0xFF)] + body
    }

    static let v4: [UInt8] = [203, 0, 113, 7, 192, 0, 2, 1, 0xC8, 0x8E, 0x01, 0xBB]
    static let v6: [UInt8] = [0x20, 1, 0x0D, 0xB8] + [UInt8](repeating: 0, count: 11) + [7] + [UInt8](repeating: 1, count: 16) + [0xC8, 0x8E, 0x01, 0xBB]

    private func parse(_ bytes: [UInt8]) -> ProxyProtocol.Result { bytes.withUnsafeBytes { ProxyProtocol.parse($0) } }

    static let good: [(bytes: [UInt8], client: String?)] = [
        (Array("PROXY TCP4 203.0.113.7 192.0.2.1 51342 443\r\n".utf8), "203.0.113.7:51342"),
        (Array("PROXY TCP6 2001:db8::7 2001:db8::1 51342 443\r\n".utf8), "[2001:db8::7]:51342"),
        (Array("PROXY TCP6 ::ffff:203.0.113.7 ::ffff:192.0.2.1 51342 443\r\n".utf8), "203.0.113.7:51342"),
        (Array("PROXY TCP6 ::ffff:203.0.113.7 2001:db8::1 51342 443\r\n".utf8), "203.0.113.7:51342"),
        (Array("PROXY UNKNOWN\r\n".utf8), nil),
        (Array("PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n".utf8), nil),
        (binary(0x21, 0x11, v4), "203.0.113.7:51342"),
        (binary(0x21, 0x11, v4 + [0x04, 0, 3, 1, 2, 3]), "203.0.113.7:51342"),
        (binary(0x21, 0x21, v6), "[2001:db8::7]:51342"),
        (binary(0x20, 0x00, []), nil),
        (binary(0x20, 0x11, v4), nil),
        (binary(0x21, 0x31, [UInt8](repeating: 0, count: 216)), nil),
        (binary(0x21, 0x00, [1, 2, 3]), nil),
    ]

    @Test("what is written is read again", arguments: [
        ("203.0.113.7", "192.0.2.1", 28), ("2001:db8::7", "2001:db8::1", 52), ("203.0.113.7", "2001:db8::1", 52), ("2001:db8::7", "192.0.2.1", 52), ("0.0.0.0", "255.255.255.255", 28),
    ])
    func writing(client: String, destination: String, byteCount: Int) throws {
        let client = SocketAddress(try #require(IPAddress(client)), port: 51342)
        let destination = SocketAddress(try #require(IPAddress(destination)), port: 443)
        var buffer = ByteBuffer()
        ProxyProtocol.write(client: client, destination: destination, to: &buffer)
        #expect(buffer.count == byteCount && ProxyProtocol.parse(buffer.readable) == .complete(byteCount, client: client))
        // The ports stand last.
        #expect(Array(buffer.readable.suffix(4)) == [0xC8, 0x8E, 0x01, 0xBB])
    }

    @Test("the bytes of the specification's example") func bytes() throws {
        var buffer = ByteBuffer()
        ProxyProtocol.write(
            client: SocketAddress(try #require(IPAddress("203.0.113.7")), port: 51342), destination: SocketAddress(try #require(IPAddress("192.0.2.1")), port: 443), to: &buffer)
        #expect(Array(buffer.readable) == Self.binary(0x21, 0x11, Self.v4))
    }

    @Test("headers, whole, followed by more, and cut at every byte", arguments: good)
    func headers(bytes: [UInt8], client: String?) {
        let expected = bytes.count
        for rest in ["", "GET / HTTP/1.1\r\n", "\r\n"] {
            guard case .complete(let count, let found) = parse(bytes + Array(rest.utf8)) else { Issue.record("not complete"); return }
            #expect(count == expected && found?.description == client)
        }
        for count in 0..<bytes.count { #expect(parse(Array(bytes[..<count])) == .needMore, "\(count)") }
    }

    @Test("what is no header is refused at the byte that shows it", arguments: [
        "GET / HTTP/1.1\r\n", "P0", "PROXY TCP4 203.0.113.7 192.0.2.1 51342\r\n", "PROXY TCP4 203.0.113.7 192.0.2.1 51342 443 1\r\n",
        "PROXY TCP4 203.0.113.7 192.0.2.1 51342 443\n", "PROXY TCP4 203.0.113.300 192.0.2.1 1 2\r\n", "PROXY TCP4 2001:db8::7 2001:db8::1 1 2\r\n",
        "PROXY TCP6 203.0.113.7 192.0.2.1 1 2\r\n", "PROXY TCP6 2001:db8::7 192.0.2.1 1 2\r\n", "PROXY TCP4 203.0.113.7 ::ffff:192.0.2.1 1 2\r\n", "PROXY TCP4 203.0.113.7 192.0.2.1 66000 2\r\n", "PROXY TCP4 203.0.113.7 192.0.2.1 -1 2\r\n",
        "PROXY TCP5 203.0.113.7 192.0.2.1 1 2\r\n", "PROXY  TCP4 203.0.113.7 192.0.2.1 1 2\r\n", "PROXY " + String(repeating: "x", count: 200), "\r\n\r\nGET",
    ])
    func badLines(text: String) {
        guard case .failed = parse(Array(text.utf8)) else { Issue.record("\(parse(Array(text.utf8)))"); return }
    }

    @Test("binary headers that lie", arguments: [
        binary(0x11, 0x11, v4), binary(0x22, 0x11, v4), binary(0x21, 0x11, Array(v4.dropLast())), binary(0x21, 0x21, v4),
        signature + [0x21, 0x11, 0xFF, 0xFF],
    ])
    func badBinary(bytes: [UInt8]) {
        guard case .failed = parse(bytes) else { Issue.record("\(parse(bytes))"); return }
    }

    @Test("whose header counts")
    func policy() throws {
        var policy = ProxyProtocolPolicy()
        let peer = IPAddress("10.1.2.3")!, other = IPAddress("192.0.2.1")!
        #expect(policy.treatment(of: peer) == .read)
        policy.allowed = try AddressSet(["10.0.0.0/8"])
        #expect(policy.treatment(of: peer) == .read && policy.treatment(of: other) == .refuse)
        policy.skipped = try AddressSet(["192.0.2.0/24"])
        #expect(policy.treatment(of: other) == .skip)
        policy.allowed = AddressSet()
        #expect(policy.treatment(of: peer) == .refuse && policy.treatment(of: other) == .skip)
        policy.denied = try AddressSet(["0.0.0.0/0"])
        #expect(policy.treatment(of: peer) == .refuse && policy.treatment(of: other) == .refuse)
    }
}
