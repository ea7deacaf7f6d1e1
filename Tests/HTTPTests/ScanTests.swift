import CScan
import Testing

/// Sixteen bytes at once against one at a time, every byte in every place.
@Suite("Classes of bytes by words")
struct ScanTests {
    @Test func classes() {
        for place in 0..<16 {
            for byte in UInt8.min...UInt8.max {
                var bytes = [UInt8](repeating: UInt8(ascii: "a"), count: 16)
                bytes[place] = byte
                let bit = UInt32(1) << UInt32(place)
                let isWord = (byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x7A || byte >= 0x30 && byte <= 0x39 || byte == 0x2D
                #expect(cscan_no_word(bytes) == (isWord ? 0 : bit), "\(byte)")
                if place < 8 { #expect(cscan_no_name(bytes) == (isWord || byte == 0x2E ? 0 : bit), "\(byte)") }
                #expect(cscan_control(bytes) == (byte < 0x20 || byte == 0x7F ? bit : 0), "\(byte)")
                #expect(cscan_colon(bytes) == (byte == 0x3A ? bit : 0), "\(byte)")
                #expect(cscan_differs_folded(bytes, [UInt8](repeating: UInt8(ascii: "a"), count: 16)) == (byte | 0x20 == 0x61 ? 0 : bit), "\(byte)")
                #expect(cscan_control_or_space(bytes) == (byte <= 0x20 || byte == 0x7F ? bit : 0), "\(byte)")
            }
        }
    }
}
