/// Memory of buffers between two uses: connections that write at the end of a turn borrow it, so that idle ones own
/// none and busy ones need no allocation.
public struct BufferPool: ~Copyable {
    private let spare: UnsafeMutablePointer<ByteBuffer>
    private var count = 0
    private let bytesEach: Int

    /// - Parameter bytesEach: what a buffer has at first; those that grew beyond four times this are given back.
    public init(bytesEach: Int) {
        self.bytesEach = bytesEach
        spare = .allocate(capacity: Limits.spareBuffersMax)
    }

    deinit {
        spare.deinitialize(count: count)
        spare.deallocate()
    }

    /// Gives memory to a buffer that has none.
    @inline(__always)
    public mutating func lend(to buffer: inout ByteBuffer) {
        if buffer.capacity == 0 { lendMemory(to: &buffer) }
    }

    private mutating func lendMemory(to buffer: inout ByteBuffer) {
        if count > 0 {
            count -= 1
            buffer = (spare + count).move()
        } else {
            buffer.reserve(bytesEach)
        }
    }

    /// Takes the memory of an empty buffer.
    public mutating func takeBack(_ buffer: inout ByteBuffer) {
        precondition(buffer.isEmpty)
        if buffer.capacity == 0 { return }
        if count == Limits.spareBuffersMax || buffer.capacity > 4 * bytesEach { return buffer.release() }
        var taken = ByteBuffer()
        swap(&taken, &buffer)
        (spare + count).initialize(to: taken)
        count += 1
    }
}
