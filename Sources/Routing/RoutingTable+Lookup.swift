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
    /// - Complexity: O(bytes of the path + routes tried), whatever the number of routes; allocates nothing.
    public func match(_ context: FilterContext) -> Unmanaged<Route>? {
        var probe = MatchProbe(context: context)
        guard let found = find(context, &probe) else { return nil }
        if found.flags.contains(.hasParameters) {
            found.route._withUnsafeGuaranteedRef { context.setParameters(of: $0, options: options) }
        }
        return found.route
    }

    /// Asks `probe` about the routes whose path pattern and literal host fit, in the order in which they are tried.
    func find(_ context: FilterContext, _ probe: inout some RouteProbe) -> Candidate? {
        let host = context.request.host
        let path = options.trimmed(context.request.matchPath)
        if count >= RoutingLimits.prefetchedMin, !hasScopes { prefetch(path) }
        if hostScan == nil, pathScan == nil { return find(context, path, host, nil, &probe) }
        var regexps = RegexpMatches(host: host, hostScan, path: context.request.matchPath, pathScan)
        return withUnsafeMutablePointer(to: &regexps) { find(context, path, host, $0, &probe) }
    }

    /// Fetches the lines of the path's nodes, while the host is looked up.
    @inline(__always)
    private func prefetch(_ path: BorrowedBytes) {
        var hash = shared.rootHash
        var start = 1
        for _ in 0..<4 where start < path.count {
            let end = path.firstIndex(of: UInt8(ascii: "/"), from: start) ?? path.count
            hash = hash.adding(path.slice(start, end))
            slots.prefetch(hash.entryHash)
            start = end + 1
        }
    }

    @inline(__always)
    private func find(
        _ context: FilterContext, _ path: BorrowedBytes, _ host: BorrowedBytes, _ regexps: UnsafeMutablePointer<RegexpMatches>?, _ probe: inout some RouteProbe
    ) -> Candidate? {
        let walk = PathWalk(
            slots: slots, path: path, host: hasSuffixes ? host : BorrowedBytes(start: nil, count: 0), hosts: hasHosts ? HostNumbers(host, in: slots) : HostNumbers(),
            method: 1 << UInt16(context.request.method.rawValue),
            regexps: regexps)
        let scope = hasScopes ? ScopeView(slots.scope(of: host), in: slots) : shared
        if let root = scope.root, !path.isEmpty, let found = walk.find(root, scope.rootHash, 1, &probe) { return found }
        return scope.rootStage.flatMap { walk.firstAdmitted($0, .exact, &probe) }
    }
}

extension RoutingOptions {
    /// The path as the tree sees it.
    func trimmed(_ path: BorrowedBytes) -> BorrowedBytes {
        guard ignoresTrailingSlash, path.count > 1, path.last == UInt8(ascii: "/") else { return path }
        return path.slice(0, path.count - 1)
    }
}

/// What decides whether a route is taken once its path pattern fits.
protocol RouteProbe {
    /// A node's routes come next, those of this many of its hosts among them.
    mutating func visits(_ node: UnsafePointer<TableSlot>, hostEntries: Int)
    /// - Parameter fits: whether method and literal host are right.
    mutating func admits(_ candidate: Candidate, fits: Bool) -> Bool
}

/// Takes the first route whose predicates hold.
struct MatchProbe: RouteProbe {
    let context: FilterContext

    @inline(__always)
    func visits(_ node: UnsafePointer<TableSlot>, hostEntries: Int) {}

    @inline(__always)
    func admits(_ candidate: Candidate, fits: Bool) -> Bool {
        guard fits else { return false }
        if !candidate.flags.contains(.hasChecks) { return true }
        return candidate.route._withUnsafeGuaranteedRef { $0.conditions.hold(context) }
    }
}

/// A walk down the tree along one path.
struct PathWalk {
    let slots: PagedTable<TableSlot>.View
    let path: BorrowedBytes
    /// Empty if no route has a wildcard in its hosts.
    let host: BorrowedBytes
    let hosts: HostNumbers
    /// The bit of the request's method.
    let method: UInt16
    /// Nil if no route is found by a regexp.
    let regexps: UnsafeMutablePointer<RegexpMatches>?

    /// Tries what hangs below a node, most specific first: the literal child, the named one, the free wildcard.
    ///
    /// The hash of a node comes from the path alone, so the table's lines can be fetched before the ones above are compared.
    ///
    /// - Parameter start: where the segment below the node begins, one behind a slash.
    func find(
        _ node: UnsafePointer<TableSlot>, _ hash: SegmentHash, _ start: Int, _ probe: inout some RouteProbe
    ) -> Candidate? {
        // The path ends in a slash here; wildcards need something behind it.
        if start == path.count { return firstAdmitted(node, .slash, &probe) }
        let end = path.firstIndex(of: UInt8(ascii: "/"), from: start) ?? path.count
        if node.pointee.literalChildren > 0 {
            let segment = path.slice(start, end)
            let below = hash.adding(segment)
            if let child = slots.literal(node.pointee.number, below, segment), let found = descend(child, below, end, &probe) { return found }
        }
        if node.pointee.flags.contains(.hasParameterChild), end > start {
            let below = TableHash.parameter(hash)
            if let child = slots.only(.parameter, node.pointee.number, below), let found = descend(child, below, end, &probe) { return found }
        }
        return firstAdmitted(node, .below, &probe)
    }

    private func descend(
        _ node: UnsafePointer<TableSlot>, _ hash: SegmentHash, _ end: Int, _ probe: inout some RouteProbe
    ) -> Candidate? {
        end == path.count ? firstAdmitted(node, .exact, &probe) : find(node, hash, end + 1, &probe)
    }

    /// The first route of a node that the request may take.
    func firstAdmitted(_ node: UnsafePointer<TableSlot>, _ end: PatternEnd, _ probe: inout some RouteProbe) -> Candidate? {
        if node.pointee.flags.contains(.isDivided) { return firstAdmittedOfDivided(node, end, &probe) }
        probe.visits(node, hostEntries: 0)
        var tried: UnsafeMutableRawPointer?
        for candidate in TableSlot.candidates(of: node) {
            if let found = take(candidate, end, &tried, &probe) { return found }
        }
        return nil
    }

    /// Merges the routes of the request's hosts with those of any host, in the order in which they are tried.
    private func firstAdmittedOfDivided(
        _ node: UnsafePointer<TableSlot>, _ end: PatternEnd, _ probe: inout some RouteProbe
    ) -> Candidate? {
        let capacity = (host.isEmpty ? 4 : 4 + 3 * RoutingLimits.suffixLabelsMax) + (regexps?.pointee.numbers().count ?? 0)
        return withUnsafeTemporaryAllocation(of: UnsafeBufferPointer<Candidate>.self, capacity: capacity) { lists in
            lists[0] = TableSlot.candidates(of: node)
            let count = addHostLists(of: node, to: lists)
            probe.visits(node, hostEntries: count - 1)
            if count > Self.mergedListsMax { return firstAdmitted(of: lists[..<count].flatMap { $0 }, end, &probe) }
            var tried: UnsafeMutableRawPointer?
            while true {
                var first: Int?
                for index in 0..<count where !lists[index].isEmpty {
                    if let known = first, !Candidate.isTried(lists[index][0], before: lists[known][0]) { continue }
                    first = index
                }
                guard let first else { return nil }
                if let found = take(lists[first][0], end, &tried, &probe) { return found }
                lists[first] = UnsafeBufferPointer(rebasing: lists[first].dropFirst())
            }
        }
    }

    /// Lists of which each step looks at all first ones; more are put together and sorted.
    private static var mergedListsMax: Int { 64 }

    private func firstAdmitted(of candidates: [Candidate], _ end: PatternEnd, _ probe: inout some RouteProbe) -> Candidate? {
        var tried: UnsafeMutableRawPointer?
        for candidate in candidates.sorted(by: Candidate.isTried) {
            if let found = take(candidate, end, &tried, &probe) { return found }
        }
        return nil
    }

    /// Adds what a divided node has for the request's hosts behind the first list.
    ///
    /// - Returns: the number of lists.
    private func addHostLists(
        of node: UnsafePointer<TableSlot>, to lists: UnsafeMutableBufferPointer<UnsafeBufferPointer<Candidate>>
    ) -> Int {
        var count = 1
        func add(_ number: UInt32) {
            guard let slot = slots.hostRoutes(node.pointee.number, number) else { return }
            lists[count] = TableSlot.candidates(of: slot)
            count += 1
        }
        for index in 0..<hosts.count { add(hosts[index]) }
        if let regexps { for number in regexps.pointee.numbers() { add(number) } }
        if host.isEmpty { return count }
        var bases = HostBases(host)
        while let (base, _) = bases.next() {
            var labels = 0
            var start = base.count
            while start > 0, labels < RoutingLimits.suffixLabelsMax {
                start -= 1
                guard base[start] == UInt8(ascii: ".") else { continue }
                labels += 1
                if let suffix = slots.host(base.slice(start, base.count), .hostSuffix) { add(suffix.pointee.number) }
            }
        }
        return count
    }

    @inline(__always)
    private func take(
        _ candidate: Candidate, _ end: PatternEnd, _ tried: inout UnsafeMutableRawPointer?, _ probe: inout some RouteProbe
    ) -> Candidate? {
        guard candidate.ends.contains(end) else { return nil }
        let fits = candidate.methods & method != 0 && (candidate.hostID == 0 || candidate.flags.contains(.isHint) || hosts.satisfy(candidate))
        // A route of several hosts stands here once for each, one after the other; it is not asked twice, since to ask may have effects.
        if fits, tried == candidate.route.toOpaque() { return nil }
        if fits { tried = candidate.route.toOpaque() }
        return probe.admits(candidate, fits: fits) ? candidate : nil
    }
}
