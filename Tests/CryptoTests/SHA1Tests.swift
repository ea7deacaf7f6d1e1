import Crypto
import Testing

@Suite("SHA-1")
struct SHA1Tests {
    @Test("the vectors of FIPS 180-4, and none", arguments: [
        ("", "da39a3ee5e6b4b0d3255bfef95601890afd80709"), ("abc", "a9993e364706816aba3e25717850c26c9cd0d89d"),
        ("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", "84983e441c3bd26ebaae4aa1f95129e5e54670f1"),
    ])
    func digest(text: String, expected: String) {
        let digest = Array(text.utf8).withUnsafeBytes { SHA1.digest($0) }
        #expect(digest.withUnsafeBytes { Hex.encode($0) } == expected)
    }
}
