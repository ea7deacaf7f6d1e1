import Glibc
import Synchronization

/// A process that begins holds a copy of every descriptor until its program runs: what is closed meanwhile stays open so long,
/// and whoever waits for the end of a connection does not hear of it.
enum ProcessStart {
    /// Held by whoever starts a process or closes a socket.
    static let lock = Mutex(())
}

/// Programs of the system that tests use as peers: openssl, curl.
public enum Command {
    /// Runs a program to its end.
    ///
    /// - Parameters:
    ///   - words: the program, looked for in `PATH`, and its arguments.
    ///   - input: what it reads; it sees the end behind that.
    /// - Returns: its exit status (-1 if a signal ended it) and all it wrote to standard output and error.
    public static func run(_ words: [String], input: String = "", in folder: String? = nil) throws -> (status: Int32, output: String) {
        let temporary = try TemporaryFolder()
        try temporary.write(input, to: "in")
        let pid = try spawn(words, input: "\(temporary.path)/in", output: "\(temporary.path)/out", in: folder)
        var status: Int32 = 0
        var isEnded = false
        defer { if !isEnded { end(pid) } }
        try Patience.wait(for: words.joined(separator: " ")) {
            isEnded = waitpid(pid, &status, WNOHANG) == pid
            return isEnded
        }
        return (status & 0x7f == 0 ? status >> 8 & 0xff : -1, contents(of: "\(temporary.path)/out"))
    }

    /// Starts a program and leaves it running until `end`.
    public static func start(_ words: [String], output: String = "/dev/null", in folder: String? = nil) throws -> Int32 {
        try spawn(words, input: "/dev/null", output: output, in: folder)
    }

    public static func end(_ pid: Int32) {
        kill(pid, SIGKILL)
        var status: Int32 = 0
        waitpid(pid, &status, 0)
    }

    private static func spawn(_ words: [String], input: String, output: String, in folder: String?) throws -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, input, O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, output, O_WRONLY | O_CREAT | O_APPEND, 0o644)
        posix_spawn_file_actions_adddup2(&actions, 1, 2)
        let words = folder.map { ["sh", "-c", "cd \"$1\" && shift && exec \"$@\"", "sh", $0] + words } ?? words
        var arguments: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
        defer { arguments.forEach { free($0) } }
        var pid: pid_t = 0
        let result = ProcessStart.lock.withLock { _ in posix_spawnp(&pid, words[0], &actions, nil, &arguments, Glibc.environ) }
        guard result == 0 else { throw FairwayProcess.StartFailed(description: "\(words[0]): \(String(cString: strerror(result)))") }
        return pid
    }
}
