import Bytes
import Testing

@Suite struct JSONTextTests {
    @Test(arguments: [
        (Array("plain ä 😀".utf8), "\"plain ä 😀\""), (Array("\"\\\n\u{7F}".utf8), #""\"\\\u000A\u007F""#), ([0xFF, 0x61, 0xC3], "\"\\uFFFDa\\uFFFD\""), ([], "\"\""),
    ] as [([UInt8], String)])
    func stringsAreEscaped(text: [UInt8], json: String) {
        var output: [UInt8] = []
        text.withUnsafeBytes { JSONText.appendString($0, to: &output) }
        #expect(String(decoding: output, as: UTF8.self) == json)
    }
}
