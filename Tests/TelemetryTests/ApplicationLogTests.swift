import Logging
import Testing

@testable import Telemetry

@Suite("Application log")
struct ApplicationLogTests {
    /// What `body` logs; started at 2024-01-02 03:04:04 UTC, a second passes before each line.
    static func lines(_ format: ApplicationLogOptions.Format, level: Logger.Level = .info, prefix: String = "[APP]", _ body: (inout Logger) -> Void) throws -> String {
        _ = TimeZoneOfTests.set
        let now = SharedNumber(1_704_164_644)
        return try LogFile.written { writer in
            let handler = ApplicationLog(writer, options: ApplicationLogOptions(format: format, prefix: prefix), level: level) {
                defer { now.value += 1 }
                return UInt64(now.value) * 1_000_000_000
            }
            var logger = Logger(label: "test") { _ in handler }
            body(&logger)
        }
    }

    @Test func keyValue() throws {
        #expect(try Self.lines(.keyValue) { $0.warning("route left out", metadata: ["route": "shop", "reason": "unknown filter \"x\""]) } == """
            [APP]time="2024-01-02T04:04:05+01:00" level=warning msg="route left out" reason="unknown filter \\"x\\"" route=shop

            """)
    }

    @Test func terminal() throws {
        #expect(try Self.lines(.terminal, prefix: "") { logger in
            logger.info("started")
            logger.error("cannot connect", metadata: ["endpoint": "10.0.0.1:80"])
        } == """
            INFO[0001] started
            ERRO[0002] cannot connect endpoint="10.0.0.1:80"

            """)
    }

    @Test func json() throws {
        #expect(try Self.lines(.json) { $0.info("a \"b\"\n", metadata: ["level": "x", "n": "1"]) } == #"""
            {"level":"info","msg":"a \"b\"\n","time":"2024-01-02T04:04:05+01:00","fields.level":"x","n":"1"}

            """#)
    }

    @Test("levels", arguments: [
        (Logger.Level.trace, "trace"), (.debug, "debug"), (.info, "info"), (.notice, "info"), (.warning, "warning"), (.error, "error"), (.critical, "fatal"),
    ])
    func levels(level: Logger.Level, name: String) throws {
        #expect(try Self.lines(.keyValue, level: .trace) { $0.log(level: level, "m") }.contains(" level=\(name) msg=\"m\"\n"))
        #expect(try Self.lines(.keyValue, level: .critical) { $0.log(level: level, "m") }.isEmpty == (level < .critical))
    }

    @Test("level flags", arguments: [("INFO", Logger.Level.info), ("debug", .debug), ("Warn", .warning), ("WARNING", .warning), ("ERROR", .error), ("FATAL", .critical), ("PANIC", .critical), ("TRACE", .trace), ("", nil), ("loud", nil)] as [(String, Logger.Level?)])
    func flags(text: String, level: Logger.Level?) {
        #expect(Logger.Level(flag: text) == level)
    }

    @Test("secrets never show", arguments: ["Authorization", "authorization", "COOKIE", "Set-Cookie", "proxy-authorization"])
    func secrets(name: String) throws {
        for format in [ApplicationLogOptions.Format.keyValue, .terminal, .json] {
            let text = try Self.lines(format) { logger in
                logger[metadataKey: name] = "Bearer hunter2"
                logger.info("request", metadata: ["x": "1"])
                logger.info("request", metadata: ["\(name)": "hunter2"])
            }
            #expect(!text.contains("hunter2"))
            #expect(text.contains("[redacted]"))
        }
    }

    @Test("one message is one line", arguments: ["a\nb", "a\r\nb", "a\u{2028}b", "a\u{85}b", "a\u{1B}[31mb", "\0"])
    func oneLine(message: String) throws {
        for format in [ApplicationLogOptions.Format.keyValue, .terminal, .json] {
            let text = try Self.lines(format) { $0.info("\(message)", metadata: ["k\(message)": "\(message)"]) }
            #expect(text.unicodeScalars.count { $0.value < 0x20 || (0x7F...0x9F).contains($0.value) || $0 == "\u{2028}" } == 1)
            #expect(text.hasSuffix("\n"))
        }
    }

    @Test func anErrorIsAField() throws {
        #expect(try Self.lines(.keyValue) { $0.error("refused", error: LogError(path: "/x", code: 2)) }.contains(#"error="log file /x: No such file or directory""#))
    }

    @Test func aLongLineIsCut() throws {
        let text = try Self.lines(.keyValue) { $0.info("\(String(repeating: "x", count: 1_000_000))") }
        #expect(text.utf8.count == TelemetryLimits.applicationLineBytesMax)
        #expect(text.hasSuffix("x...\n"))
    }
}

@Suite("Repeated messages")
struct LogThrottleTests {
    @Test func tellsTheFirstAndThenHowMany() {
        var throttle = LogThrottle(interval: 10)
        #expect(throttle.admit("a", now: 100) == 0)
        #expect(throttle.admit("a", now: 101) == nil)
        #expect(throttle.admit("b", now: 102) == 0)
        #expect(throttle.admit("a", now: 109) == nil)
        #expect(throttle.admit("a", now: 110) == 2)
        #expect(throttle.admit("a", now: 119) == nil)
        #expect(throttle.admit("a", now: 500) == 1)
        #expect(throttle.admit("a", now: 510) == 0)
    }

    @Test func remembersABoundedNumberOfKeys() {
        var throttle = LogThrottle(interval: 1_000_000)
        for number in 0..<TelemetryLimits.throttledKeysMax { #expect(throttle.admit("k\(number)", now: UInt64(number)) == 0) }
        #expect(throttle.admit("k0", now: 1000) == nil)
        #expect(throttle.admit("new", now: 1001) == 0)
        #expect(throttle.admit("k0", now: 1002) == nil)
        #expect(throttle.admit("k1", now: 1003) == 0)
    }

    @Test func messagesCarryTheCount() throws {
        let text = try ApplicationLogTests.lines(.keyValue) { logger in
            let log = ThrottledLog(logger, interval: .seconds(1))
            for now in [0, 1, 2, 1_000_000_000, 1_000_000_001] as [UInt64] {
                log.log(level: .error, key: "k", now: now, metadata: ["at": "\(now)"], "upstream refused")
                log.log(level: .debug, key: "d", now: now, "not at this level")
            }
        }
        #expect(text.split(separator: "\n").map { $0.split(separator: " level=error ").last } == [
            "msg=\"upstream refused\" at=0", "msg=\"upstream refused\" at=1000000000 repeated=2",
        ])
    }
}
