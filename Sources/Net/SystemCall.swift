import CLinux

/// An error number of the kernel's.
public struct SystemError: Error, Equatable, Sendable, CustomStringConvertible {
    public let number: Int32

    public init(_ number: Int32) { self.number = number }

    public static let tooManyFiles = SystemError(EMFILE)
    public static let systemTooManyFiles = SystemError(ENFILE)
    public static let addressInUse = SystemError(EADDRINUSE)
    public static let connectionRefused = SystemError(ECONNREFUSED)
    public static let connectionReset = SystemError(ECONNRESET)
    public static let brokenPipe = SystemError(EPIPE)
    public static let timedOut = SystemError(ETIMEDOUT)

    public var description: String { String(cString: strerror(number)) }
}

/// What a read or write on a non-blocking descriptor came to.
public enum IOResult: Equatable {
    case bytes(Int)
    case wouldBlock
    /// The peer sends no more; reads only.
    case end
    case failed(SystemError)

    @inline(__always)
    init(read result: Int) {
        if result > 0 { self = .bytes(result) } else if result == 0 { self = .end } else { self = IOResult.error(result) }
    }

    @inline(__always)
    init(write result: Int) {
        self = result >= 0 ? .bytes(result) : IOResult.error(result)
    }

    @inline(never)
    private static func error(_ result: Int) -> IOResult {
        let number = Int32(truncatingIfNeeded: -result)
        return number == EAGAIN || number == EINTR ? .wouldBlock : .failed(SystemError(number))
    }
}

/// An owned file descriptor; closes itself.
public struct FileDescriptor: ~Copyable {
    public let number: Int32

    public init(owning number: Int32) { self.number = number }

    deinit { _ = clinux_close(number) }

    /// Gives the descriptor up to a caller that closes it.
    public consuming func release() -> Int32 {
        let number = number
        discard self
        return number
    }
}

@inline(__always)
func check(_ result: Int32) throws(SystemError) -> Int32 {
    if result < 0 { throw SystemError(-result) }
    return result
}
