import Bytes

/// What the HTTP/2 sessions of one side of a worker share: places of streams and memory that is used within a call or a
/// turn only. Lives as long as the worker.
public struct HTTP2Workspace: ~Copyable {
    var streams = Slab<HTTP2Stream>()
    var fields = HTTP2FieldList()
    /// A trailer section as lines.
    var trailers = ByteBuffer()
    /// Where sessions get the memory of their output.
    var buffers = BufferPool(bytesEach: 16 * 1024)

    /// Outlives the sessions, as the workspace does.
    let headerMemory = HeaderMemory.make()

    public init() {}

    deinit { HeaderMemory.destroy(headerMemory) }

    /// Blocks that header compression has asked malloc for.
    public var headerBlockCount: Int { headerMemory.pointee.allocatedCount }
}
