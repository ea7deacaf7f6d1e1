public import Routing
internal import Synchronization

/// What the control path knows of its sources and of refused routes, for readers on any thread.
public final class RouteStatus: Sendable {
    /// One source of routes.
    public struct Source: Sendable, Equatable {
        /// Its file, URL or flag.
        public let name: String
        /// Whether it was loaded once; what it says later may be wrong, but never takes this away.
        public internal(set) var isLoaded = false
        /// Routes of the last good load.
        public internal(set) var routeCount = 0
        /// Accepted loads and changes.
        public internal(set) var loadCount = 0
        public internal(set) var failureCount = 0
        /// What is wrong with it now, one line each; empty if all is well.
        public internal(set) var problems: [String] = []
    }

    struct State: Sendable {
        var sources: [Source] = []
        var invalid: [String: RouteDiagnostic] = [:]
        var routeCount = 0
        var updateCount = 0
        var updatedAt = 0
        /// Nothing is awaited any more: all sources were added.
        var isComplete = false
    }

    private let state = Mutex(State())

    init() {}

    func update<Result: Sendable>(_ body: (inout State) -> Result) -> Result {
        state.withLock { body(&$0) }
    }

    /// In order of precedence: of several routes with one id that of the first source counts.
    public var sources: [Source] { state.withLock { $0.sources } }

    /// Routes that are left out at present, by id.
    public var invalidRoutes: [RouteDiagnostic] {
        state.withLock { Array($0.invalid.values) }.sorted { $0.routeID < $1.routeID }
    }

    /// How many of them there are for one reason.
    public func invalidCount(_ refusal: RouteRefusal) -> Int {
        state.withLock { $0.invalid.values.count { $0.refusal == refusal } }
    }

    /// Routes of the published table.
    public var routeCount: Int { state.withLock { $0.routeCount } }

    /// Tables published so far.
    public var updateCount: Int { state.withLock { $0.updateCount } }

    /// Seconds since 1970 of the last published table, 0 before the first.
    public var updatedAt: Int { state.withLock { $0.updatedAt } }

    /// Whether every source was loaded once, and what it brought is published: what readiness and
    /// `-wait-first-route-load` ask for. Never becomes false again.
    public var isFirstLoadDone: Bool {
        state.withLock { $0.isComplete && $0.sources.allSatisfy(\.isLoaded) }
    }
}
