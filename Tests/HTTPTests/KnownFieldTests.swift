import Bytes
import HTTP
import Testing

@Suite("Names the proxy knows")
struct KnownFieldTests {
    static let all = (1...63).compactMap { KnownField(rawValue: $0) }

    @Test("each is recognised in any case, and nothing that differs from it by one byte", arguments: all)
    func names(field: KnownField) {
        let name = "\(field.name)"
        for spelling in [name, name.lowercased(), name.uppercased()] { #expect(FieldName(spelling).known == field) }
        for changed in neighbours(Array(name.utf8)) where String(decoding: changed, as: UTF8.self).lowercased() != name.lowercased() {
            let found = changed.withUnsafeBytes { KnownField(name: $0) }
            #expect(found == .other || "\(found.name)".lowercased() == String(decoding: changed, as: UTF8.self).lowercased())
        }
    }

    private func neighbours(_ name: [UInt8]) -> [[UInt8]] {
        var result = [name + [0x61], [0x61] + name, Array(name.dropLast()), Array(name.dropFirst())]
        for index in name.indices {
            for byte in [UInt8(ascii: "a"), UInt8(ascii: "Z"), UInt8(ascii: "_"), UInt8(ascii: "!"), name[index] ^ 0x01, name[index] ^ 0x40, name[index] ^ 0x10] {
                var changed = name
                changed[index] = byte
                result.append(changed)
            }
        }
        return result
    }
}
