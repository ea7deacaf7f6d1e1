public import Bytes

/// One worker's way to a `LogWriter`: collects the lines of a loop turn and hands them over together.
///
/// Used by its worker only. Holds no memory before the first line.
public final class LogSink {
    private let writer: LogWriter
    private var block: LogBlock?

    init(_ writer: LogWriter) { self.writer = writer }

    deinit {
        flush()
        block?.deallocate()
    }

    /// Adds one line of at most `capacity` bytes, which `fill` writes; it returns how many they were, line feed included.
    ///
    /// - Returns: false if the line was dropped (and counted), because the writer is too far behind.
    func append(upTo capacity: Int, _ fill: (UnsafeMutableRawBufferPointer) -> Int) -> Bool {
        guard makeRoom(capacity) else {
            writer.countDroppedOfSink()
            return false
        }
        let written = fill(block!.free)
        precondition(written <= capacity, "a line of \(written) bytes was announced as \(capacity)")
        block!.count += written
        block!.lineCount += 1
        return true
    }

    /// Adds complete lines.
    public func append(_ lines: BorrowedBytes) -> Bool {
        append(upTo: lines.count) { target in
            target.copyMemory(from: lines)
            return lines.count
        }
    }

    /// Hands over what was collected; to be called at the end of each loop turn. Lines stay here while the writer is too far behind.
    public func flush() {
        guard let full = block, full.count > 0 else { return }
        if let empty = writer.exchange(full, for: 0) { block = empty }
    }

    private func makeRoom(_ capacity: Int) -> Bool {
        guard let current = block else {
            block = LogBlock(capacity: max(capacity, TelemetryLimits.logBufferBytes))
            return true
        }
        if current.free.count >= capacity { return true }
        if current.count == 0 {
            current.deallocate()
            block = LogBlock(capacity: capacity)
            return true
        }
        guard let empty = writer.exchange(current, for: capacity) else { return false }
        block = empty
        return true
    }
}
