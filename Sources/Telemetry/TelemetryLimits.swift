/// The maxima of metrics and logs: clients choose hosts, users and paths, and neither memory nor disk may follow them without bound.
public enum TelemetryLimits {
    /// Series of one worker: 300,000 routes with traffic on a tenth of them, in two codes, fit.
    public static let seriesMax = 65_536
    /// Texts given by the configuration (route ids, filter names): three times the largest route table aimed at.
    public static let configuredLabelsMax = 1 << 20
    /// Texts taken from traffic (hosts), in the whole process.
    public static let observedLabelsMax = 16_384
    /// Bytes of one label; longer ones are cut.
    public static let labelBytesMax = 256

    /// The URI of one access log line; an ALB passes 16 KiB.
    public static let loggedURIBytesMax = 16 * 1024
    /// Any other field of one access log line.
    public static let loggedFieldBytesMax = 4 * 1024
    /// Lines a worker collects before it hands them over within a loop turn.
    public static let logBufferBytes = 64 * 1024
    /// Bytes that wait for a slow log file or pipe, of all workers; beyond them lines are dropped and counted.
    public static let logQueueBytesMax = 16 * 1024 * 1024
    /// One line of the application log; what exceeds it is cut.
    public static let applicationLineBytesMax = 64 * 1024
    /// Messages whose repetition is tracked at a time.
    public static let throttledKeysMax = 256
}
