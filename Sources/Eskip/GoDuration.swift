/// Durations as Go writes them (eskip.md §1.1): filter arguments and flags use nothing else.
public enum GoDuration {
    /// Reads an optional sign and one or more `<decimal><unit>`, units `ns us µs ms s m h`; or `0` without a unit.
    ///
    /// Digits below a nanosecond are cut off. `nil` for anything else, and for what 64 bits of nanoseconds (292 years)
    /// cannot hold.
    public static func parse(_ text: String) -> Duration? {
        parse(bytes: Array(text.utf8)[...])
    }

    static func parse(bytes: ArraySlice<UInt8>) -> Duration? {
        var rest = bytes
        let isNegative = rest.first == UInt8(ascii: "-")
        if isNegative || rest.first == UInt8(ascii: "+") { rest.removeFirst() }
        if rest.elementsEqual([UInt8(ascii: "0")]) { return .zero }
        guard !rest.isEmpty else { return nil }
        // The lowest value has no positive counterpart, so magnitudes are counted unsigned.
        var nanoseconds: UInt64 = 0
        while !rest.isEmpty {
            guard let term = term(from: &rest) else { return nil }
            let (sum, overflows) = nanoseconds.addingReportingOverflow(term)
            guard !overflows, sum <= Int64.min.magnitude else { return nil }
            nanoseconds = sum
        }
        if isNegative { return .nanoseconds(Int64(truncatingIfNeeded: 0 &- nanoseconds)) }
        return Int64(exactly: nanoseconds).map { .nanoseconds($0) }
    }

    /// One `<decimal><unit>` in nanoseconds.
    private static func term(from rest: inout ArraySlice<UInt8>) -> UInt64? {
        let whole = takeDigits(from: &rest)
        var fraction: ArraySlice<UInt8> = []
        if rest.first == UInt8(ascii: ".") {
            rest.removeFirst()
            fraction = takeDigits(from: &rest)
        }
        guard !(whole.isEmpty && fraction.isEmpty), let unit = takeUnit(from: &rest) else { return nil }
        return scaled(whole, by: unit).flatMap { adding(fraction, of: unit, to: $0) }
    }

    private static func takeDigits(from rest: inout ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        let digits = rest.prefix { $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9") }
        rest = rest[digits.endIndex...]
        return digits
    }

    private static func takeUnit(from rest: inout ArraySlice<UInt8>) -> UInt64? {
        let text = rest.prefix { !($0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9")) && $0 != UInt8(ascii: ".") }
        rest = rest[text.endIndex...]
        switch String(decoding: text, as: UTF8.self) {
        case "ns": return 1
        case "us", "\u{B5}s", "\u{3BC}s": return 1_000
        case "ms": return 1_000_000
        case "s": return 1_000_000_000
        case "m": return 60_000_000_000
        case "h": return 3_600_000_000_000
        default: return nil
        }
    }

    private static func scaled(_ digits: ArraySlice<UInt8>, by unit: UInt64) -> UInt64? {
        var value: UInt64 = 0
        for digit in digits {
            let (tenfold, overflows) = value.multipliedReportingOverflow(by: 10)
            let (sum, carries) = tenfold.addingReportingOverflow(UInt64(digit - UInt8(ascii: "0")))
            guard !overflows, !carries else { return nil }
            value = sum
        }
        let (nanoseconds, overflows) = value.multipliedReportingOverflow(by: unit)
        return overflows ? nil : nanoseconds
    }

    /// Adds the part of a unit that `digits` after the point say; those beyond a nanosecond are cut off.
    private static func adding(_ digits: ArraySlice<UInt8>, of unit: UInt64, to nanoseconds: UInt64) -> UInt64? {
        var value: UInt64 = 0, scale: UInt64 = 1
        // An hour has 3.6 × 10^12 ns: 15 digits are exact, and their product fits 128 bits.
        for digit in digits.prefix(15) {
            value = value * 10 + UInt64(digit - UInt8(ascii: "0"))
            scale *= 10
        }
        let part = scale.dividingFullWidth(value.multipliedFullWidth(by: unit)).quotient
        let (sum, overflows) = nanoseconds.addingReportingOverflow(part)
        return overflows ? nil : sum
    }
}
