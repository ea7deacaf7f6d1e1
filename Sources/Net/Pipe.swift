import Bytes
import CLinux

/// Bytes of a body on their way from one plain socket to another in a pipe of the kernel's, splice(2): they are never
/// copied, and never come into this program's memory.
public final class Pipe {
    private let readEnd: FileDescriptor
    private let writeEnd: FileDescriptor
    private let pool: PipePool
    /// Bytes it holds.
    public private(set) var count = 0

    fileprivate init?(of pool: PipePool) {
        var ends: (Int32, Int32) = (-1, -1)
        let result = withUnsafeMutableBytes(of: &ends) { clinux_pipe($0.baseAddress!.assumingMemoryBound(to: Int32.self)) }
        guard result >= 0 else { return nil }
        readEnd = FileDescriptor(owning: ends.0)
        writeEnd = FileDescriptor(owning: ends.1)
        self.pool = pool
        pool.count += 1
        // A small one, all that is left to a user who has many, would cost more calls than it saves copies.
        if clinux_set_pipe_size(writeEnd.number, Int32(Limits.pipeBytes)) < 0 { return nil }
    }

    deinit { pool.count -= 1 }

    /// Moves what has come on a plain transport into the pipe, which is empty.
    ///
    /// - Parameter limit: bytes at most, as far as the pipe goes.
    public func fill(from transport: Transport, upTo limit: Int) -> IOResult {
        let result = IOResult(read: clinux_splice(transport.descriptor, writeEnd.number, min(limit, Limits.pipeBytes)))
        if case .bytes(let moved) = result { count += moved }
        return result
    }

    /// Moves what the kernel takes of it to a plain transport.
    func drain(into transport: Transport) -> IOResult {
        let result = IOResult(write: clinux_splice(readEnd.number, transport.descriptor, count))
        if case .bytes(let moved) = result { count -= moved }
        return result
    }

    /// Reads all that it holds.
    ///
    /// - Returns: false if it could not be read: bytes are missing then.
    func read(into buffer: inout ByteBuffer) -> Bool {
        while count > 0 {
            let number = readEnd.number
            let copied = buffer.append(upTo: count) { max(0, clinux_read(number, $0.baseAddress, $0.count)) }
            guard copied > 0 else { return false }
            count -= copied
        }
        return true
    }

    /// Ends its use: an empty one serves others, one with bytes goes, and they with it.
    public func giveBack() { if count == 0 { pool.keep(self) } }
}

/// A loop's pipes.
public final class PipePool {
    private var idle: [Pipe] = []
    /// In use or idle.
    fileprivate var count = 0

    init() { _ = PipePool.ignoresBrokenPipes }

    /// splice(2) to a socket whose peer is gone would end the process by SIGPIPE; unlike sendto(2) it takes no flag against that.
    private static let ignoresBrokenPipes: Void = clinux_ignore_broken_pipes()

    /// - Returns: an empty pipe; nil if none is to be had, so that the body has to be copied.
    public func take() -> Pipe? {
        if let pipe = idle.popLast() { return pipe }
        return count < Limits.pipesMax ? Pipe(of: self) : nil
    }

    /// Closes what is idle, at the loop's end.
    func close() { idle = [] }

    fileprivate func keep(_ pipe: Pipe) { if idle.count < Limits.idlePipes { idle.append(pipe) } }
}
