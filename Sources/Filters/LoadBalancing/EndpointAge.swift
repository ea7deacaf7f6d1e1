internal import Bytes
internal import Eskip
internal import HTTP

/// The filters that say how long endpoints take to get their full share, and since when they exist.
enum EndpointAge {
    /// `fadeIn(duration, [exponent])`; numbers are milliseconds.
    static func fadeIn(_ reader: ArgumentReader) throws(FilterArgumentError) -> RouteTrait {
        let duration = try reader.duration(0, numbersAre: 1_000_000)
        return .fadeIn(duration: duration, exponent: reader.count > 1 ? try reader.number(1) : 1)
    }

    /// `endpointCreated(address, time)`; the time as seconds since 1970 or as RFC 3339 writes it.
    static func created(_ reader: ArgumentReader) throws(FilterArgumentError) -> RouteTrait {
        .endpointCreated(address: try address(reader), seconds: try time(reader))
    }

    /// `host:port` of an endpoint, written as in the route's backend or without scheme.
    private static func address(_ reader: ArgumentReader) throws(FilterArgumentError) -> String {
        let text = try reader.text(0)
        do throws(OriginError) {
            return try Origin.parse(text.contains("://") ? text : "http://\(text)").hostAndPort
        } catch {
            throw reader.refusal(0, "an endpoint's address", because: error.reason)
        }
    }

    private static func time(_ reader: ArgumentReader) throws(FilterArgumentError) -> Double {
        if let seconds = reader.arguments.number(at: 1) { return seconds }
        guard let seconds = InternetTime.seconds(try reader.text(1)) else {
            throw reader.refusal(1, "seconds since 1970 or a time like \"2026-08-21T15:30:00Z\"")
        }
        return seconds
    }
}

/// Times as RFC 3339 §5.6 writes them.
enum InternetTime {
    /// Seconds since 1970; nil if the text is not exactly `YYYY-MM-DDThh:mm:ss[.fraction](Z|±hh:mm)`.
    static func seconds(_ text: String) -> Double? {
        var reader = InternetTimeReader(bytes: Array(text.utf8))
        return reader.read()
    }
}

private struct InternetTimeReader {
    let bytes: [UInt8]
    var index = 0

    init(bytes: [UInt8]) { self.bytes = bytes }

    mutating func read() -> Double? {
        guard let days = readDate(), take("T") || take("t"), let time = readTime(), let offset = readOffset(), index == bytes.count
        else { return nil }
        return Double(days * 86_400 - offset) + time
    }

    private mutating func readDate() -> Int? {
        guard let year = digits(4), take("-"), let month = digits(2), take("-"), let day = digits(2), (1...12).contains(month),
            day >= 1, day <= InternetTimeReader.dayCount(month, year) else { return nil }
        return InternetTimeReader.days(year, month, day)
    }

    private mutating func readTime() -> Double? {
        guard let hour = digits(2), take(":"), let minute = digits(2), take(":"), let second = digits(2),
            hour < 24, minute < 60, second <= 60 else { return nil }
        let whole = Double(hour * 3600 + minute * 60 + second)
        guard take(".") else { return whole }
        var fraction = 0.0, unit = 0.1
        let start = index
        while let digit = digits(1) {
            fraction += Double(digit) * unit
            unit /= 10
        }
        return index > start ? whole + fraction : nil
    }

    /// Seconds east of Greenwich.
    private mutating func readOffset() -> Int? {
        if take("Z") || take("z") { return 0 }
        let isWest = take("-")
        guard isWest || take("+"), let hour = digits(2), take(":"), let minute = digits(2), hour < 24, minute < 60 else { return nil }
        return (hour * 3600 + minute * 60) * (isWest ? -1 : 1)
    }

    private mutating func take(_ character: Unicode.Scalar) -> Bool {
        guard index < bytes.count, bytes[index] == UInt8(ascii: character) else { return false }
        index += 1
        return true
    }

    private mutating func digits(_ count: Int) -> Int? {
        guard index + count <= bytes.count else { return nil }
        var value = 0
        for byte in bytes[index..<index + count] {
            guard ASCII.isDigit(byte) else { return nil }
            value = value * 10 + Int(byte - UInt8(ascii: "0"))
        }
        index += count
        return value
    }

    private static func dayCount(_ month: Int, _ year: Int) -> Int {
        let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
        return month == 2 ? (isLeap ? 29 : 28) : [4, 6, 9, 11].contains(month) ? 30 : 31
    }

    /// Days since 1970-01-01, negative before. Years are counted from March, so that leap days end them.
    private static func days(_ year: Int, _ month: Int, _ day: Int) -> Int {
        let years = month > 2 ? year : year - 1
        let daysBeforeMonth = (153 * ((month + 9) % 12) + 2) / 5
        // 719,468 days lie between 0000-03-01 and 1970-01-01; year 0 itself counts as 4 centuries later, to stay positive.
        let cycle = years + 400
        return 365 * cycle + cycle / 4 - cycle / 100 + cycle / 400 + daysBeforeMonth + day - 1 - 719_468 - 146_097
    }
}
