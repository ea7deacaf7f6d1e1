import Bytes
import Testing

@Suite("xxHash64")
struct XXHash64Tests {
    // Values of the reference implementation (`xxhsum -H64`), one per branch: short, 4, 8, 32 bytes and beyond.
    @Test(arguments: [
        ("", 0xef46_db37_51d8_e999), ("a", 0xd24e_c4f1_a98c_6e5b), ("as", 0x1c33_0fb2_d66b_e179), ("asd", 0x631c_37ce_72a9_7393), ("asdf", 0x4158_72f5_99ce_a71e),
        ("Call me Ishmael. Some years ago--never mind how long precisely-", 0x02a2_e854_70d6_fd96),
    ] as [(String, UInt64)])
    func reference(text: String, expected: UInt64) {
        #expect(XXHash64.hash(text) == expected)
    }

    @Test func seedMatters() {
        #expect(XXHash64.hash("a", seed: 1) != XXHash64.hash("a"))
    }
}
