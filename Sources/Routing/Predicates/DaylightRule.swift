/// When a zone changes between standard and daylight time, every year alike: a POSIX TZ text.
struct DaylightRule: Sendable, Equatable {
    let standardOffset: Int32
    private var daylight: Daylight?

    private struct Daylight: Equatable {
        let offset: Int32
        /// From when to when, in local time of what holds before.
        let start: YearlyMoment
        let end: YearlyMoment
    }

    init?(_ text: String) {
        var parser = Parser(text: Array(text.utf8))
        guard parser.name(), let west = parser.time() else { return nil }
        standardOffset = Int32(-west)
        guard !parser.isAtEnd else { return }
        guard parser.name() else { return nil }
        // Without an offset of its own, daylight time is one hour ahead.
        let offset = parser.isAtComma || parser.isAtEnd ? standardOffset + 3600 : parser.time().map { Int32(-$0) }
        guard let offset else { return nil }
        // Without dates, those of the United States, as most implementations have it.
        if parser.isAtEnd { parser = Parser(text: Array(",M3.2.0,M11.1.0".utf8)) }
        guard let start = parser.moment(), let end = parser.moment(), parser.isAtEnd else { return nil }
        daylight = Daylight(offset: offset, start: start, end: end)
    }

    func offset(at seconds: Int64) -> Int {
        guard let daylight else { return Int(standardOffset) }
        let year = CalendarDate(daysSince1970: floorDivided(seconds + Int64(standardOffset), by: 86400)).year
        let start = daylight.start.seconds(inYear: year) - Int64(standardOffset)
        let end = daylight.end.seconds(inYear: year) - Int64(daylight.offset)
        // South of the equator daylight time spans the new year.
        let isDaylight = start < end ? start <= seconds && seconds < end : !(end <= seconds && seconds < start)
        return Int(isDaylight ? daylight.offset : standardOffset)
    }
}

/// A day of each year and a time on it.
private struct YearlyMoment: Equatable {
    enum Day: Equatable {
        /// The n-th (5: last) of a weekday in a month, Sunday 0.
        case weekday(month: Int, week: Int, day: Int)
        /// 1...365, 29 February never counted.
        case julian(Int)
        /// 0...365.
        case zeroBased(Int)
    }

    let day: Day
    /// Seconds after midnight; negative, or beyond a day, in a few zones.
    let time: Int

    /// Seconds of local time since 1970.
    func seconds(inYear year: Int) -> Int64 {
        let newYear = CalendarDate(year: year, month: 1, day: 1).daysSince1970
        let days: Int64 = switch day {
        case .julian(let number): newYear + Int64(number - 1 + (CalendarDate.isLeap(year) && number >= 60 ? 1 : 0))
        case .zeroBased(let number): newYear + Int64(number)
        case .weekday(let month, let week, let day): Self.days(year, month, week, day)
        }
        return days * 86400 + Int64(time)
    }

    private static func days(_ year: Int, _ month: Int, _ week: Int, _ day: Int) -> Int64 {
        let first = CalendarDate(year: year, month: month, day: 1)
        var number = 1 + (day - first.weekday + 7) % 7 + (week - 1) * 7
        if number > CalendarDate.dayCount(year, month) { number -= 7 }
        return first.daysSince1970 + Int64(number - 1)
    }
}

private struct Parser {
    let text: [UInt8]
    var index = 0

    init(text: [UInt8]) { self.text = text }

    var isAtEnd: Bool { index == text.count }
    var isAtComma: Bool { peek == UInt8(ascii: ",") }
    private var peek: UInt8? { index < text.count ? text[index] : nil }

    private mutating func take(_ character: Unicode.Scalar) -> Bool {
        guard peek == UInt8(ascii: character) else { return false }
        index += 1
        return true
    }

    /// Three letters or more, or anything between angle brackets.
    mutating func name() -> Bool {
        if take("<") {
            while let byte = peek, byte != UInt8(ascii: ">") { index += 1 }
            return take(">")
        }
        let start = index
        while let byte = peek, (byte | 0x20) &- 0x61 < 26 { index += 1 }
        return index - start >= 3
    }

    mutating func number() -> Int? {
        let start = index
        var value = 0
        while let byte = peek, byte &- 0x30 < 10, index - start < 4 {
            value = value * 10 + Int(byte - 0x30)
            index += 1
        }
        return index > start ? value : nil
    }

    /// `[+-]hh[:mm[:ss]]` in seconds.
    mutating func time() -> Int? {
        let isNegative = take("-")
        if !isNegative { _ = take("+") }
        guard var seconds = number().map({ $0 * 3600 }) else { return nil }
        for unit in [60, 1] {
            guard take(":") else { break }
            guard let part = number() else { return nil }
            seconds += part * unit
        }
        return isNegative ? -seconds : seconds
    }

    /// `,date[/time]`.
    mutating func moment() -> YearlyMoment? {
        guard take(","), let day = day() else { return nil }
        guard take("/") else { return YearlyMoment(day: day, time: 2 * 3600) }
        return time().map { YearlyMoment(day: day, time: $0) }
    }

    private mutating func day() -> YearlyMoment.Day? {
        if take("J") { return number().flatMap { (1...365).contains($0) ? .julian($0) : nil } }
        guard take("M") else { return number().flatMap { (0...365).contains($0) ? .zeroBased($0) : nil } }
        guard let month = number(), take("."), let week = number(), take("."), let day = number(),
            (1...12).contains(month), (1...5).contains(week), (0...6).contains(day)
        else { return nil }
        return .weekday(month: month, week: week, day: day)
    }
}
