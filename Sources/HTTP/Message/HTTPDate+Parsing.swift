public import Bytes

extension HTTPDate {
    /// Seconds since 1970 of a date in any of the three forms that RFC 9110 §5.6.7 lets recipients meet; nil for all else.
    ///
    /// The day of the week is not compared with the date. Two-digit years below 69 are of this century.
    public static func parse(_ text: BorrowedBytes) -> Int64? {
        guard text.count >= 24, let comma = text.firstIndex(of: UInt8(ascii: ","), from: 0) else { return asctime(text) }
        return comma == 3 ? fixed(text) : rfc850(text.slice(comma + 1, text.count))
    }

    /// `Sun, 06 Nov 1994 08:49:37 GMT`
    private static func fixed(_ text: BorrowedBytes) -> Int64? {
        guard text.count == 29, text.slice(25, 29).equals(" GMT"), hasBytes(text, " ", at: 4, 7, 11, 16) else { return nil }
        return seconds(year: number(text.slice(12, 16)), month: text.slice(8, 11), day: number(text.slice(5, 7)), time: text.slice(17, 25))
    }

    /// ` 06-Nov-94 08:49:37 GMT`, behind the weekday.
    private static func rfc850(_ text: BorrowedBytes) -> Int64? {
        guard text.count == 23, text.slice(19, 23).equals(" GMT"), hasBytes(text, "-", at: 3, 7), hasBytes(text, " ", at: 0, 10),
            let year = number(text.slice(8, 10)) else { return nil }
        return seconds(year: year + (year < 69 ? 2000 : 1900), month: text.slice(4, 7), day: number(text.slice(1, 3)), time: text.slice(11, 19))
    }

    /// `Sun Nov  6 08:49:37 1994`
    private static func asctime(_ text: BorrowedBytes) -> Int64? {
        guard text.count == 24, hasBytes(text, " ", at: 3, 7, 10, 19) else { return nil }
        let day = text.slice(text[8] == 0x20 ? 9 : 8, 10)
        return seconds(year: number(text.slice(20, 24)), month: text.slice(4, 7), day: number(day), time: text.slice(11, 19))
    }

    private static func seconds(year: Int?, month: BorrowedBytes, day: Int?, time: BorrowedBytes) -> Int64? {
        guard let year, let day, (1...31).contains(day), let month = monthNumber(month), hasBytes(time, ":", at: 2, 5),
            let hour = number(time.slice(0, 2)), let minute = number(time.slice(3, 5)), let second = number(time.slice(6, 8)),
            hour < 24, minute < 60, second <= 60 else { return nil }
        return Int64(days(year: year, month: month, day: day)) * 86400 + Int64(hour * 3600 + minute * 60 + second)
    }

    private static func monthNumber(_ name: BorrowedBytes) -> Int? {
        let months = BorrowedBytes("JanFebMarAprMayJunJulAugSepOctNovDec")
        return (0..<12).first { months.slice($0 * 3, $0 * 3 + 3).equals(name) }.map { $0 + 1 }
    }

    /// Days from 1970-01-01 to a Gregorian date, the inverse of `civil`.
    private static func days(year: Int, month: Int, day: Int) -> Int {
        let shiftedYear = month <= 2 ? year - 1 : year
        let era = shiftedYear / 400
        let yearOfEra = shiftedYear - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }

    private static func number(_ digits: BorrowedBytes) -> Int? {
        var value = 0
        for byte in digits {
            guard ASCII.isDigit(byte) else { return nil }
            value = value * 10 + Int(byte &- 0x30)
        }
        return value
    }

    private static func hasBytes(_ text: BorrowedBytes, _ byte: Unicode.Scalar, at positions: Int...) -> Bool {
        positions.allSatisfy { text[$0] == UInt8(ascii: byte) }
    }
}
