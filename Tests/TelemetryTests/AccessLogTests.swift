import Bytes
import Testing

@testable import Telemetry

@Suite("Access log")
struct AccessLogTests {
    /// A record whose texts live as long as the program.
    static func record(_ change: (inout AccessLogRecord) -> Void = { _ in }) -> AccessLogRecord {
        var record = AccessLogRecord()
        record.peer = IPAddress("192.0.2.7")!
        record.method = BorrowedBytes("GET")
        record.uri = BorrowedBytes("/a/b?c=d&e=f")
        record.proto = BorrowedBytes("HTTP/1.1")
        record.requestHost = BorrowedBytes("shop.example.org")
        record.referer = BorrowedBytes("https://example.org/")
        record.userAgent = BorrowedBytes("curl/8 (x; y)")
        record.status = 200
        record.responseBytes = 2326
        record.duration = 42_999_999
        // 2000-10-10 13:55:36 UTC
        record.wallTime = 971_186_136_500_000_000
        change(&record)
        return record
    }

    static func line(_ record: AccessLogRecord, _ options: AccessLogOptions = AccessLogOptions()) throws -> String {
        _ = TimeZoneOfTests.set
        return try LogFile.written { writer in
            var log = AccessLog(writer, options: options)
            precondition(log.log(record))
        }
    }

    @Test func text() throws {
        #expect(try Self.line(Self.record()) == """
            192.0.2.7 - - [10/Oct/2000:15:55:36 +0200] "GET /a/b?c=d&e=f HTTP/1.1" 200 2326 "https://example.org/" "curl/8 (x; y)" 42 shop.example.org - -

            """)
    }

    @Test func textWithEverything() throws {
        let record = Self.record {
            $0.authUser = BorrowedBytes("jane")
            $0.flowID = BorrowedBytes("f-1")
            $0.audit = BorrowedBytes("user jane")
            $0.forwardedFor = BorrowedBytes("198.51.100.1, ::1")
            $0.wallTime = 1_704_164_645_000_000_000
        }
        #expect(try Self.line(record, AccessLogOptions(stripsQuery: true)) == """
            198.51.100.1, ::1 - jane [02/Jan/2024:04:04:05 +0100] "GET /a/b HTTP/1.1" 200 2326 "https://example.org/" "curl/8 (x; y)" 42 shop.example.org f-1 user jane

            """)
    }

    @Test func emptyFieldsAreDashes() throws {
        #expect(try Self.line(AccessLogRecord()) == "0.0.0.0 - - [01/Jan/1970:01:00:00 +0100] \"- - -\" 0 0 \"-\" \"-\" 0 - - -\n")
    }

    @Test func json() throws {
        let record = Self.record { $0.userAgent = BorrowedBytes("a\"b\\c\nd") }
        #expect(try Self.line(record, AccessLogOptions(isJSON: true)) == #"""
            {"audit":"","auth-user":"","duration":42,"flow-id":"","host":"192.0.2.7","level":"info","method":"GET","msg":"","proto":"HTTP/1.1","referer":"https://example.org/","requested-host":"shop.example.org","response-size":2326,"status":200,"timestamp":"10/Oct/2000:15:55:36 +0200","uri":"/a/b?c=d&e=f","user-agent":"a\"b\\c\u000Ad"}

            """#)
    }

    @Test("the client's address", arguments: [
        ("", "192.0.2.7"), ("10.0.0.1", "10.0.0.1"), ("10.0.0.1, 10.0.0.2", "10.0.0.1, 10.0.0.2"), ("unknown, 10.0.0.2", "10.0.0.2"), ("10.0.0.1,10.0.0.2", "-"),
        ("unknown", "-"), (", ", "-"), (",", "-"), ("10.0.0.1, ", "10.0.0.1"), (", 10.0.0.1", "10.0.0.1"), ("10.0.0.1,  10.0.0.2", "10.0.0.1"), ("fe80::1%eth0, ::1", "::1"),
        ("10.0.0.1:80, \"x\" - - [, 2001:db8::1", "2001:db8::1"), ("10.0.0.1, 10.0.0.2, 10.0.0.3", "10.0.0.1, 10.0.0.2, 10.0.0.3"),
    ])
    func host(forwardedFor: String, expected: String) throws {
        let line = try forwardedFor.withBytes { bytes in try Self.line(Self.record { $0.forwardedFor = bytes }) }
        #expect(line.hasPrefix(expected + " - - ["))
    }

    @Test("nothing a client sends ends the line or its field", arguments: [
        ([0x0A], #"\x0A"#), ([0x0D, 0x0A], #"\x0D\x0A"#), (Array(#"" 200 "#.utf8), #"\" 200 "#), (Array(#"\"#.utf8), #"\\"#), ([0x1B, 0x5B, 0x33, 0x31, 0x6D], #"\x1B[31m"#),
        ([0x00, 0x7F], #"\x00\x7F"#), ([0xFF, 0x41], #"\xFFA"#), ([0xC2, 0x9B], #"\xC2\x9B"#), (Array("é€😀".utf8), "é€😀"), ([0xE2, 0x82], #"\xE2\x82"#), ([0x09], #"\x09"#),
    ] as [([UInt8], String)])
    func quotedField(bytes: [UInt8], expected: String) throws {
        let line = try bytes.withUnsafeBytes { bytes in try Self.line(Self.record { $0.userAgent = bytes }) }
        #expect(line.hasSuffix("\"https://example.org/\" \"\(expected)\" 42 shop.example.org - -\n"))
        #expect(line.utf8.count { $0 == 10 } == 1)
    }

    @Test("a field without quotes holds no blank", arguments: [("a b", #"a\x20b"#), ("a\tb", #"a\x09b"#), ("\"", #"\""#), (" ", #"\x20"#)])
    func bareField(text: String, expected: String) throws {
        let line = try text.withBytes { bytes in
            try Self.line(Self.record {
                $0.authUser = bytes
                $0.requestHost = bytes
                $0.flowID = bytes
            })
        }
        #expect(line.hasPrefix("192.0.2.7 - \(expected) ["))
        #expect(line.hasSuffix(" 42 \(expected) \(expected) -\n"))
    }

    @Test("JSON stays JSON", arguments: [
        ([0x0A, 0x22], #"\u000A\""#), ([0xFF], #"\ufffd"#), ([0xC2, 0x85], #"\ufffd\ufffd"#), (Array("a é".utf8), "a é"), ([0x7F], #"\u007F"#),
    ] as [([UInt8], String)])
    func jsonField(bytes: [UInt8], expected: String) throws {
        let line = try bytes.withUnsafeBytes { bytes in try Self.line(Self.record { $0.userAgent = bytes }, AccessLogOptions(isJSON: true)) }
        #expect(line.hasSuffix("\"user-agent\":\"\(expected)\"}\n"))
    }

    @Test func longFieldsAreCut() throws {
        let long = [UInt8](repeating: 0x0A, count: 100_000)
        let line = try long.withUnsafeBytes { bytes in
            try Self.line(Self.record {
                $0.uri = bytes
                $0.userAgent = bytes
                $0.referer = bytes
                $0.authUser = bytes
                $0.audit = bytes
                $0.flowID = bytes
                $0.requestHost = bytes
                $0.method = bytes
                $0.proto = bytes
            })
        }
        let escaped = TelemetryLimits.loggedURIBytesMax + 8 * TelemetryLimits.loggedFieldBytesMax
        #expect(line.utf8.count < 4 * escaped + 512)
        #expect(line.contains(String(repeating: #"\x0A"#, count: TelemetryLimits.loggedFieldBytesMax) + "..."))
    }

    @Test func aCutListOfAddressesInventsNone() throws {
        let list = String(repeating: "10.0.0.100, ", count: 400)
        let line = try list.withBytes { bytes in try Self.line(Self.record { $0.forwardedFor = bytes }) }
        let addresses = line[..<line.firstRange(" - ")].split(separator: ", ")
        #expect(addresses.count > 300)
        #expect(Set(addresses) == ["10.0.0.100"])
    }

    @Test func timeIsMadeAnewEachSecond() throws {
        _ = TimeZoneOfTests.set
        let text = try LogFile.written { writer in
            var log = AccessLog(writer)
            for wallTime in [999_999_999, 1_000_000_000, 1_999_999_999, 2_000_000_000, 0] as [UInt64] {
                _ = log.log(Self.record { $0.wallTime = wallTime })
            }
        }
        #expect(text.split(separator: "\n").map { $0.split(separator: " ")[3] } == ["00", "01", "01", "02", "00"].map { "[01/Jan/1970:01:00:\($0)" })
    }
}

extension String {
    fileprivate func firstRange(_ needle: String) -> Index {
        indices.first { self[$0...].hasPrefix(needle) } ?? endIndex
    }
}
