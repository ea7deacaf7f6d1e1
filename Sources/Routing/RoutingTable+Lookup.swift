internal import Bytes
public import Filters
internal import HTTP

extension RoutingTable {
    /// Finds the route of a request (routing.md §3-§5) and adds what its path pattern captured to `context.parameters`.
    ///
    /// Path first: the tree's patterns from the most to the least specific, with backtracking; then, only if none of
    /// them has a route for the request, the routes without a path pattern. Among routes of one pattern by weight, then id.
    ///
    /// - Returns: nil if no route matches. The reference lives as long as the table.
    /// - Complexity: O(bytes of the path + routes tried); allocates nothing.
    public func match(_ context: FilterContext) -> Unmanaged<Route>? {
        var probe = MatchProbe(context: context)
        guard let route = find(context.request.host, context.request.matchPath, &probe) else { return nil }
        route._withUnsafeGuaranteedRef { context.setParameters(of: $0, options: options) }
        return route
    }

    func find(_ host: BorrowedBytes, _ path: BorrowedBytes, _ probe: inout some RouteProbe) -> Unmanaged<Route>? {
        let scope = scope(of: host)
        let walked = options.trimmed(path)
        let walk = PathWalk(path: walked)
        if !walked.isEmpty, let route = walk.find(scope.tree, 1, &probe) { return route }
        for route in scope.rootStage where probe.admits(route) { return route }
        return nil
    }

    private func scope(of host: BorrowedBytes) -> ScopeTable {
        if scopes.isEmpty { return shared }
        let name = RouteScope.canonical(host)
        if let scope = scopes[.host(name)] { return scope }
        var rest = name[...]
        while let dot = rest.firstIndex(of: ".") {
            rest = rest[rest.index(after: dot)...]
            if let scope = scopes[.wildcard(String(rest))] { return scope }
        }
        return shared
    }
}

extension RoutingOptions {
    /// The path as the tree sees it.
    func trimmed(_ path: BorrowedBytes) -> BorrowedBytes {
        guard ignoresTrailingSlash, path.count > 1, path.last == UInt8(ascii: "/") else { return path }
        return path.slice(0, path.count - 1)
    }
}

extension RouteScope {
    /// Lower-case, without port and final dot.
    static func canonical(_ host: BorrowedBytes) -> String {
        var end = host.count
        if let colon = host.lastIndex(of: UInt8(ascii: ":")), host.slice(colon + 1, end).allSatisfy({ ASCII.isDigit($0) }) { end = colon }
        if end > 0, host[end - 1] == UInt8(ascii: ".") { end -= 1 }
        return host.slice(0, end).text.lowercased()
    }
}

/// What decides whether a route is taken once its path pattern fits.
protocol RouteProbe {
    mutating func admits(_ route: Unmanaged<Route>) -> Bool
}

/// Takes the first route whose predicates hold.
struct MatchProbe: RouteProbe {
    let context: FilterContext

    @inline(__always)
    func admits(_ route: Unmanaged<Route>) -> Bool {
        route._withUnsafeGuaranteedRef { $0.conditions.hold(context) }
    }
}

/// A walk down the tree along one path.
struct PathWalk {
    let path: BorrowedBytes

    /// Tries what hangs below a node, most specific first: the literal child, the named one, the free wildcard.
    ///
    /// - Parameter start: where the segment below the node begins, one behind a slash.
    func find(_ node: UnsafeMutablePointer<PathNode>, _ start: Int, _ probe: inout some RouteProbe) -> Unmanaged<Route>? {
        // The path ends in a slash here; wildcards need something behind it.
        if start == path.count { return firstAdmitted(node, .slash, &probe) }
        let end = path.firstIndex(of: UInt8(ascii: "/"), from: start) ?? path.count
        if let child = node.pointee.child(path.slice(start, end)), let route = descend(child, end, &probe) { return route }
        if end > start, let child = node.pointee.parameter, let route = descend(child, end, &probe) { return route }
        return firstAdmitted(node, .below, &probe)
    }

    private func descend(_ node: UnsafeMutablePointer<PathNode>, _ end: Int, _ probe: inout some RouteProbe) -> Unmanaged<Route>? {
        end == path.count ? firstAdmitted(node, .exact, &probe) : find(node, end + 1, &probe)
    }

    private func firstAdmitted(
        _ node: UnsafeMutablePointer<PathNode>, _ end: PatternEnd, _ probe: inout some RouteProbe
    ) -> Unmanaged<Route>? {
        guard node.pointee.ends.contains(end) else { return nil }
        for candidate in node.pointee.candidates where candidate.ends.contains(end) {
            if probe.admits(candidate.route) { return candidate.route }
        }
        return nil
    }
}
