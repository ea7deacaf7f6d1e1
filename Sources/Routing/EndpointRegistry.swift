public import HTTP
internal import Synchronization

/// The endpoints of all load-balanced routes, so that what is known of an address outlives route updates.
///
/// The control path asks for endpoints and sweeps; the data path never takes the lock.
public final class EndpointRegistry: Sendable {
    /// An endpoint that no route uses is remembered so long (routing.md §11): a rolling update may take it out and in.
    public static let rememberedNanoseconds: UInt64 = 60_000_000_000
    /// A sweep looks at every endpoint, so it does nothing if the last one was less than this ago.
    public static let sweepNanoseconds: UInt64 = 5_000_000_000

    /// Nil switches passive health checks off.
    public let passiveHealth: PassiveHealth?
    public let counters = PassiveHealthCounters()
    /// How often `endpointCreated` moved an endpoint's time; tells balancers to look at the times again.
    private let moves = Atomic<UInt64>(0)
    private let table = Mutex(Table())

    private struct Entry {
        var endpoint: Endpoint
        /// When a sweep first found it without a route.
        var unusedSince: UInt64?

        func isForgotten(now: UInt64) -> Bool {
            guard let unusedSince else { return false }
            return now >= unusedSince + EndpointRegistry.rememberedNanoseconds
        }
    }

    private struct Table {
        /// By `Origin.id`, which is the origin's alone as long as its endpoint holds it.
        var entries: [UInt32: Entry] = [:]
        var lastSweep: UInt64 = 0
    }

    public init(passiveHealth: PassiveHealth? = nil) { self.passiveHealth = passiveHealth }

    /// Gives the endpoint of an origin; one that is new, or was unused for too long, is detected now.
    ///
    /// - Parameter now: monotonic nanoseconds, the clock of the workers' `FilterServices.now`.
    public func endpoint(for origin: Origin, now: UInt64) -> Endpoint {
        table.withLock { table in
            if let entry = table.entries[origin.id], !entry.isForgotten(now: now) {
                table.entries[origin.id]?.unusedSince = nil
                return entry.endpoint
            }
            let endpoint = Endpoint(origin: origin, now: now, passiveHealth: passiveHealth)
            table.entries[origin.id] = Entry(endpoint: endpoint)
            return endpoint
        }
    }

    /// Forgets endpoints that no route has used for long enough; to be called at least as often as routes are polled.
    ///
    /// - Complexity: O(endpoints), at most once per `sweepNanoseconds`.
    public func sweep(now: UInt64) {
        table.withLock { table in
            guard now >= table.lastSweep + EndpointRegistry.sweepNanoseconds else { return }
            table.lastSweep = now
            for id in Array(table.entries.keys) {
                // Nobody can take a reference meanwhile: there are no others, and new ones are given out under the lock.
                if !isKnownUniquelyReferenced(&table.entries[id]!.endpoint) {
                    table.entries[id]!.unusedSince = nil
                } else if table.entries[id]!.isForgotten(now: now) {
                    table.entries[id] = nil
                } else if table.entries[id]!.unusedSince == nil {
                    table.entries[id]!.unusedSince = now
                }
            }
        }
    }

    /// Endpoints known at present, those remembered without a route included.
    public var count: Int { table.withLock { $0.entries.count } }

    /// The figures of all endpoints, by address.
    public func snapshot(now: UInt64) -> [EndpointSnapshot] {
        let endpoints = table.withLock { $0.entries.values.map(\.endpoint) }
        return endpoints.map { EndpointSnapshot($0, now: now) }.sorted { $0.address < $1.address }
    }

    // MARK: Creation times

    /// Applies `endpointCreated`: an endpoint that came into being after its detection (its address was another's
    /// before) fades in anew. A time in the future counts as now, since clocks differ.
    func setCreated(_ endpoint: Endpoint, seconds: Double, clock: RouteClock) {
        if endpoint.setCreated(clock.monotonic(ofWallSeconds: seconds)) { moves.wrappingAdd(1, ordering: .relaxed) }
    }

    var moveCount: UInt64 { moves.load(ordering: .relaxed) }
}

/// The time at which routes are compiled, on both clocks; nanoseconds.
public struct RouteClock: Sendable {
    /// The clock of the workers' `FilterServices.now`.
    public let now: UInt64
    /// Since 1970.
    public let wallTime: UInt64

    public init(now: UInt64, wallTime: UInt64) {
        self.now = now
        self.wallTime = wallTime
    }

    /// What the monotonic clock showed at a time since 1970; 0 if it did not run yet, `now` if that is to come.
    func monotonic(ofWallSeconds seconds: Double) -> UInt64 {
        let age = Double(wallTime) - seconds * 1e9
        guard age > 0 else { return now }
        return age < Double(now) ? now - UInt64(age) : 0
    }
}

/// One endpoint's figures for `/metrics` and the admin listener.
public struct EndpointSnapshot: Sendable, Equatable {
    /// `scheme://host[:port]`.
    public let address: String
    public let requestsInFlight: Int
    /// 0...1.
    public let dropProbability: Double
    /// Nanoseconds since detection or creation.
    public let age: UInt64

    init(_ endpoint: Endpoint, now: UInt64) {
        address = endpoint.origin.description
        requestsInFlight = endpoint.requestsInFlight
        dropProbability = endpoint.dropProbability(now: now)
        age = endpoint.age(now: now)
    }
}
