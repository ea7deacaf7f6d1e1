internal import Bytes

/// Lines on their way to a writer: a block of memory with one owner at a time, who frees it or hands it on.
struct LogBlock {
    let base: UnsafeMutableRawPointer
    let capacity: Int
    var count = 0
    var lineCount = 0
    /// Its lines are a worker's; none of them came by `LogWriter.write`.
    var isOfSink = false

    init(capacity: Int) {
        self.capacity = capacity
        base = .allocate(byteCount: capacity, alignment: 16)
    }

    var free: UnsafeMutableRawBufferPointer {
        UnsafeMutableRawBufferPointer(start: base + count, count: capacity - count)
    }

    var lines: BorrowedBytes { BorrowedBytes(start: base, count: count) }

    mutating func removeAll() {
        count = 0
        lineCount = 0
    }

    func deallocate() { base.deallocate() }
}
