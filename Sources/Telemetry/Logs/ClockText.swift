internal import Bytes
internal import Glibc

/// The local time as log lines show it, made anew once per second.
struct ClockText {
    enum Style {
        /// `02/Jan/2006:15:04:05 -0700`
        case commonLog
        /// `2006-01-02T15:04:05+01:00`, `Z` without offset (RFC 3339).
        case rfc3339
    }

    private let style: Style
    private var second: Int?
    private var text: InlineArray<32, UInt8> = .init(repeating: 0)
    private var count = 0

    init(_ style: Style) { self.style = style }

    /// Lends the text for a wall clock reading in nanoseconds since 1970.
    mutating func withText<Result>(_ nanoseconds: UInt64, _ body: (BorrowedBytes) -> Result) -> Result {
        let now = Int(nanoseconds / 1_000_000_000)
        if now != second {
            format(now)
            second = now
        }
        let count = count
        return withUnsafeBytes(of: text) { body($0.slice(0, count)) }
    }

    private mutating func format(_ seconds: Int) {
        var time = time_t(seconds)
        var local = tm()
        localtime_r(&time, &local)
        count = 0
        switch style {
        case .commonLog: formatCommonLog(local)
        case .rfc3339: formatRFC3339(local)
        }
    }

    private mutating func formatCommonLog(_ time: tm) {
        append(time.tm_mday, digits: 2)
        append(UInt8(ascii: "/"))
        let name = UnsafeRawBufferPointer("JanFebMarAprMayJunJulAugSepOctNovDec").slice(Int(time.tm_mon) * 3, Int(time.tm_mon) * 3 + 3)
        for byte in name { append(byte) }
        append(UInt8(ascii: "/"))
        append(time.tm_year + 1900, digits: 4)
        append(UInt8(ascii: ":"))
        appendTimeOfDay(time)
        append(UInt8(ascii: " "))
        appendOffset(time, colon: false)
    }

    private mutating func formatRFC3339(_ time: tm) {
        append(time.tm_year + 1900, digits: 4)
        append(UInt8(ascii: "-"))
        append(time.tm_mon + 1, digits: 2)
        append(UInt8(ascii: "-"))
        append(time.tm_mday, digits: 2)
        append(UInt8(ascii: "T"))
        appendTimeOfDay(time)
        if time.tm_gmtoff == 0 { append(UInt8(ascii: "Z")) } else { appendOffset(time, colon: true) }
    }

    private mutating func appendTimeOfDay(_ time: tm) {
        append(time.tm_hour, digits: 2)
        append(UInt8(ascii: ":"))
        append(time.tm_min, digits: 2)
        append(UInt8(ascii: ":"))
        append(time.tm_sec, digits: 2)
    }

    private mutating func appendOffset(_ time: tm, colon: Bool) {
        let minutes = Int32(time.tm_gmtoff.magnitude / 60)
        append(time.tm_gmtoff < 0 ? UInt8(ascii: "-") : UInt8(ascii: "+"))
        append(minutes / 60, digits: 2)
        if colon { append(UInt8(ascii: ":")) }
        append(minutes % 60, digits: 2)
    }

    private mutating func append(_ byte: UInt8) {
        text[count] = byte
        count += 1
    }

    private mutating func append(_ number: Int32, digits: Int) {
        var divisor: Int32 = 1
        for _ in 1..<digits { divisor *= 10 }
        for _ in 0..<digits {
            append(UInt8(ascii: "0") + UInt8(number / divisor % 10))
            divisor /= 10
        }
    }
}
