/// Durations as Go writes them: `1h30m`, `1.5s`, `-3ms`, and `0` without a unit.
enum GoDuration {
    /// `nil` for anything else, and beyond ±292 years (64 bits of nanoseconds).
    static func parse(_ text: String) -> Duration? {
        var rest = text.utf8[...]
        let isNegative = rest.first == UInt8(ascii: "-")
        if isNegative || rest.first == UInt8(ascii: "+") { rest = rest.dropFirst() }
        if Array(rest) == [UInt8(ascii: "0")] { return .zero }
        guard !rest.isEmpty else { return nil }
        var nanoseconds: Int64 = 0
        while !rest.isEmpty {
            guard let part = part(&rest) else { return nil }
            let (sum, overflow) = nanoseconds.addingReportingOverflow(part)
            guard !overflow else { return nil }
            nanoseconds = sum
        }
        return .nanoseconds(isNegative ? -nanoseconds : nanoseconds)
    }

    /// One number with its unit, in nanoseconds.
    private static func part(_ rest: inout Substring.UTF8View) -> Int64? {
        let whole = digits(&rest)
        var fraction = ""
        if rest.first == UInt8(ascii: ".") {
            rest = rest.dropFirst()
            fraction = digits(&rest)
        }
        guard !(whole.isEmpty && fraction.isEmpty), let unit = unit(&rest) else { return nil }
        guard let count = whole.isEmpty ? 0 : Int64(whole) else { return nil }
        let (product, overflow) = count.multipliedReportingOverflow(by: unit)
        guard !overflow else { return nil }
        let (sum, overflows) = product.addingReportingOverflow(nanoseconds(ofFraction: fraction, unit: unit))
        return overflows ? nil : sum
    }

    private static func digits(_ rest: inout Substring.UTF8View) -> String {
        let digits = rest.prefix(while: AddressText.isDigit)
        rest = rest.dropFirst(digits.count)
        return String(decoding: digits, as: UTF8.self)
    }

    private static func unit(_ rest: inout Substring.UTF8View) -> Int64? {
        let name = rest.prefix { !AddressText.isDigit($0) && $0 != UInt8(ascii: ".") }
        rest = rest.dropFirst(name.count)
        return units.first { $0.name.utf8.elementsEqual(name) }?.nanoseconds
    }

    /// What is below a nanosecond is dropped, and so are digits that could only matter below it.
    private static func nanoseconds(ofFraction digits: String, unit: Int64) -> Int64 {
        let (value, scale) = digits.utf8.prefix(18).reduce((Int128(0), Int128(1))) { sum, digit in
            (sum.0 * 10 + Int128(digit - UInt8(ascii: "0")), sum.1 * 10)
        }
        return Int64(value * Int128(unit) / scale)
    }

    private static let units: [(name: String, nanoseconds: Int64)] = [
        ("h", 3_600_000_000_000), ("m", 60_000_000_000), ("s", 1_000_000_000),
        ("ms", 1_000_000), ("us", 1000), ("µs", 1000), ("μs", 1000), ("ns", 1),
    ]

    /// The shortest such text: `75s` is `1m15s`, two minutes `2m`.
    static func text(_ duration: Duration) -> String {
        let (seconds, attoseconds) = duration.components
        var rest = seconds * 1_000_000_000 + attoseconds / 1_000_000_000
        guard rest != 0 else { return "0s" }
        var text = rest < 0 ? "-" : ""
        rest = abs(rest)
        for (name, size) in units where name.utf8.count < 3 && rest >= size {
            text += "\(rest / size)\(name)"
            rest %= size
        }
        return text
    }
}
