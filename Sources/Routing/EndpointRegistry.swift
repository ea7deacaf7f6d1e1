public import HTTP
internal import Synchronization

/// The endpoints of all load-balanced routes, so that what is known of an address outlives route updates.
///
/// The control path asks for endpoints and sweeps; the data path never takes the lock.
public final class EndpointRegistry: Sendable {
    /// An endpoint that no route uses is remembered so long (routing.md §11): a rolling update may take it out and in.
    public static let rememberedNanoseconds: UInt64 = 60_000_000_000
    /// Endpoints looked at in one sweep, a fraction of a millisecond: with many more, several sweeps make a round.
    public static let sweptMax = 4096

    /// What judges endpoints by their failures; nil switches it off.
    public let health: HealthJudge?
    /// How often `endpointCreated` moved an endpoint's time; tells balancers to look at the times again.
    private let moves = Atomic<UInt64>(0)
    private let table = Mutex(EndpointTable())
    private let zoneLabel: @Sendable (String) -> UInt32

    /// - Parameter zoneLabel: how metrics label a zone.
    public init(passiveHealth: PassiveHealth? = nil, zoneLabel: @escaping @Sendable (String) -> UInt32 = { _ in 0 }) {
        health = passiveHealth.map { HealthJudge($0) }
        self.zoneLabel = zoneLabel
    }

    /// Gives the endpoint of an origin; one that is new, or was unused for too long, is detected now.
    ///
    /// - Parameter now: monotonic nanoseconds, the clock of the workers' `FilterServices.now`.
    public func endpoint(for origin: Origin, now: UInt64) -> Endpoint {
        table.withLock { table in
            table.use(origin, now: now) ?? table.insert(Endpoint(origin: origin, now: now, health: health))
        }
    }

    func setZone(_ zone: String, of endpoint: Endpoint) { endpoint.setZoneLabel(zoneLabel(zone)) }

    /// Forgets endpoints that no route has used for long enough; to be called every few seconds.
    ///
    /// - Complexity: O(endpoints), but at most `sweptMax`.
    public func sweep(now: UInt64) { table.withLock { $0.sweep(now: now, count: EndpointRegistry.sweptMax) } }

    /// Endpoints known at present, those remembered without a route included.
    public var count: Int { table.withLock { $0.entries.count } }

    /// The figures of all endpoints, by address; for tests.
    public func snapshot(now: UInt64) -> [EndpointSnapshot] {
        let endpoints = table.withLock { $0.entries.map(\.endpoint) }
        return endpoints.map { EndpointSnapshot($0, judge: health, now: now) }.sorted { $0.address < $1.address }
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

/// One endpoint's figures, for tests.
public struct EndpointSnapshot: Sendable, Equatable {
    /// `scheme://host[:port]`.
    public let address: String
    public let requestsInFlight: Int
    /// 0...1.
    public let dropProbability: Double
    /// Nanoseconds since detection or creation.
    public let age: UInt64

    init(_ endpoint: Endpoint, judge: HealthJudge?, now: UInt64) {
        address = endpoint.origin.description
        requestsInFlight = endpoint.requestsInFlight
        dropProbability = judge.map { endpoint.dropProbability(now: now, options: $0.options) } ?? 0
        age = endpoint.age(now: now)
    }
}

/// The registry's endpoints without order, and where each stands.
private struct EndpointTable {
    struct Entry {
        var endpoint: Endpoint
        /// When a sweep first found it without a route; `.max` while none did.
        var unusedSince = UInt64.max

        func isForgotten(now: UInt64) -> Bool {
            unusedSince != .max && now >= unusedSince + EndpointRegistry.rememberedNanoseconds
        }
    }

    private static let absent = UInt32.max

    private(set) var entries: [Entry] = []
    /// By `Origin.id`, which is the origin's alone as long as its endpoint holds it.
    private var positions: [UInt32] = []
    private var nextSwept = 0

    mutating func use(_ origin: Origin, now: UInt64) -> Endpoint? {
        let id = Int(origin.id)
        guard id < positions.count, positions[id] != EndpointTable.absent else { return nil }
        let position = Int(positions[id])
        if entries[position].isForgotten(now: now) {
            remove(at: position)
            return nil
        }
        entries[position].unusedSince = .max
        return entries[position].endpoint
    }

    mutating func insert(_ endpoint: Endpoint) -> Endpoint {
        let id = Int(endpoint.origin.id)
        while positions.count <= id { positions.append(EndpointTable.absent) }
        positions[id] = UInt32(entries.count)
        entries.append(Entry(endpoint: endpoint))
        return endpoint
    }

    private mutating func remove(at position: Int) {
        let removed = entries[position].endpoint.origin.id
        entries.swapAt(position, entries.count - 1)
        positions[Int(entries[position].endpoint.origin.id)] = UInt32(position)
        positions[Int(removed)] = EndpointTable.absent
        entries.removeLast()
    }

    /// Goes on round the entries where the last sweep stopped.
    mutating func sweep(now: UInt64, count: Int) {
        for _ in 0..<min(count, entries.count) {
            if nextSwept >= entries.count { nextSwept = 0 }
            // Nobody can take a reference meanwhile: there are no others, and new ones are given out under the lock. Exchanges count
            // themselves instead of taking one.
            if !isKnownUniquelyReferenced(&entries[nextSwept].endpoint) || entries[nextSwept].endpoint.requestsInFlight > 0 {
                entries[nextSwept].unusedSince = .max
            } else if entries[nextSwept].isForgotten(now: now) {
                remove(at: nextSwept)
                continue
            } else if entries[nextSwept].unusedSince == .max {
                entries[nextSwept].unusedSince = now
            }
            nextSwept += 1
        }
    }
}
