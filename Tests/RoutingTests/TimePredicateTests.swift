import Filters
import Testing

@testable import Routing

@Suite("Time predicates (predicates.md)")
struct TimePredicateTests {
    private func holds(_ predicates: String, at seconds: UInt64, _ nanoseconds: UInt64 = 0) -> Bool {
        let services = FixedServices()
        services.wallTime = seconds * 1_000_000_000 + nanoseconds
        return taken(predicates, services)
    }

    private func taken(_ predicates: String, _ services: FixedServices) -> Bool {
        RoutingTable.of("r: \(predicates) -> <shunt>;").route(SampleRequest(), services) == "r"
    }

    @Test("from the first instant on, up to the last", arguments: [
        ("After(1000)", 999, false), ("After(1000)", 1000, true), ("Before(1000)", 999, true), ("Before(1000)", 1000, false), ("Between(1000,2000)", 999, false),
        ("Between(1000,2000)", 1000, true), ("Between(1000,2000)", 1999, true), ("Between(1000,2000)", 2000, false), ("After(1000.9)", 1000, true),
        ("After(\"2001-09-09T01:46:40Z\")", 1_000_000_000, true), ("After(\"2001-09-09T01:46:40Z\")", 999_999_999, false),
        ("After(\"2001-09-09T03:46:40+02:00\")", 1_000_000_000, true), ("After(\"2001-09-09T03:46:40+02:00\")", 999_999_999, false),
        ("Before(\"2999-01-01T00:00:00Z\")", 1_800_000_000, true),
    ] as [(String, UInt64, Bool)])
    func instants(predicates: String, seconds: UInt64, expected: Bool) {
        #expect(holds(predicates, at: seconds) == expected)
    }

    @Test("fractions of a second count")
    func fraction() {
        #expect(!holds("After(\"1970-01-01T00:00:10.5Z\")", at: 10, 499_999_999))
        #expect(holds("After(\"1970-01-01T00:00:10.5Z\")", at: 10, 500_000_000))
    }

    @Test("a local time goes by its zone, daylight time and all", arguments: [
        ("2026-01-15T12:00:00", "Europe/Berlin", 1_768_474_800), ("2026-07-15T12:00:00", "Europe/Berlin", 1_784_109_600),
        ("2026-01-15T12:00:00", "America/New_York", 1_768_496_400), ("2026-07-15T12:00:00", "America/New_York", 1_784_131_200),
        ("2099-07-15T12:00:00", "Europe/Berlin", 4_087_792_800), ("2099-01-15T12:00:00", "Australia/Sydney", 4_072_122_000),
        ("2026-07-15T12:00:00", "UTC", 1_784_116_800),
    ] as [(String, String, UInt64)])
    func zones(time: String, zone: String, seconds: UInt64) throws {
        try #require(ZoneFile.read("Europe/Berlin") != nil, "this machine has no zoneinfo database")
        #expect(holds("After(\"\(time)\",\"\(zone)\")", at: seconds))
        #expect(!holds("After(\"\(time)\",\"\(zone)\")", at: seconds - 1))
    }

    @Test("refused", arguments: [
        "After(\"2001-01-01T00:00:00\")", "After(\"2001-01-01T00:00:00\",\"No/Where\")", "After(\"2001-01-01T00:00:00Z\",\"Europe/Berlin\")", "After()",
        "After(\"2001-13-01T00:00:00Z\")", "After(\"2001-02-29T00:00:00Z\")", "After(\"2001-01-01 00:00:00Z\")", "After(\"2001-01-01T24:00:00Z\")",
        "After(\"2001-01-01T00:00:00\",\"../../../etc/passwd\")", "After(\"2001-01-01T00:00:00\",\"/etc/localtime\")", "After(1,2)", "After(\"now\")",
        "Between(\"2999-01-01T00:00:00Z\",\"2001-01-01T00:00:00Z\")", "Between(1000,1000)", "Between(\"2001-01-01T00:00:00Z\",32472144000)", "Between(1)",
        "Cron(\"* * *\")", "Cron(\"*/1 * * * *\")", "Cron(\"* * * JAN MON\")", "Cron(\"* * * * 0-7\")", "Cron(\"60 * * * *\")", "Cron(\"@daily\")",
        "Cron(\"1, * * * *\")", "Cron(\"1-2-3 * * * *\")", "Cron(\"-1 * * * *\")", "Cron(\"* * 0 * *\")", "Cron()", "Cron(5)", "Cron(\"*,1 * * * *\")",
    ])
    func refused(predicates: String) {
        #expect(refusal(predicates) == .invalidPredicateParameters)
    }

    @Test("Cron's five fields must all agree", arguments: [
        ("* * * * *", true), ("40 1 9 9 0", true), ("41 1 9 9 0", false), ("40 2 9 9 0", false), ("40 1 10 9 0", false), ("40 1 9 8 0", false), ("40 1 9 9 1", false),
        ("0-59 0-23 1-31 1-12 0-6", true), ("1,2,38-45 * * * *", true), ("50-10 * * * *", false), ("*  *\t* * *", true), ("* * 31 2 *", false),
    ])
    func cron(text: String, expected: Bool) throws {
        // 2001-09-09 01:46:40 UTC was a Sunday; the mask is asked for 01:40.
        #expect(try CronMask(text).contains(localSeconds: 1_000_000_000 - 360) == expected)
    }

    @Test("a POSIX rule", arguments: [
        ("UTC0", 1_784_116_800, 0), ("CET-1CEST,M3.5.0,M10.5.0/3", 1_784_116_800, 7200), ("CET-1CEST,M3.5.0,M10.5.0/3", 1_768_478_400, 3600),
        ("EST5EDT,M3.2.0,M11.1.0", 1_784_116_800, -14400), ("AEST-10AEDT,M10.1.0,M4.1.0/3", 1_768_478_400, 39600), ("AEST-10AEDT,M10.1.0,M4.1.0/3", 1_784_116_800, 36000),
        ("<+0330>-3:30", 0, 12600), ("XXX3YYY2,J60/0,J300/0", 1_772_334_000, -7200),
    ] as [(String, Int64, Int)])
    func rules(text: String, seconds: Int64, offset: Int) throws {
        #expect(try #require(TimeZoneRules(posix: text)).offset(at: seconds) == offset)
    }

    @Test("no rules", arguments: ["", "X", "CET", "CET-1CEST,M3.5.0", "CET-1CEST,M13.5.0,M10.5.0", "CET-1CEST,M3.5.0,M10.5.0/", "<+03-3"])
    func noRules(text: String) { #expect(TimeZoneRules(posix: text) == nil) }

    @Test("truncated and foreign zone files are refused")
    func brokenFiles() throws {
        let file = try #require(ZoneFile.read("Europe/Berlin"))
        #expect(TimeZoneRules(zoneFile: file) != nil)
        for count in stride(from: 0, to: file.count - 1, by: 7) {
            // What is cut in the footer alone still tells all transitions.
            let parsed = TimeZoneRules(zoneFile: Array(file[..<count]))
            #expect(parsed == nil || count > file.count - 64)
        }
        #expect(TimeZoneRules(zoneFile: Array("not a zone file at all, but long enough to hold a header".utf8)) == nil)
    }

    @Test("the calendar goes both ways", arguments: [
        (0, 1970, 1, 1, 4), (-1, 1969, 12, 31, 3), (11016, 2000, 2, 29, 2), (20_454, 2026, 1, 1, 4), (376_200, 3000, 1, 1, 3), (-719_468, 0, 3, 1, 3),
    ] as [(Int64, Int, Int, Int, Int)])
    func calendar(days: Int64, year: Int, month: Int, day: Int, weekday: Int) {
        let date = CalendarDate(daysSince1970: days)
        #expect(date == CalendarDate(year: year, month: month, day: day))
        #expect(date.daysSince1970 == days)
        #expect(date.weekday == weekday)
    }
}
