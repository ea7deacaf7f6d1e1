public import Net
public import Upstream

/// Where routes come from and what is made of them before they are compiled; operations.md §1, eskip.md §8.
public struct DataClientOptions: Sendable {
    /// `-routes-file`.
    public var routeFiles: [String] = []
    /// `-routes-urls`; an entry without `http://` or `https://` is a file.
    public var routeURLs: [String] = []
    /// `-inline-routes`.
    public var inlineRoutes = ""
    /// `-source-poll-timeout`, nanoseconds; at least `DataClientLimits.pollNanosecondsMin`.
    public var pollInterval: UInt64 = 3_000_000_000
    public var rewriting = RouteRewritingOptions()
    /// `-dns-servers`, for the hosts of URLs; those of the system if empty.
    public var dnsServers: [SocketAddress] = []
    /// Rules for `https` URLs, which cannot be fetched without.
    public var security: UpstreamSecuritySource?
    /// `-suppress-route-update-logs`: changed routes are counted in the log, not shown.
    public var suppressesUpdateLogs = false

    public init() {}
}

/// What is done to every route of every source (eskip.md §8).
public struct RouteRewritingOptions: Sendable {
    /// `-default-filters-prepend`: filter chains, as given.
    public var defaultFiltersPrepend: [String] = []
    /// `-default-filters-append`.
    public var defaultFiltersAppend: [String] = []
    /// `-clone-route`.
    public var cloneRoutes: [TextReplacement] = []
    /// `-edit-route`.
    public var editRoutes: [TextReplacement] = []
    /// `-forward-backend-url`; empty leaves `<forward>` routes invalid.
    public var forwardBackendURL = ""

    public init() {}
}

/// A regular expression and what replaces its matches; groups are written `$1`, `${1}` or `${name}`.
public struct TextReplacement: Sendable, Equatable {
    public var pattern: String
    public var replacement: String

    public init(pattern: String, replacement: String) {
        self.pattern = pattern
        self.replacement = replacement
    }
}

/// Options that cannot be used, all at once.
public struct DataClientOptionError: Error, Equatable, CustomStringConvertible {
    public let reasons: [String]
    public var description: String { reasons.joined(separator: "\n") }
}
