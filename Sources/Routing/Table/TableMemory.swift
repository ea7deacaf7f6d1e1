internal import Bytes
internal import Eskip
internal import Synchronization

/// The memory that the tables of all generations share, and the one that is being made.
///
/// Everything here but `noteEnd` belongs to the control thread. Tables keep the memory alive; what is in no table any more is
/// freed by `reclaim`, on the control thread too, so that no worker ever pays for an update.
final class TableMemory: @unchecked Sendable {
    var slots: PagedTable<TableSlot>
    var routes: PagedTable<RouteEntry>
    var reclaimer = Reclaimer()
    /// The generation that is being made; all below are published.
    private(set) var generation: UInt64 = 0
    var nodeNumbers = NumberSource()
    /// For keys that have no number by their hash.
    var keyNumbers = NumberSource()
    /// For the places of single routes.
    let arena = PlaceArena()
    /// For the next walk.
    var spareNodes: [Node] = []
    /// Entries whose lists have grown in this generation and are not in order yet.
    var unsorted: Set<UnsafeMutableRawPointer> = []
    var leaving = LeavingCandidates()
    var hostCount = 0
    var suffixCount = 0
    /// Nodes whose hosts have entries of their own.
    var dividedCount = 0
    /// The segments of the longest pattern there ever was.
    var depthMax = 0
    /// The regexps that routes are found by.
    var hostRegexps = RegexpIndex()
    var pathRegexps = RegexpIndex()
    /// The scopes beside the shared one, and how many routes they have.
    var scopes: [RouteScope: (number: UInt32, routes: Int)] = [:]
    var scopeNames: [UInt32: RouteScope] = [:]

    /// The generations whose tables are gone.
    private let ended = Mutex<[UInt64]>([])

    static let sharedScope: UInt32 = 1

    init() {
        slots = PagedTable(generation: 0)
        routes = PagedTable(generation: 0)
        let shared = makeScope()
        precondition(shared == Self.sharedScope)
    }

    /// Makes room in an empty table for the routes of its first load.
    func reserve(_ routeCount: Int) {
        routes.reserve(routeCount, &reclaimer)
        // A node or a host's entry each, at least.
        slots.reserve(routeCount, &reclaimer)
    }

    /// An empty tree and an empty root stage.
    ///
    /// - Returns: the scope's number.
    func makeScope() -> UInt32 {
        let scope = nodeNumbers.take(), stage = nodeNumbers.take()
        slots.insert(TableSlot(.scopeRoot, parent: 0, hash: TableHash.root(scope).entryHash, number: scope), &reclaimer)
        slots.insert(TableSlot(.rootStage, parent: scope, hash: TableHash.rootStage(scope).entryHash, number: stage), &reclaimer)
        return scope
    }

    deinit {
        slots.forEach { slot in
            slot.list?.block.deallocate()
            slot.longKey?.block.deallocate()
        }
        routes.forEach { $0.route.release() }
        slots.deallocate()
        routes.deallocate()
        reclaimer.freeAll()
    }

    /// Ends the generation that was being made: what it shows is from now on a table's, and changes are copies.
    func publish() -> UInt64 {
        leaving.settleAll()
        for block in unsorted { CandidateList(block: block).sort() }
        unsorted.removeAll()
        hostRegexps.publish()
        pathRegexps.publish()
        let published = generation
        reclaimer.open(published)
        generation += 1
        slots.generation = generation
        routes.generation = generation
        return published
    }

    /// Any thread: the table of this generation is gone.
    func noteEnd(of generation: UInt64) { ended.withLock { $0.append(generation) } }

    /// Frees what only tables saw that are gone.
    ///
    /// - Returns: whether a table has gone since the last time.
    @discardableResult
    func reclaim() -> Bool {
        let generations = ended.withLock { ended in
            defer { ended = [] }
            return ended
        }
        for generation in generations { reclaimer.close(generation) }
        return !generations.isEmpty
    }
}

/// Numbers of hosts' names: by their hash where no other host has that number, so that what depends on the number can be fetched before
/// the name is found.
enum HostNumber {
    static let hashed: UInt32 = 1 << 31

    /// - Parameter hash: of the name's entry.
    @inline(__always)
    static func usual(_ hash: UInt32) -> UInt32 { hash | hashed }
}

/// Small numbers for nodes and keys, used again when they are free.
struct NumberSource {
    private var next: UInt32 = 1
    private var free: [UInt32] = []

    mutating func take() -> UInt32 {
        if let number = free.popLast() { return number }
        precondition(next < HostNumber.hashed, "two billion nodes")
        next += 1
        return next - 1
    }

    mutating func giveBack(_ number: UInt32) { free.append(number) }
}

/// A route by its id.
struct RouteEntry: PagedEntry {
    private let reference: UInt
    let hash: UInt32

    static let vacant = RouteEntry(reference: 0, hash: 0)

    private init(reference: UInt, hash: UInt32) {
        self.reference = reference
        self.hash = hash
    }

    init(_ route: Unmanaged<Route>, hash: UInt32) {
        self.init(reference: UInt(bitPattern: route.toOpaque()), hash: hash)
    }

    var isVacant: Bool { reference == 0 }
    static var fullPercent: Int { 75 }
    var route: Unmanaged<Route> { Unmanaged.fromOpaque(UnsafeRawPointer(bitPattern: reference).unsafelyUnwrapped) }

    static func hash(ofID id: BorrowedBytes) -> UInt32 { SegmentHash().adding(id).entryHash }
}

extension PagedTable<RouteEntry>.View {
    func route(_ id: BorrowedBytes) -> Unmanaged<Route>? {
        route(RouteEntry.hash(ofID: id)) { $0.definition.withIdBytes { $0.equals(id) } }
    }

    /// The route of an id's hash that is the wanted one.
    func route(_ idHash: UInt32, where isWanted: (Route) -> Bool) -> Unmanaged<Route>? {
        find(idHash) { $0.pointee.route._withUnsafeGuaranteedRef(isWanted) }?.pointee.route
    }
}
