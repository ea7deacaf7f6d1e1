import Bytes
import Testing

@Suite("Base 64, RFC 4648")
struct Base64Tests {
    @Test("the vectors of §10", arguments: [
        ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE="), ("foobar", "Zm9vYmFy"),
    ])
    func vectors(plain: String, text: String) {
        #expect(Base64.encode(Array(plain.utf8)) == text)
        #expect(Base64.decode(text) == Array(plain.utf8))
        let bare = String(text.prefix { $0 != "=" })
        #expect(Base64.encode(Array(plain.utf8), padded: false) == bare)
        #expect(Base64.decode(bare, padding: .absent) == Array(plain.utf8))
        #expect(Base64.decode(bare, padding: .optional) == Array(plain.utf8))
        #expect(Base64.decode(text, padding: .optional) == Array(plain.utf8))
    }

    @Test func alphabetsDifferInTwoDigits() {
        let bytes: [UInt8] = [0xfb, 0xff, 0xbf]
        #expect(Base64.encode(bytes) == "+/+/")
        #expect(Base64.encode(bytes, alphabet: .urlSafe) == "-_-_")
        #expect(Base64.decode("-_-_", alphabet: .urlSafe) == bytes)
        #expect(Base64.decode("-_-_") == nil)
        #expect(Base64.decode("+/+/", alphabet: .urlSafe) == nil)
    }

    @Test("refuses", arguments: [
        "Z", "Zg", "Zg=", "Zg===", "=", "==", "====", "Zm9v=", "Zm9v====", "Z===", "Zm=v", "Zm9v\n", " Zm9v", "Zm9*", "Zh==", "Zm9=", "Zg==Zg==", "Zm9vé===",
    ])
    func refused(text: String) {
        #expect(Base64.decode(text) == nil)
    }

    @Test("refuses padding where none may be", arguments: ["Zg==", "Zm8="])
    func refusedPadding(text: String) {
        #expect(Base64.decode(text, padding: .absent) == nil)
    }

    @Test("any bytes survive", arguments: 0..<70)
    func roundTrip(count: Int) {
        let bytes = (0..<count).map { UInt8(truncatingIfNeeded: XXHash64.hash("\($0) of \(count)")) }
        for alphabet in [Base64.Alphabet.standard, .urlSafe] {
            #expect(Base64.decode(Base64.encode(bytes, alphabet: alphabet), alphabet: alphabet) == bytes)
            #expect(Base64.decode(Base64.encode(bytes, alphabet: alphabet, padded: false), alphabet: alphabet, padding: .absent) == bytes)
        }
    }
}
