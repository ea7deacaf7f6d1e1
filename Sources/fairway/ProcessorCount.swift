import CLinux

/// How many processors this process may use, the cgroup's quota included.
enum ProcessorCount {
    static var available: Int {
        let online = max(1, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN))))
        guard let quota = quota("/sys/fs/cgroup/cpu.max") else { return online }
        return max(1, min(online, quota))
    }

    /// `max 100000` or `150000 100000`: microseconds per period; rounded up.
    private static func quota(_ path: String) -> Int? {
        let descriptor = clinux_open_read(path)
        guard descriptor >= 0 else { return nil }
        defer { _ = clinux_close(descriptor) }
        var text = [UInt8](repeating: 0, count: 64)
        let count = clinux_read(descriptor, &text, text.count)
        guard count > 0 else { return nil }
        let words = String(decoding: text[..<Int(count)], as: UTF8.self).split(whereSeparator: \.isWhitespace)
        guard words.count == 2, let limit = Int(words[0]), let period = Int(words[1]), period > 0 else { return nil }
        return (limit + period - 1) / period
    }
}
