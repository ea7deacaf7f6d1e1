/// The maxima of routes and of their lookup, each with the reason for its value.
public enum RoutingLimits {
    /// Bytes of a path pattern: clients' paths are bounded by the head, and nobody writes a path of 8 KiB by hand.
    public static let patternBytesMax = 8 * 1024
    /// Segments of a path pattern. The lookup recurses once per level, on the stack of a worker.
    public static let patternSegmentsMax = 256
    /// Bytes of a host that scopes are looked up by; DNS names have 253, and the search costs its labels times its length.
    public static let scopeHostBytesMax = 512
    /// Labels behind a wildcard by which routes are found: each costs a look-up per request. Longer ones are tried in turn.
    public static let suffixLabelsMax = 16
    /// Bytes of a host or a regexp that the table finds routes by; what is longer is compared route by route.
    public static let keyBytesMax = 4 * 1024
    /// The automaton of one set of at most 256 regexps: such as keep few states take 2 MiB, and there are 40 sets of 10,000.
    public static let regexpSetBytesMax = 4 * 1024 * 1024
    /// Weights beyond this say nothing more; sums of them stay far from overflow.
    public static let weightMax = 1 << 40
    /// Routes that an explanation lists: what a person reads.
    public static let explainedAttemptsMax = 1000
    /// Equal chains and conditions that are kept to be shared, beyond those in use: cheap, and many sources repeat themselves.
    public static let sharedPartsMin = 1024
    /// Routes of a table whose lines are fetched ahead: smaller ones stay in the processor's caches.
    public static let prefetchedMin = 10_000
    /// Routes of a first load from which on two threads share the work: below, one is done before the other has begun.
    public static let twoThreadsMin = 10_000
    /// Bytes of a zoneinfo file; the largest of the database has 4 KiB.
    public static let zoneFileBytesMax = 256 * 1024
}
