import CLinux
import Glibc
import Synchronization

/// How a process ended.
public enum ProcessEnd: Sendable, Equatable {
    case exited(Int32)
    case signalled(Int32)
}

/// The built `fairway` as a process of its own: started with flags, asked about by `/proc`, ended by its number.
public final class FairwayProcess: Sendable {
    public struct StartFailed: Error, CustomStringConvertible {
        public let description: String
    }

    public let port: UInt16
    public let supportPort: UInt16
    private let pid: pid_t
    private let end = Mutex<ProcessEnd?>(nil)
    private let folder: TemporaryFolder

    /// Starts a proxy on free ports and waits until it listens.
    ///
    /// - Parameters:
    ///   - routes: eskip, given as inline routes.
    ///   - loopback: what it listens on; nil for every address.
    ///   - flags: further ones; a later flag replaces an earlier one.
    public convenience init(routes: String, on loopback: Loopback? = .ipv4, flags: [String] = []) throws {
        try self.init(on: loopback, flags: ["-inline-routes", routes] + flags)
    }

    /// - Parameter routesFile: watched by the proxy.
    public convenience init(routesFile: String, flags: [String] = []) throws {
        try self.init(on: .ipv4, flags: ["-routes-file", routesFile] + flags)
    }

    /// Starts a proxy that waits for its routes, until its support listener is there.
    public convenience init(awaiting routesFile: String, flags: [String] = []) throws {
        try self.init(on: .ipv4, flags: ["-routes-file", routesFile] + flags, listens: false)
    }

    private init(on loopback: Loopback?, flags: [String], listens: Bool = true) throws {
        var attempt = 1
        while true {
            let (port, supportPort, folder) = (try FreePorts.next(), try FreePorts.next(), try TemporaryFolder())
            let usual = [
                "-address", "\(loopback?.host ?? ""):\(port)", "-support-listener", "127.0.0.1:\(supportPort)",
                "-wait-for-healthcheck-interval", "0s", "-wait-first-route-load", "-workers", "1",
            ]
            TestProtocol.note(port)
            let encryption = flags.contains("-tls-cert") ? [] : try TestScheme.flags(for: port)
            let pid = try FairwayProcess.spawn(usual + encryption + flags, logPath: "\(folder.path)/log")
            do {
                try FairwayProcess.waitUntilListening(pid, listens ? port : supportPort, on: loopback ?? .ipv4, logPath: "\(folder.path)/log")
                (self.port, self.supportPort, self.folder, self.pid) = (port, supportPort, folder, pid)
                return
            } catch {
                // Somebody else on this machine may have taken the port meanwhile.
                guard attempt < 5, "\(error)".contains("in use") else { throw error }
                attempt += 1
            }
        }
    }

    deinit { kill() }

    /// Runs `fairway` to its end.
    public static func run(_ arguments: [String]) throws -> (end: ProcessEnd, output: String) {
        let folder = try TemporaryFolder()
        let pid = try spawn(arguments, logPath: "\(folder.path)/log")
        var result: ProcessEnd?
        defer { if result == nil { end(pid) } }
        try Patience.wait(for: "fairway \(arguments.joined(separator: " ")) to end") {
            result = reap(pid)
            return result != nil
        }
        return (result!, contents(of: "\(folder.path)/log"))
    }

    /// Everything it has written to standard output and error.
    public var log: String { contents(of: "\(folder.path)/log") }

    /// Waits until a line of the log holds all of these; it is written a moment after what it tells of.
    public func waitForLog(_ texts: String...) throws {
        try Patience.wait(for: "\(texts) in the log:\n\(log)") {
            self.log.split(separator: "\n").contains { line in texts.allSatisfy { line.contains($0) } }
        }
    }

    /// Ends the process if it does not.
    private static func waitUntilListening(_ pid: pid_t, _ port: UInt16, on loopback: Loopback, logPath: String) throws {
        var end: ProcessEnd?
        do {
            try Patience.wait(for: "fairway to listen; its log:\n\(contents(of: logPath))") {
                end = reap(pid)
                if let end { throw StartFailed(description: "fairway ended (\(end)); its log:\n\(contents(of: logPath))") }
                guard let probe = try? BlockingSocket.connected(to: port, on: loopback) else { return false }
                // A process that another test starts at this moment holds a copy until its program begins, which would keep it open.
                probe.shutdown()
                return true
            }
        } catch {
            if end == nil { FairwayProcess.end(pid) }
            throw error
        }
    }

    // MARK: Ending

    public func signal(_ number: Int32) { Glibc.kill(pid, number) }

    /// Stops it, so that all that happens meanwhile comes to it at once, in this order.
    public func paused<Result>(_ body: () throws -> Result) throws -> Result {
        signal(SIGSTOP)
        defer { signal(SIGCONT) }
        try Patience.wait(for: "fairway to stop") {
            contents(of: "/proc/\(pid)/stat").split(separator: ")").last?.split(separator: " ").first == "T"
        }
        return try body()
    }

    /// How it ended; nil while it runs.
    public func ended() -> ProcessEnd? {
        end.withLock { end in
            if end == nil { end = FairwayProcess.reap(pid) }
            return end
        }
    }

    public func waitForEnd() throws -> ProcessEnd {
        var result: ProcessEnd?
        try Patience.wait(for: "fairway to end") {
            result = ended()
            return result != nil
        }
        return result!
    }

    private func kill() { if ended() == nil { FairwayProcess.end(pid) } }

    private static func end(_ pid: pid_t) {
        Glibc.kill(pid, SIGKILL)
        var status: Int32 = 0
        waitpid(pid, &status, 0)
        running.withLock { _ = $0.remove(pid) }
    }

    private static func reap(_ pid: pid_t) -> ProcessEnd? {
        var status: Int32 = 0
        guard waitpid(pid, &status, WNOHANG) == pid else { return nil }
        running.withLock { _ = $0.remove(pid) }
        let signal = status & 0x7f
        return signal == 0 ? .exited(status >> 8 & 0xff) : .signalled(signal)
    }

    // MARK: Starting

    /// The binary that was built with these tests, beside their own.
    private static func binaryPath() throws -> String {
        var buffer = [UInt8](repeating: 0, count: 4096)
        let count = buffer.withUnsafeMutableBytes { readlink("/proc/self/exe", $0.baseAddress!, 4096) }
        let own = String(decoding: buffer[..<max(0, count)], as: UTF8.self)
        let path = own[..<(own.lastIndex(of: "/") ?? own.startIndex)] + "/fairway"
        guard access(String(path), X_OK) == 0 else { throw StartFailed(description: "no binary at \(path): build the product fairway first") }
        return String(path)
    }

    private static func spawn(_ arguments: [String], logPath: String) throws -> pid_t {
        let path = try binaryPath()
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, logPath, O_WRONLY | O_CREAT | O_APPEND, 0o644)
        posix_spawn_file_actions_adddup2(&actions, 1, 2)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        // The tests' own mask and handlers must not become the proxy's.
        var none = sigset_t()
        var all = sigset_t()
        sigemptyset(&none)
        sigfillset(&all)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setsigdefault(&attributes, &all)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))
        var words: [UnsafeMutablePointer<CChar>?] = ([path] + arguments).map { strdup($0) } + [nil]
        defer { words.forEach { free($0) } }
        var pid: pid_t = 0
        let result = ProcessStart.lock.withLock { _ in posix_spawn(&pid, path, &actions, &attributes, &words, Glibc.environ) }
        guard result == 0 else { throw StartFailed(description: "posix_spawn: \(String(cString: strerror(result)))") }
        _ = endsWithTests
        running.withLock { _ = $0.insert(pid) }
        return pid
    }

    /// Not reaped yet.
    private static let running = Mutex<Set<pid_t>>([])
    /// A thread of a test may hold a process until the tests' own ends, which runs no `deinit`.
    private static let endsWithTests: Void = {
        RunEnd.add { FairwayProcess.running.withLock { $0.forEach { _ = Glibc.kill($0, SIGKILL) } } }
    }()
}

// MARK: - What the kernel says of it

extension FairwayProcess {
    /// Private memory in use, KiB.
    public var privateMemory: Int {
        let line = contents(of: "/proc/\(pid)/status").split(separator: "\n").first { $0.hasPrefix("RssAnon:") } ?? ""
        return Int(line.split(separator: " ").dropLast().last?.split(separator: "\t").last ?? "0") ?? 0
    }

    /// CPU time used so far, nanoseconds.
    public var cpuTime: UInt64 {
        folderEntries("/proc/\(pid)/task").reduce(0) { sum, thread in
            sum + (UInt64(contents(of: "/proc/\(pid)/task/\(thread.name)/schedstat").split(separator: " ").first ?? "0") ?? 0)
        }
    }

    /// Leaves the running process so many descriptors beyond those it has.
    ///
    /// - Returns: how many it can have.
    @discardableResult
    public func leaveDescriptors(_ count: Int) throws -> Int {
        let used = Set(folderEntries("/proc/\(pid)/fd").compactMap { Int($0.name) })
        // The limit is one for numbers, of which some below the highest may be free.
        var limit = 0
        var free = 0
        while free < count || used.contains(limit) {
            if !used.contains(limit) { free += 1 }
            limit += 1
        }
        try setDescriptorLimit(limit)
        return limit
    }

    public var descriptorCount: Int { folderEntries("/proc/\(pid)/fd").count }

    /// Lowers or raises the limit of descriptor numbers of the running process.
    public func setDescriptorLimit(_ limit: Int) throws {
        let result = clinux_limit_descriptors(pid, UInt64(limit))
        if result < 0 {
            errno = -result
            throw SocketFailure("prlimit")
        }
    }
}

/// Ports nobody listens on, below those the kernel gives to clients; each is handed out once per test run.
public enum FreePorts {
    private static let first = Mutex(UInt16.random(in: 20_000..<31_000))

    public static func next() throws -> UInt16 {
        for _ in 0..<1000 {
            let port = first.withLock { next in
                next = next >= 32_000 ? 20_000 : next + 1
                return next
            }
            // Without SO_REUSEPORT, so that another proxy's port is seen as taken.
            guard let socket = try? BlockingSocket.listening(.stream, port: port) else { continue }
            // A process that another test starts at this moment holds a copy until its program begins, which would go on listening.
            socket.shutdown()
            return port
        }
        throw SocketFailure("no free port")
    }
}
