internal import Eskip

/// How requests are matched; the same for all tables of a process.
public struct RoutingOptions: Sendable {
    /// `-ignore-trailing-slash`: `/foo` and `/foo/` are one path to the tree.
    public var ignoresTrailingSlash = false

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
public final class RoutingTable: Sendable {
    public let options: RoutingOptions
    /// Counts the tables of a process.
    public let generation: UInt64
    /// By id; keeps the routes alive that the trees refer to.
    private let routes: [String: Route]
    let shared: ScopeTable
    let scopes: [RouteScope: ScopeTable]

    init(options: RoutingOptions, generation: UInt64, routes: [String: Route], scopes: [RouteScope: [Route]]) {
        self.options = options
        self.generation = generation
        self.routes = routes
        shared = ScopeTable(scopes[.shared] ?? [])
        self.scopes = scopes.filter { $0.key != .shared }.mapValues { ScopeTable($0) }
    }

    /// A table without routes: every request finds nothing.
    public static let empty = RoutingTable(options: RoutingOptions(), generation: 0, routes: [:], scopes: [:])

    public var count: Int { routes.count }

    public subscript(id: String) -> Route? { routes[id] }

    /// All routes by id, for listings.
    public func routesByID() -> [Route] { routes.values.sorted { $0.definition.id < $1.definition.id } }
}

/// The routes of one scope: those with a path pattern in a tree, the others in the order in which they are tried.
final class ScopeTable: Sendable {
    nonisolated(unsafe) let tree: UnsafeMutablePointer<PathNode>
    nonisolated(unsafe) let rootStage: UnsafeMutableBufferPointer<Unmanaged<Route>>

    init(_ routes: [Route]) {
        let builder = PathNodeBuilder()
        for route in routes {
            if let pattern = route.conditions.pattern { builder.insert(route, pattern) }
        }
        tree = builder.freeze()
        let others = routes.filter { $0.conditions.pattern == nil }.sorted { Route.isTried($0, before: $1) }
        rootStage = .allocate(capacity: others.count)
        _ = rootStage.initialize(from: others.map { .passUnretained($0) })
    }

    deinit {
        PathNode.destroy(tree)
        rootStage.deallocate()
    }
}
