import Bytes
import Testing

@Suite("IP addresses")
struct IPAddressTests {
    @Test("reads an address and writes it canonically, RFC 5952", arguments: [
        ("0.0.0.0", "0.0.0.0"), ("127.0.0.1", "127.0.0.1"), ("255.255.255.255", "255.255.255.255"), ("10.200.3.40", "10.200.3.40"),
        ("::", "::"), ("::1", "::1"), ("1::", "1::"), ("2001:DB8::1", "2001:db8::1"),
        ("2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"), ("2001:0:0:1:0:0:0:1", "2001:0:0:1::1"),
        ("2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"), ("1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"),
        ("0:0:0:0:0:0:0:0", "::"), ("1:0:0:0:0:0:0:0", "1::"), ("1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"), ("::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"),
        ("::ffff:10.0.0.1", "10.0.0.1"), ("::ffff:a00:1", "10.0.0.1"), ("64:ff9b::192.0.2.33", "64:ff9b::c000:221"),
        ("1:2:3:4:5:6:77.77.88.88", "1:2:3:4:5:6:4d4d:5858"), ("::1.2.3.4", "::102:304"),
        ("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ])
    func canonical(text: String, expected: String) throws {
        let address = try #require(IPAddress(text))
        #expect(address.description == expected)
        #expect(IPAddress(address.description) == address)
    }

    @Test("refuses what other readers may read differently", arguments: [
        "", ".", ":", "1", "1.2.3", "1.2.3.", ".1.2.3", "1.2.3.4.", "1.2.3.4.5", "256.1.1.1", "1.2.3.999", "01.2.3.4", "1.2.3.04", "0x1.2.3.4",
        "1.2.3.4 ", " 1.2.3.4", "1.2.3.-4", "1..2.3", "1.2.3.4:80", "[::1]", "::1%eth0", "fe80::1%", "1.2.3.4/8",
        ":::", "1:::2", "::1::", "1::2::3", ":1:2:3:4:5:6:7", "1:2:3:4:5:6:7:", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7:8::",
        "::1:2:3:4:5:6:7:8", "12345::", "g::", "::1.2.3", "::1.2.3.4.5", "1.2.3.4::", "1:2:3:4:5:6:7:1.2.3.4", "::ffff:1.2.3.256", "::ffff:01.2.3.4",
        "1:2:3:4:5:1.2.3.4", "ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.2555", "１.2.3.4",
    ])
    func refused(text: String) {
        #expect(IPAddress(text) == nil)
    }

    @Test func mappedAddressIsTheIPv4Address() {
        #expect(IPAddress("::ffff:192.168.1.1") == IPAddress(v4: 0xc0a8_0101))
        #expect(IPAddress("::ffff:192.168.1.1")?.isIPv4 == true)
        #expect(IPAddress("::192.168.1.1")?.isIPv4 == false)
    }

    @Test func knowsSpecialAddresses() {
        #expect(IPAddress("::")?.isUnspecified == true)
        #expect(IPAddress("0.0.0.0")?.isUnspecified == true)
    }

    @Test("any bits survive text", arguments: 0..<200)
    func roundTrip(seed: UInt64) {
        // Bytes cleared by the seed's own bits make runs of zero groups likely.
        let word = XXHash64.hash("\(seed)")
        let address = IPAddress(high: word & (word << 7) & (word >> 9), low: word & (word << 21) & (word << 3))
        #expect(IPAddress(address.description) == address, "\(address)")
    }
}

@Suite("Host and port of an authority, RFC 3986 §3.2")
struct HostPortTests {
    @Test(arguments: [
        ("example.org", "example.org", nil, false), ("example.org:80", "example.org", 80, false), ("example.org:", "example.org", nil, false),
        (":8080", "", 8080, false), ("", "", nil, false), ("10.0.0.1:65535", "10.0.0.1", 65535, false), ("a:0080", "a", 80, false),
        ("[::1]", "::1", nil, true), ("[::1]:443", "::1", 443, true), ("[::1]:", "::1", nil, true), ("[fe80::1%eth0]:1", "fe80::1%eth0", 1, true),
        ("::1", "::1", nil, true), ("2001:db8::2:80", "2001:db8::2:80", nil, true), ("[]:80", "", 80, true),
    ] as [(String, String, UInt16?, Bool)])
    func splits(text: String, host: String, port: UInt16?, isIPv6: Bool) throws {
        let parsed = try #require(HostPort(text))
        #expect(String(decoding: Array(text.utf8)[parsed.host], as: UTF8.self) == host)
        #expect(parsed.port == port)
        #expect(parsed.isIPv6Literal == isIPv6)
    }

    @Test(arguments: ["a:65536", "a:99999999999999999999", "a:-1", "a:+1", "a:8 0", "a:http", "a:b:80", "a:80:", "[::1", "[::1]80", "[::1]x:80", "[::1]:80x"])
    func refused(text: String) {
        #expect(HostPort(text) == nil)
    }
}
