internal import Bytes
internal import CLinux
internal import Glibc

/// What the system knows of this process, under the names that every Prometheus client uses (`process_…`).
public enum ProcessMetrics {
    /// Appends the metrics; those the system does not tell are left out. Reads a few files of /proc: for the thread that serves metrics.
    public static func write(to text: inout PrometheusText) {
        var usage = rusage()
        if getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage) == 0 {
            text.family("process_cpu_seconds_total", type: "counter", help: "User and system CPU time.")
            text.sample("process_cpu_seconds_total", nanoseconds: nanoseconds(usage.ru_utime) + nanoseconds(usage.ru_stime))
        }
        if let pages = readNumbers("/proc/self/statm"), pages.count > 1 {
            let pageBytes = sysconf(Int32(_SC_PAGESIZE))
            gauge("process_virtual_memory_bytes", "Virtual memory.", pages[0] * pageBytes, to: &text)
            gauge("process_resident_memory_bytes", "Resident memory.", pages[1] * pageBytes, to: &text)
        }
        if let count = openDescriptorCount() { gauge("process_open_fds", "Open file descriptors.", count, to: &text) }
        var limit = rlimit()
        if getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 {
            gauge("process_max_fds", "File descriptors that may be open.", Int(clamping: limit.rlim_cur), to: &text)
        }
        gauge("process_start_time_seconds", "Start of the process in seconds since 1970.", Int(startNanoseconds / 1_000_000_000), to: &text)
    }

    /// When the first of these metrics was asked for, or `noteStart` called, since 1970.
    public static let startNanoseconds = UInt64(clinux_wall_nanoseconds())

    /// To be called when the process starts.
    public static func noteStart() { _ = startNanoseconds }

    private static func gauge(_ name: String, _ help: String, _ value: Int, to text: inout PrometheusText) {
        text.family(name, type: "gauge", help: help)
        text.sample(name, value)
    }

    private static func nanoseconds(_ time: timeval) -> UInt64 {
        UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_usec) * 1000
    }

    private static func readNumbers(_ path: String) -> [Int]? {
        let descriptor = path.withCString { clinux_open_read($0) }
        guard descriptor >= 0 else { return nil }
        defer { _ = clinux_close(descriptor) }
        return withUnsafeTemporaryAllocation(byteCount: 256, alignment: 1) { buffer in
            let count = clinux_read(descriptor, buffer.baseAddress, buffer.count)
            guard count > 0 else { return nil }
            return BorrowedBytes(buffer).slice(0, count).text.split { $0 == " " || $0 == "\n" }.compactMap { Int($0) }
        }
    }

    private static func openDescriptorCount() -> Int? {
        guard let directory = opendir("/proc/self/fd") else { return nil }
        defer { closedir(directory) }
        var count = 0
        while readdir(directory) != nil { count += 1 }
        // Not counted: the two entries that every directory has, and the descriptor that reads this one.
        return count - 3
    }
}
