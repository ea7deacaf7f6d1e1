import Bytes
import HTTP
import Testing

@Suite("Dates in fields, RFC 9110 §5.6.7")
struct HTTPDateParsingTests {
    @Test("reads the three forms", arguments: [
        ("Sun, 06 Nov 1994 08:49:37 GMT", 784_111_777), ("Sunday, 06-Nov-94 08:49:37 GMT", 784_111_777), ("Sun Nov  6 08:49:37 1994", 784_111_777),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0), ("Thu, 29 Feb 2024 23:59:59 GMT", 1_709_251_199), ("Tue, 19 Jan 2038 03:14:08 GMT", 2_147_483_648),
        ("Wed, 31 Dec 1969 23:59:59 GMT", -1), ("Monday, 01-Jan-68 00:00:00 GMT", 3_092_601_600), ("Sat, 31 Dec 2016 23:59:60 GMT", 1_483_228_800),
    ] as [(String, Int64)])
    func forms(text: String, seconds: Int64) {
        #expect(text.withBytes { HTTPDate.parse($0) } == seconds)
    }

    @Test("refuses everything else", arguments: [
        "", "yesterday", "0", "Sun, 06 Nov 1994 08:49:37", "Sun, 06 Nov 1994 08:49:37 UTC", "Sun, 06 Nov 1994 08:49:37 +0000", "Sun, 6 Nov 1994 08:49:37 GMT",
        "Sun, 06 nov 1994 08:49:37 GMT", "Sun, 32 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 24:49:37 GMT", "Sun, 06 Nov 1994 08:60:37 GMT",
        "Sun, 06 Nov 1994 08-49-37 GMT", "Sun, +6 Nov 1994 08:49:37 GMT", "Sun, 06-Nov-1994 08:49:37 GMT", "Sun Nov  6 08:49:37 1994 GMT", "Sunday, 06-Nov-94 08:49:37 UTC",
        "Sun Nov 06 08:49:37 94  ", ",,,,,,,,,,,,,,,,,,,,,,,,,,,,,",
    ])
    func refused(text: String) {
        #expect(text.withBytes { HTTPDate.parse($0) } == nil)
    }

    @Test("what is written is read")
    func roundTrip() {
        for seconds in stride(from: 0 as UInt64, to: 5_000_000_000, by: 98_765_432) {
            var date = HTTPDate()
            #expect(date.withText(seconds * 1_000_000_000) { HTTPDate.parse($0) } == Int64(seconds))
        }
    }
}
