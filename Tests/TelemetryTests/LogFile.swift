import CLinux
import Glibc

@testable import Telemetry

/// A log file of one test, in a directory of its own.
final class LogFile {
    let path: String
    private let directory: String

    init() {
        var template = Array("/tmp/telemetry-tests-XXXXXX\0".utf8CString)
        directory = String(cString: mkdtemp(&template)!)
        path = directory + "/log"
    }

    deinit {
        for name in ["/log", "/log.1"] { unlink(directory + name) }
        rmdir(directory)
    }

    func rename() { Glibc.rename(path, path + ".1") }

    func text(_ suffix: String = "") -> String {
        let descriptor = clinux_open_read(path + suffix)
        guard descriptor >= 0 else { return "" }
        defer { _ = clinux_close(descriptor) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65_536)
        while case let count = clinux_read(descriptor, &chunk, chunk.count), count > 0 { bytes += chunk[..<count] }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// What `body` logs.
    static func written(_ body: (LogWriter) -> Void) throws -> String {
        let file = LogFile()
        let writer = try LogWriter(.file(file.path))
        body(writer)
        precondition(writer.finish(withinMilliseconds: 10_000))
        return file.text()
    }
}

/// The local time zone of these tests, whatever the machine's.
enum TimeZoneOfTests {
    static let set: Void = {
        setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1)
        tzset()
    }()
}
