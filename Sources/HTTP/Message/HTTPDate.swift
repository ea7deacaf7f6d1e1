public import Bytes

/// The Date field's value (RFC 9110 §5.6.7), written anew once a second.
public struct HTTPDate: ~Copyable {
    private var second: UInt64 = .max
    private var text: InlineArray<29, UInt8> = .init(repeating: 0x20)

    public init() {}

    /// Calls `body` with the text for this time of day, nanoseconds since 1970.
    @inline(__always)
    public mutating func withText<Result>(_ wallTime: UInt64, _ body: (BorrowedBytes) -> Result) -> Result {
        let now = wallTime / 1_000_000_000
        if now != second { format(now) }
        return withUnsafeBytes(of: &text) { body($0) }
    }

    private mutating func format(_ now: UInt64) {
        second = now
        let days = Int(now / 86400)
        let time = Int(now % 86400)
        let date = HTTPDate.civil(days)
        put("Thu, Fri, Sat, Sun, Mon, Tue, Wed, ", from: days % 7 * 5, count: 5, at: 0)
        put(number: date.day, digits: 2, at: 5)
        put(" Jan  Feb  Mar  Apr  May  Jun  Jul  Aug  Sep  Oct  Nov  Dec ", from: (date.month - 1) * 5, count: 5, at: 7)
        put(number: date.year, digits: 4, at: 12)
        put(" ", from: 0, count: 1, at: 16)
        put(number: time / 3600, digits: 2, at: 17)
        put(":", from: 0, count: 1, at: 19)
        put(number: time / 60 % 60, digits: 2, at: 20)
        put(":", from: 0, count: 1, at: 22)
        put(number: time % 60, digits: 2, at: 23)
        put(" GMT", from: 0, count: 4, at: 25)
    }

    private mutating func put(_ source: StaticString, from: Int, count: Int, at position: Int) {
        let bytes = BorrowedBytes(source)
        for offset in 0..<count { text[position + offset] = bytes[from + offset] }
    }

    private mutating func put(number: Int, digits: Int, at position: Int) {
        var rest = number
        for offset in stride(from: digits - 1, through: 0, by: -1) {
            text[position + offset] = UInt8(truncatingIfNeeded: 0x30 + rest % 10)
            rest /= 10
        }
    }

    /// The Gregorian date of a day counted from 1970-01-01, by the method of eras of 400 years.
    static func civil(_ days: Int) -> (year: Int, month: Int, day: Int) {
        let shifted = days + 719_468
        let era = shifted / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * shiftedMonth + 2) / 5 + 1)
    }
}
