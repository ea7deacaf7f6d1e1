internal import CLinux
internal import Glibc

/// Where log lines go.
public enum LogDestination: Hashable, Sendable {
    case standardError
    case standardOutput
    /// Appended to, created if it is not there.
    case file(String)

    /// Reads a log flag's value: empty means standard error, and the two device files mean what the process began with, because
    /// opening them anew fails when a supervisor made them sockets.
    public init(path: String) {
        switch path {
        case "", "/dev/stderr": self = .standardError
        case "/dev/stdout": self = .standardOutput
        default: self = .file(path)
        }
    }

    /// Whether a person is likely to read along.
    public var isTerminal: Bool {
        switch self {
        case .standardError: isatty(STDERR_FILENO) == 1
        case .standardOutput: isatty(STDOUT_FILENO) == 1
        case .file: false
        }
    }

    /// A descriptor to write to, and whether it is ours to close.
    func open() throws(LogError) -> (descriptor: Int32, isOwned: Bool) {
        switch self {
        case .standardError: return (STDERR_FILENO, false)
        case .standardOutput: return (STDOUT_FILENO, false)
        case .file(let path):
            let result = path.withCString { clinux_open_append($0) }
            guard result >= 0 else { throw LogError(path: path, code: -result) }
            return (result, true)
        }
    }
}

/// A log file that cannot be opened.
public struct LogError: Error, Equatable, CustomStringConvertible {
    public let path: String
    /// errno
    public let code: Int32

    public var description: String { "log file \(path): \(String(cString: strerror(code)))" }
}
