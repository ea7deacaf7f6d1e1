import Bytes
import CLinux
import Glibc
import TestSupport
import Testing

@testable import Telemetry

@Suite("Log writer")
struct LogWriterTests {
    @Test func linesOfOneSinkKeepTheirOrder() throws {
        let text = try LogFile.written { writer in
            let sink = writer.makeSink()
            for number in 0..<50_000 {
                let accepted = "line \(number)\n".withBytes { sink.append($0) }
                precondition(accepted)
                if number % 97 == 0 { sink.flush() }
            }
            sink.flush()
        }
        #expect(text == (0..<50_000).map { "line \($0)\n" }.joined())
    }

    @Test func linesOfManyThreadsStayWhole() async throws {
        let file = LogFile()
        let writer = try LogWriter(.file(file.path))
        await withTaskGroup(of: Void.self) { group in
            for worker in 0..<8 {
                group.addTask {
                    let sink = writer.makeSink()
                    for number in 0..<1000 {
                        let line = "\(worker) \(number) \(String(repeating: "x", count: number % 50))\n"
                        if worker % 2 == 0 { _ = line.withBytes { sink.append($0) } } else { line.withBytes { _ = writer.write($0) } }
                        if number % 10 == 0 { sink.flush() }
                    }
                }
            }
        }
        #expect(writer.finish(withinMilliseconds: 10_000))
        let lines = file.text().split(separator: "\n")
        #expect(lines.count == 8000)
        #expect(lines.allSatisfy { line in
            let parts = line.split(separator: " ")
            return Int(parts[1])! % 50 == (parts.count == 3 ? parts[2].count : 0)
        })
        #expect(writer.droppedLineCount + writer.droppedSinkLineCount == 0)
    }

    @Test func aLineLargerThanABlockPasses() throws {
        let long = String(repeating: "y", count: 3 * TelemetryLimits.logBufferBytes) + "\n"
        let text = try LogFile.written { writer in
            let sink = writer.makeSink()
            for line in ["a\n", long, "b\n"] { _ = line.withBytes { sink.append($0) } }
            sink.flush()
        }
        #expect(text == "a\n" + long + "b\n")
    }

    @Test func whatASinkHoldsIsHandedOverAtItsEnd() throws {
        let text = try LogFile.written { writer in
            let sink = writer.makeSink()
            _ = "last words\n".withBytes { sink.append($0) }
        }
        #expect(text == "last words\n")
    }

    @Test func aBlockedPipeCostsLinesAndNobodyWaits() throws {
        let pipe = try Pipe()
        let writer = try LogWriter(.file("/dev/fd/\(pipe.writeEnd)"))
        let sink = writer.makeSink()
        let line = String(repeating: "z", count: 1023) + "\n"
        var refused = 0
        for _ in 0..<(TelemetryLimits.logQueueBytesMax / 1024 + 1000) {
            if !line.withBytes({ sink.append($0) }) { refused += 1 }
        }
        #expect(refused > 0)
        #expect(writer.droppedSinkLineCount == refused)
        #expect(writer.droppedLineCount == 0)
        // The reader comes back: what was queued arrives, whole.
        pipe.closeWriteEnd()
        let bytes = pipe.drain(while: { !writer.finish(withinMilliseconds: 1) })
        #expect(bytes % 1024 == 0)
        #expect(bytes > TelemetryLimits.logQueueBytesMax / 2)
    }

    @Test func finishGivesUpOnABlockedPipe() throws {
        let pipe = try Pipe()
        let writer = try LogWriter(.file("/dev/fd/\(pipe.writeEnd)"))
        let line = String(repeating: "z", count: 1_000_000) + "\n"
        line.withBytes { _ = writer.write($0) }
        #expect(!writer.finish(withinMilliseconds: 50))
        pipe.closeWriteEnd()
        _ = pipe.drain(while: { !writer.finish(withinMilliseconds: 1) })
        #expect("late\n".withBytes { writer.write($0) } == false)
    }

    @Test func aFailingDestinationIsCounted() throws {
        let writer = try LogWriter(.file("/dev/full"))
        "lost\n".withBytes { _ = writer.write($0) }
        let sink = writer.makeSink()
        for _ in 0..<2 { _ = "lost\n".withBytes { sink.append($0) } }
        sink.flush()
        #expect(writer.finish(withinMilliseconds: 10_000))
        #expect(writer.droppedLineCount == 1)
        #expect(writer.droppedSinkLineCount == 2)
    }

    @Test func reopensAfterRotation() throws {
        let file = LogFile()
        let writer = try LogWriter(.file(file.path))
        "before\n".withBytes { _ = writer.write($0) }
        try Patience.wait(for: "the line") { file.text() == "before\n" }
        file.rename()
        writer.reopen()
        try Patience.wait(for: "the new file") { access(file.path, F_OK) == 0 }
        "after\n".withBytes { _ = writer.write($0) }
        #expect(writer.finish(withinMilliseconds: 10_000))
        #expect(file.text() == "after\n")
        #expect(file.text(".1") == "before\n")
    }

    @Test func namesTheFileItCannotOpen() {
        #expect(throws: LogError(path: "/nowhere/log", code: ENOENT)) { try LogWriter(.file("/nowhere/log")) }
        #expect(LogError(path: "/nowhere/log", code: ENOENT).description == "log file /nowhere/log: No such file or directory")
    }

    @Test("flag values", arguments: [
        ("", LogDestination.standardError), ("/dev/stderr", .standardError), ("/dev/stdout", .standardOutput), ("/var/log/a", .file("/var/log/a")),
    ])
    func destination(path: String, expected: LogDestination) {
        #expect(LogDestination(path: path) == expected)
    }
}

/// A pipe nobody reads until told.
private final class Pipe {
    let readEnd: Int32
    private(set) var writeEnd: Int32

    init() throws {
        var ends: [Int32] = [0, 0]
        try #require(clinux_pipe(&ends) == 0)
        (readEnd, writeEnd) = (ends[0], ends[1])
        // Both ends wait.
        for end in ends { _ = fcntl(end, F_SETFL, 0) }
    }

    deinit {
        close(readEnd)
        closeWriteEnd()
    }

    func closeWriteEnd() {
        if writeEnd >= 0 { close(writeEnd) }
        writeEnd = -1
    }

    /// Reads until the condition ends and nothing is left; the number of bytes.
    func drain(while isGoingOn: () -> Bool) -> Int {
        var count = 0
        var chunk = [UInt8](repeating: 0, count: 65_536)
        while true {
            let goesOn = isGoingOn()
            var request = pollfd(fd: readEnd, events: Int16(POLLIN), revents: 0)
            while poll(&request, 1, 0) > 0, case let got = read(readEnd, &chunk, chunk.count), got > 0 { count += got }
            if !goesOn { return count }
        }
    }
}
