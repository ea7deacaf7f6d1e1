internal import Bytes
internal import Eskip

/// How requests are matched; the same for all tables of a process.
public struct RoutingOptions: Sendable {
    /// `-ignore-trailing-slash`: `/foo` and `/foo/` are one path to the tree.
    public var ignoresTrailingSlash = false
    /// For tools that do not know what `-forward-backend-url` says: `<forward>` compiles, and routes as `<shunt>` does.
    public var acceptsForward = false

    public init() {}
}

/// Which routes a request may take at all, chosen by its host before any path is looked at.
///
/// A request goes by the scope of its exact host if there is one, else by that of the longest wildcard, else by the
/// shared one, and never falls through to another. Hosts are compared without case, port and final dot.
public enum RouteScope: Hashable, Sendable {
    /// For hosts that no other scope is for; where Skipper's sources put all their routes.
    case shared
    /// `example.org`.
    case host(String)
    /// `example.org` for `*.example.org`: any host with one label or more before it.
    case wildcard(String)
}

/// All compiled routes of one generation, immutable: any thread may match with it.
///
/// A view of memory that it shares with the tables before and after it, so that an update costs what it changes. Routes live as
/// long as some table that has them.
public final class RoutingTable: Sendable {
    public let options: RoutingOptions
    /// Counts the tables of one compiler.
    public let generation: UInt64
    /// The number of routes.
    public let count: Int
    let hasHosts: Bool
    let hasSuffixes: Bool
    let hasScopes: Bool
    /// Some node's hosts have entries of their own.
    let hasDivided: Bool
    /// Segments of a path that are hashed before the walk: no pattern has more, or few paths.
    let stepCountMax: Int
    let hostScan: RegexpScan?
    let pathScan: RegexpScan?
    private let memory: TableMemory
    nonisolated(unsafe) let slots: PagedTable<TableSlot>.View
    private nonisolated(unsafe) let routes: PagedTable<RouteEntry>.View
    nonisolated(unsafe) let shared: ScopeView
    /// Where all hashes begin.
    let seed = SegmentHash.seed

    /// The table of what `memory` holds now; later changes of it are not seen.
    init(_ memory: TableMemory, options: RoutingOptions) {
        self.memory = memory
        self.options = options
        count = memory.routes.count
        hasHosts = memory.hostCount > 0
        hasSuffixes = memory.suffixCount > 0
        hasScopes = !memory.scopes.isEmpty
        hasDivided = memory.dividedCount > 0
        stepCountMax = min(PathStep.countMax, memory.depthMax)
        slots = memory.slots.view
        routes = memory.routes.view
        shared = ScopeView(TableMemory.sharedScope, in: slots)
        generation = memory.publish()
        hostScan = memory.hostRegexps.scan
        pathScan = memory.pathRegexps.scan
    }

    deinit { memory.noteEnd(of: generation) }

    /// A table without routes: every request finds nothing.
    public static let empty = RoutingTable(TableMemory(), options: RoutingOptions())

    public subscript(id: String) -> Route? {
        id.withBytes { routes.route($0)?.takeUnretainedValue() }
    }

    /// Calls `body` with every route, in any order; for listings.
    public func forEachRoute(_ body: (Route) -> Void) {
        routes.forEach { body($0.route.takeUnretainedValue()) }
    }

    /// All routes by id; sorts them.
    public func routesByID() -> [Route] {
        var all: [Route] = []
        all.reserveCapacity(count)
        forEachRoute { all.append($0) }
        return all.sorted { left, right in
            left.definition.withIdBytes { left in right.definition.withIdBytes { left.lexicographicallyPrecedes($0) } }
        }
    }
}

/// Where the walk of a scope begins.
struct ScopeView {
    let root: UnsafePointer<TableSlot>?
    let rootHash: SegmentHash
    let rootStage: UnsafePointer<TableSlot>?

    init(_ number: UInt32, in slots: PagedTable<TableSlot>.View) {
        rootHash = TableHash.root(number)
        let known = slots.find(rootHash.entryHash) { $0.pointee.kind == .scopeRoot && $0.pointee.number == number }
        root = known.flatMap { $0.pointee.isBare ? nil : $0 }
        rootStage = slots.only(.rootStage, number, TableHash.rootStage(number))
    }
}
