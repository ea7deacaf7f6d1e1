internal import Eskip

/// The maxima of the control path, each with the reason for its value.
public enum DataClientLimits {
    /// Bytes of a route file or of a document from a URL: what the parser accepts, checked before anything is read.
    public static let documentBytesMax = EskipLimits.documentBytesMax
    /// Changed routes logged one by one for one update: the start with 300,000 routes must not write 60 MB of log. The rest is counted.
    public static let routesLoggedMax = 1000
    /// Refused routes, conflicts and failed rewritings logged one by one for one update.
    public static let problemsLoggedMax = 100
    /// Refused routes that metrics show at once: a mistake in a default filter refuses all routes, and series cost memory.
    public static let invalidSeriesMax = 1000
    /// Routes of one document made of changed routes. A document lives as long as one of its routes, so small ones go early.
    public static let routesPerDocumentMax = 256

    /// Texts up to this size are read again as a whole: finding what changed would save nothing.
    static let wholeReadBytes = 64 * 1024
    /// Separate changes of one text that are read one by one; with more the whole is cheaper.
    static let hunksMax = 1024
    /// How far behind a change the next unchanged route is looked for.
    static let resyncBytes = 64 * 1024
    /// How many routes behind a change are looked for: those before may have been deleted.
    static let resyncRoutes = 8
    /// Bytes that tell that a route goes on unchanged; what follows is compared anyway.
    static let resyncPatternBytes = 64
    /// The rest of a text that is read again without looking further where it goes on unchanged.
    static let restReadBytes = 1024 * 1024
    /// What is read of a file at a time while it is compared; stays within the second-level cache.
    static let fileBufferBytes = 256 * 1024

    /// A file changed in place is looked at again after this long before its errors, or that it is empty, are believed; a URL
    /// whose document has lost all routes is asked again.
    static let confirmNanoseconds: UInt64 = 200_000_000
    /// A file whose writer has not closed it is read when nothing was written for so long.
    static let quietNanoseconds: UInt64 = 1_000_000_000
    /// Between two rounds of giving back what former tables and unused endpoints held.
    static let maintenanceNanoseconds: UInt64 = 2_000_000_000
    /// Symbolic links followed in one path, as the kernel does.
    static let symbolicLinksMax = 40
    /// The shortest interval between two looks at a source (operations.md §1).
    public static let pollNanosecondsMin: UInt64 = 30_000_000
    /// For the answer of a URL of `-status-checks`.
    static let statusCheckNanoseconds: UInt64 = 5_000_000_000
    /// Until such a URL is asked again, as Skipper does.
    static let statusCheckIntervalNanoseconds: UInt64 = 1_000_000_000
    /// Redirections followed for one document.
    static let redirectsMax = 5
    /// Routes of an update after which freed memory is given back to the system: that takes milliseconds.
    static let trimmedRoutesMin = 10_000
}
