import Bytes
import Testing

@Suite("Sets of addresses and CIDR prefixes")
struct AddressSetTests {
    @Test(arguments: [
        (["10.0.0.0/8"], "10.255.0.1", true), (["10.0.0.0/8"], "11.0.0.0", false), (["10.0.0.0/8"], "9.255.255.255", false),
        (["10.1.2.3/8"], "10.200.0.1", true), (["10.0.0.1"], "10.0.0.1", true), (["10.0.0.1"], "10.0.0.2", false),
        (["0.0.0.0/0"], "255.255.255.255", true), (["0.0.0.0/0"], "::1", false), (["::/0"], "10.0.0.1", false), (["::/0"], "ffff::", true),
        (["10.0.0.0/8"], "::ffff:10.0.0.1", true), (["::ffff:10.0.0.0/104"], "10.9.9.9", true), (["::ffff:10.0.0.1"], "10.0.0.1", true),
        (["2001:db8::/32"], "2001:db8:ffff::1", true), (["2001:db8::/32"], "2001:db9::", false), (["2001:db8::1/128"], "2001:db8::1", true),
        (["10.0.0.0/9", "10.128.0.0/9"], "10.130.0.1", true), (["10.0.0.0/8", "10.1.0.0/16"], "10.2.0.0", true),
        (["192.168.0.0/16", "10.0.0.0/8", "172.16.0.0/12"], "172.31.255.255", true),
        (["192.168.0.0/16", "10.0.0.0/8", "172.16.0.0/12"], "172.32.0.0", false),
        (["255.255.255.255/32", "255.255.255.254/31"], "255.255.255.255", true), ([], "10.0.0.1", false), ([], "::", false),
    ])
    func contains(entries: [String], address: String, expected: Bool) throws {
        let set = try AddressSet(entries)
        #expect(set.contains(try #require(IPAddress(address))) == expected)
    }

    @Test("names the entry that is neither", arguments: [
        "", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/+8", "10.0.0.0/08", "10.0.0.0/8 ", "10.0.0.0/8/8", "10.0.0/8",
        "::/129", "::1%eth0", "::1%eth0/64", "example.org", "::ffff:10.0.0.0/95", "::ffff:10.0.0.0/8", "10.0.0.0/1000000000000000000000",
    ])
    func refused(entry: String) {
        let error = #expect(throws: AddressSetError.self) { try AddressSet(["10.0.0.0/8", entry]) }
        #expect(error?.entry == entry)
    }

    @Test("says what is allowed", arguments: [
        ("1.2.3.4/40", "\"1.2.3.4/40\": prefix length must be 0 to 32"), ("x", "\"x\" is no IP address or CIDR prefix"),
    ])
    func message(entry: String, expected: String) {
        let error = #expect(throws: AddressSetError.self) { try AddressPrefix(entry) }
        #expect(error?.description == expected)
    }

    @Test("agrees with checking every prefix alone", arguments: 0..<20)
    func agreesWithScan(seed: UInt64) throws {
        var state = XXHash64.hash("set \(seed)")
        func next() -> UInt32 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return UInt32(truncatingIfNeeded: state >> 33)
        }
        // Few high bits vary, so that prefixes nest, touch and overlap.
        let prefixes = (0..<40).map { _ in (address: next() & 0x0f00_ff03, length: next() % 33) }
        let set = try AddressSet(prefixes.map { "\(IPAddress(v4: $0.address))/\($0.length)" })
        for _ in 0..<500 {
            let probe = next() & 0x1f00_ff07
            let expected = prefixes.contains { $0.length == 0 || (probe ^ $0.address) >> (32 - $0.length) == 0 }
            #expect(set.contains(IPAddress(v4: probe)) == expected, "seed \(seed), \(IPAddress(v4: probe))")
        }
    }
}
