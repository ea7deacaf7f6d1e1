import Crypto
import Testing

@Suite("SHA-256")
struct SHA256Tests {
    @Test("the vectors of FIPS 180-4", arguments: [
        ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"), ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        ("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"),
    ])
    func digest(text: String, expected: String) {
        #expect(SHA256.digest(text).withBytes { Hex.encode($0) } == expected)
    }

    @Test func emptyBuffersWithoutAddress() {
        let empty = UnsafeRawBufferPointer(start: nil, count: 0)
        #expect(SHA256.digest(empty) == SHA256.digest(""))
    }

    @Test("compares secrets", arguments: [("", "", true), ("a", "a", true), ("a", "b", false), ("a", "", false), ("ab", "a", false), ("token-1", "token-2", false)])
    func constantTime(left: String, right: String, expected: Bool) {
        #expect(Array(left.utf8).withUnsafeBytes { left in Array(right.utf8).withUnsafeBytes { ConstantTime.equals(left, $0) } } == expected)
    }

    @Test func digestsDifferByOneBit() {
        #expect(SHA256.digest("a") == SHA256.digest("a"))
        #expect(SHA256.digest("a") != SHA256.digest("b"))
        #expect(SHA256.digest("a").bytes.count == Digest256.byteCount)
    }
}

@Suite("Hexadecimal text")
struct HexTests {
    @Test(arguments: [("", []), ("00ff", [0, 255]), ("DEadbeef", [0xde, 0xad, 0xbe, 0xef])] as [(String, [UInt8])])
    func decodes(text: String, bytes: [UInt8]) {
        #expect(Hex.decode(text) == bytes)
        #expect(bytes.withUnsafeBytes { Hex.encode($0) } == text.lowercased())
    }

    @Test(arguments: ["0", "0g", "g0", "0x00", " 00", "00 ", "00\n", "é", "-1"])
    func refuses(text: String) {
        #expect(Hex.decode(text) == nil)
    }
}
