import Eskip
import Testing

@Suite("Go's durations, eskip.md §1.1")
struct GoDurationTests {
    @Test("read", arguments: [
        ("0", .zero), ("-0", .zero), ("+0", .zero), ("0s", .zero), ("5s", .seconds(5)), ("-5s", .seconds(-5)), ("+5s", .seconds(5)),
        ("1h30m", .seconds(5_400)), ("1.5s", .milliseconds(1_500)), (".5s", .milliseconds(500)), ("1.s", .seconds(1)),
        ("100ms", .milliseconds(100)), ("7us", .microseconds(7)), ("7\u{B5}s", .microseconds(7)),
        ("7\u{3BC}s", .microseconds(7)), ("9ns", .nanoseconds(9)), ("1.9ns", .nanoseconds(1)),
        ("1m1m", .seconds(120)), ("1s1h", .seconds(3_601)), ("0.000000001s", .nanoseconds(1)),
        ("0.1h", .seconds(360)), ("0.33333333333333333333333h", .nanoseconds(1_199_999_999_999)),
        ("9223372036854775807ns", .nanoseconds(Int64.max)), ("-9223372036854775808ns", .nanoseconds(Int64.min)),
        ("2562047h47m16.854775807s", .nanoseconds(Int64.max)),
    ] as [(String, Duration)])
    func read(text: String, duration: Duration) {
        #expect(GoDuration.parse(text) == duration)
    }

    @Test("refused", arguments: [
        "", "+", "-", "5", "s", ".s", "-.s", "5 s", " 5s", "5s ", "1d", "1S", "1h30", "1e3s", "--5s", "1..5s", "1.5.5s", "5sm",
        "00", "0.0", "9223372036854775808ns", "-9223372036854775809ns", "2562048h", "9999999999999999999999h", "1h\u{0}",
        "9223372036854775807ns1ns",
    ])
    func refused(text: String) {
        #expect(GoDuration.parse(text) == nil)
    }
}
