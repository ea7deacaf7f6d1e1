import Eskip
import Filters

/// An instant as predicates compare it with the wall clock.
struct WallInstant: Comparable, Sendable {
    /// Since 1970.
    let seconds: Int64
    let nanoseconds: UInt32

    static func < (left: WallInstant, right: WallInstant) -> Bool {
        (left.seconds, left.nanoseconds) < (right.seconds, right.nanoseconds)
    }

    static func now(_ services: FilterServices) -> WallInstant {
        let time = services.wallTime
        return WallInstant(seconds: Int64(time / 1_000_000_000), nanoseconds: UInt32(time % 1_000_000_000))
    }
}

/// `After`, `Before`, `Between`: from an instant on, up to one, or both.
final class TimeRangePredicate: Predicate, @unchecked Sendable {
    private let from: WallInstant?
    private let till: WallInstant?

    init(from: WallInstant?, till: WallInstant?) {
        self.from = from
        self.till = till
    }

    override func matches(_ context: FilterContext) -> Bool {
        let now = WallInstant.now(context.services)
        if let from, now < from { return false }
        if let till, now >= till { return false }
        return true
    }
}

/// `Cron`: the minute now is one of these, in the zone of the process.
final class CronPredicate: Predicate, @unchecked Sendable {
    private let mask: CronMask
    private let zone: TimeZoneRules

    init(_ mask: CronMask, _ zone: TimeZoneRules) {
        self.mask = mask
        self.zone = zone
    }

    override func matches(_ context: FilterContext) -> Bool {
        let seconds = WallInstant.now(context.services).seconds
        return mask.contains(localSeconds: seconds + Int64(zone.offset(at: seconds)))
    }
}

/// Minutes of a calendar, as five sets that must all agree (unlike cron's days).
struct CronMask: Sendable, Equatable {
    /// Minute, hour, day of the month, month, day of the week (Sunday 0); one bit per number.
    private var fields: [UInt64] = []

    private static let ranges: [(String, ClosedRange<Int>)] = [
        ("minute", 0...59), ("hour", 0...23), ("day of month", 1...31), ("month", 1...12), ("day of week", 0...6),
    ]

    init(_ text: String) throws(PredicateArgumentError) {
        let parts = text.split { $0 == " " || $0 == "\t" }
        guard parts.count == 5 else {
            throw PredicateArgumentError("takes five fields (minute, hour, day of month, month, day of week), found \(parts.count)")
        }
        for (part, (name, range)) in zip(parts, Self.ranges) { fields.append(try Self.field(part, name, range)) }
    }

    private static func field(_ text: Substring, _ name: String, _ range: ClosedRange<Int>) throws(PredicateArgumentError) -> UInt64 {
        if text == "*" { return .max }
        var bits: UInt64 = 0
        for item in text.split(separator: ",", omittingEmptySubsequences: false) {
            let bounds = item.split(separator: "-", omittingEmptySubsequences: false).map { number($0) }
            guard (1...2).contains(bounds.count), let first = bounds[0], let last = bounds[bounds.count - 1],
                range.contains(first), range.contains(last)
            else {
                throw PredicateArgumentError(
                    "the \(name) is * or a list of numbers and ranges from \(range.lowerBound) to \(range.upperBound), found \"\(text)\"")
            }
            // A range that runs backwards is empty.
            for number in stride(from: first, through: last, by: 1) { bits |= 1 << UInt64(number) }
        }
        return bits
    }

    private static func number(_ text: Substring) -> Int? {
        guard (1...4).contains(text.utf8.count), text.utf8.allSatisfy({ $0 &- 0x30 < 10 }) else { return nil }
        return Int(text)
    }

    func contains(localSeconds seconds: Int64) -> Bool {
        let days = floorDivided(seconds, by: 86400)
        let minutes = Int(seconds - days * 86400) / 60
        let date = CalendarDate(daysSince1970: days)
        return has(minutes % 60, 0) && has(minutes / 60, 1) && has(date.day, 2) && has(date.month, 3)
            && has(CalendarDate.weekday(ofDay: days), 4)
    }

    private func has(_ number: Int, _ field: Int) -> Bool { fields[field] >> UInt64(number) & 1 == 1 }
}

/// Instants as the time predicates write them.
private struct InstantReader {
    let arguments: Arguments
    let environment: PredicateEnvironment

    private static let forms = "an RFC 3339 time, a local time and its IANA zone, or seconds since 1970"

    /// As many instants as asked for, all of one form.
    func instants(_ count: Int) throws(PredicateArgumentError) -> [WallInstant] {
        let shape = count == 1 ? Self.forms : "two times of one form: \(Self.forms)"
        try arguments.require(count...count + 1, shape)
        if arguments.number(at: 0) != nil {
            try arguments.require(count...count, shape)
            var instants: [WallInstant] = []
            for position in 0..<count { instants.append(try instant(of: arguments.requiredNumber(position, "the time"))) }
            return instants
        }
        let zone = arguments.count > count ? try zone(arguments.requiredString(count, "the zone")) : nil
        var instants: [WallInstant] = []
        for position in 0..<count { instants.append(try instant(of: arguments.requiredString(position, "the time"), zone)) }
        return instants
    }

    private func instant(of number: Double) throws(PredicateArgumentError) -> WallInstant {
        guard abs(number) < 0x1p53 else { throw PredicateArgumentError("\(number) seconds are beyond every calendar") }
        return WallInstant(seconds: Int64(number), nanoseconds: 0)
    }

    private func instant(of text: String, _ zone: TimeZoneRules?) throws(PredicateArgumentError) -> WallInstant {
        guard let time = TimeText(text), (time.offset == nil) == (zone != nil) else {
            let form = zone == nil ? "2006-01-02T15:04:05Z or with an offset (a local time needs a zone)" : "2006-01-02T15:04:05"
            throw PredicateArgumentError("the time must look like \(form), found \"\(text)\"")
        }
        let seconds = zone?.seconds(ofLocal: time.localSeconds) ?? time.localSeconds - Int64(time.offset ?? 0)
        return WallInstant(seconds: seconds, nanoseconds: time.nanoseconds)
    }

    private func zone(_ name: String) throws(PredicateArgumentError) -> TimeZoneRules {
        guard let rules = environment.zoneFile(name).flatMap({ TimeZoneRules(zoneFile: $0) }) else {
            throw PredicateArgumentError("\"\(name)\" is no zone of this machine's zoneinfo database")
        }
        return rules
    }
}

/// `2006-01-02T15:04:05[.fraction]` with or without `Z` or `±hh:mm` (RFC 3339 §5.6).
struct TimeText {
    let localSeconds: Int64
    let nanoseconds: UInt32
    /// Seconds east of UTC, nil for a local time.
    let offset: Int?

    init?(_ text: String) {
        var reader = Reader(bytes: Array(text.utf8))
        guard let year = reader.number(4), reader.take("-"), let month = reader.number(2), reader.take("-"), let day = reader.number(2),
            reader.take("T"), let hour = reader.number(2), reader.take(":"), let minute = reader.number(2), reader.take(":"),
            let second = reader.number(2), let nanoseconds = reader.fraction(), let offset = reader.offset(), reader.isAtEnd,
            (1...12).contains(month), day >= 1, day <= CalendarDate.dayCount(year, month), hour < 24, minute < 60, second < 60
        else { return nil }
        localSeconds = CalendarDate(year: year, month: month, day: day).daysSince1970 * 86400 + Int64(hour * 3600 + minute * 60 + second)
        self.nanoseconds = nanoseconds
        self.offset = offset
    }

    private struct Reader {
        let bytes: [UInt8]
        var index = 0

        init(bytes: [UInt8]) { self.bytes = bytes }

        var isAtEnd: Bool { index == bytes.count }

        mutating func take(_ character: Unicode.Scalar) -> Bool {
            guard index < bytes.count, bytes[index] == UInt8(ascii: character) else { return false }
            index += 1
            return true
        }

        mutating func number(_ digits: Int) -> Int? {
            guard bytes.count - index >= digits else { return nil }
            var value = 0
            for byte in bytes[index..<index + digits] {
                guard byte &- 0x30 < 10 else { return nil }
                value = value * 10 + Int(byte - 0x30)
            }
            index += digits
            return value
        }

        /// Digits beyond the ninth do not count.
        mutating func fraction() -> UInt32? {
            guard take(".") else { return 0 }
            var value: UInt32 = 0
            var digits = 0
            while index < bytes.count, case let digit = bytes[index] &- 0x30, digit < 10 {
                if digits < 9 { value = value * 10 + UInt32(digit) }
                digits += 1
                index += 1
            }
            guard digits > 0 else { return nil }
            for _ in min(digits, 9)..<9 { value *= 10 }
            return value
        }

        mutating func offset() -> Int?? {
            if isAtEnd { return .some(nil) }
            if take("Z") { return 0 }
            let isWest = take("-")
            guard isWest || take("+"), let hours = number(2), take(":"), let minutes = number(2), hours < 24, minutes < 60 else { return nil }
            return (hours * 3600 + minutes * 60) * (isWest ? -1 : 1)
        }
    }
}

extension PredicateRegistry {
    static let timePredicates = [
        PredicateSpec("After") { arguments, environment throws(PredicateArgumentError) in
            TimeRangePredicate(from: try InstantReader(arguments: arguments, environment: environment).instants(1)[0], till: nil)
        },
        PredicateSpec("Before") { arguments, environment throws(PredicateArgumentError) in
            TimeRangePredicate(from: nil, till: try InstantReader(arguments: arguments, environment: environment).instants(1)[0])
        },
        PredicateSpec("Between") { arguments, environment throws(PredicateArgumentError) in
            let instants = try InstantReader(arguments: arguments, environment: environment).instants(2)
            guard instants[0] < instants[1] else { throw PredicateArgumentError("the first time must lie before the second") }
            return TimeRangePredicate(from: instants[0], till: instants[1])
        },
        PredicateSpec("Cron") { arguments, environment throws(PredicateArgumentError) in
            try arguments.require(1...1, "one text of five fields")
            return CronPredicate(try CronMask(arguments.requiredString(0, "the text")), environment.localZone)
        },
    ]
}
