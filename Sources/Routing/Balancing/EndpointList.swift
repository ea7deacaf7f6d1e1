internal import Eskip
internal import HTTP
internal import Synchronization

/// The endpoints of a group at one time: nothing of it changes, so workers choose among them without a lock.
///
/// A worker looks at a list within one turn of its loop and keeps nothing of it but the endpoint it chose, which lives as long as it
/// has requests (`EndpointRegistry`). A list that was replaced is let go of when every worker has begun another turn; see
/// `RoutingTableSlot.retire`.
final class EndpointList: @unchecked Sendable {
    // Unchecked: the memory of `table` is written before anybody sees it.

    /// Tells lists apart.
    let number = EndpointList.numbers.wrappingAdd(1, ordering: .relaxed).newValue
    /// With a reference each: an address that is listed twice has two shares.
    let table: UnsafeBufferPointer<Unmanaged<Endpoint>>
    /// If some route of the group chooses by it.
    let ring: HashRing?
    /// What names the endpoints, if that is not the one route's definition.
    let addresses: [LBEndpoint]
    /// The source reported them by the group's key: what definitions say of endpoints counts no more.
    let isReported: Bool
    /// When the youngest endpoint's fade-in began.
    private let youngestStart = Atomic<UInt64>(0)
    /// The registry's count of moved times that it takes into account.
    private let seenMoves = Atomic<UInt64>(.max)

    private static let numbers = Atomic<UInt64>(0)

    init(_ endpoints: [Endpoint], addresses: [LBEndpoint] = [], isReported: Bool = false, hasRing: Bool) {
        let table = UnsafeMutablePointer<Unmanaged<Endpoint>>.allocate(capacity: endpoints.count)
        for (position, endpoint) in endpoints.enumerated() { (table + position).initialize(to: .passRetained(endpoint)) }
        self.table = UnsafeBufferPointer(start: table, count: endpoints.count)
        ring = hasRing ? HashRing(addresses: endpoints.map(\.origin.description)) : nil
        self.addresses = addresses
        self.isReported = isReported
    }

    deinit {
        for endpoint in table { endpoint.release() }
        table.baseAddress?.deallocate()
    }

    var endpoints: [Endpoint] { table.map { $0.takeUnretainedValue() } }

    /// When the fade-in of the youngest endpoint began, as far as times were moved up to now.
    func youngestStart(_ registry: EndpointRegistry) -> UInt64 {
        let moves = registry.moveCount
        if seenMoves.load(ordering: .acquiring) != moves {
            youngestStart.store(table.reduce(0) { max($0, $1._withUnsafeGuaranteedRef { $0.fadeStart }) }, ordering: .relaxed)
            seenMoves.store(moves, ordering: .releasing)
        }
        return youngestStart.load(ordering: .relaxed)
    }
}

/// Endpoints that change without their routes: those of one route's definition, or those that a source named by a key because many
/// routes have them in common, as routes to one Kubernetes service do.
///
/// The control thread replaces the list; any thread reads it.
public final class EndpointGroup: Sendable {
    private let latest: Mutex<EndpointList>
    /// The same for workers, who neither lock nor count references.
    private let published: Atomic<Unmanaged<EndpointList>>

    init(_ list: EndpointList) {
        latest = Mutex(list)
        published = Atomic(.passUnretained(list))
    }

    /// The list at present; for workers, until the end of their turn.
    @inline(__always)
    var list: Unmanaged<EndpointList> { published.load(ordering: .acquiring) }

    /// The list at present; takes a lock.
    var keptList: EndpointList { latest.withLock { $0 } }

    /// Publishes another list.
    ///
    /// - Returns: the former one, at which workers may still be looking.
    func replace(by list: EndpointList) -> EndpointList {
        latest.withLock { latest in
            defer { latest = list }
            published.store(.passUnretained(list), ordering: .releasing)
            return latest
        }
    }
}

/// The groups that sources named, by key; for the control thread, or one that compiles for it.
final class EndpointGroupTable {
    private var groups: [String: EndpointGroup] = [:]
    /// The number at which groups that no route has any more are let go.
    private var sweepCount = RoutingLimits.sharedPartsMin

    subscript(key: String) -> EndpointGroup? { groups[key] }

    func insert(_ group: EndpointGroup, _ key: String) {
        if groups.count >= sweepCount { sweep() }
        groups[key] = group
    }

    private func sweep() {
        for key in Array(groups.keys) where isKnownUniquelyReferenced(&groups[key]!) { groups[key] = nil }
        sweepCount = max(RoutingLimits.sharedPartsMin, 2 * groups.count)
    }
}
