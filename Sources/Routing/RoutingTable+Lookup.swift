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
        if found.flags.contains(.hasParameters) { setParameters(found, context) }
        return found.route
    }

    /// The usual one, the rest of a subtree's path, comes without a look at the route.
    private func setParameters(_ found: Candidate, _ context: FilterContext) {
        if let segment = found.flags.restSegment { return context.setRest(behind: segment, options: options) }
        found.route._withUnsafeGuaranteedRef { context.setParameters(of: $0, options: options) }
    }

    /// Asks `probe` about the routes whose path pattern and literal host fit, in the order in which they are tried.
    func find(_ context: FilterContext, _ probe: inout some RouteProbe) -> Candidate? {
        let host = context.request.host
        let path = options.trimmed(context.request.matchPath)
        if hostScan == nil, pathScan == nil { return find(context, path, host, nil, &probe) }
        var regexps = RegexpMatches(host: host, hostScan, path: context.request.matchPath, pathScan)
        return withUnsafeMutablePointer(to: &regexps) { find(context, path, host, $0, &probe) }
    }

    @inline(__always)
    private func find(
        _ context: FilterContext, _ path: BorrowedBytes, _ host: BorrowedBytes, _ regexps: UnsafeMutablePointer<RegexpMatches>?, _ probe: inout some RouteProbe
    ) -> Candidate? {
        let isLarge = count >= RoutingLimits.prefetchedMin
        let hostHash = hasHosts ? TableHash.host(host, .hostName, seed) : 0
        let scope = hasScopes ? ScopeView(slots.scope(of: host), in: slots) : shared
        let isNamed = hasDivided && PathWalk.mayBeNamed(host)
        return withUnsafeTemporaryAllocation(of: PathStep.self, capacity: PathStep.countMax) { steps in
            let stepCount = scope.root == nil ? 0 : PathStep.read(path, scope.rootHash, seed, to: UnsafeMutableBufferPointer(rebasing: steps[..<stepCountMax]))
            var walk = PathWalk(
                slots: slots, seed: seed, path: path, steps: UnsafeMutableBufferPointer(rebasing: steps[..<stepCount]), host: host, hostHash: hostHash, hasHosts: hasHosts,
                hasSuffixes: hasSuffixes, isNamed: isNamed, hasDivided: hasDivided, fetches: isLarge, method: 1 << UInt16(context.request.method.rawValue), regexps: regexps)
            if isLarge {
                walk.fetch(from: scope.root)
                // The host's line comes first, unless the walk has more to ask for.
                if !hasDivided { walk.learnHosts() }
            }
            if let root = scope.root, !path.isEmpty, let found = walk.find(below: root, scope.rootHash, &probe) { return found }
            return scope.rootStage.flatMap { walk.firstAdmitted($0, .exact, &probe) }
        }
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
    let seed: UInt64
    let path: BorrowedBytes
    /// The path's first segments.
    let steps: UnsafeMutableBufferPointer<PathStep>
    let host: BorrowedBytes
    /// Of the whole host's entry.
    let hostHash: UInt32
    let hasHosts: Bool
    /// Whether some route has a wildcard in its hosts.
    let hasSuffixes: Bool
    /// Whether entries of the host's routes may tell its name.
    let isNamed: Bool
    /// Whether some node's hosts have entries of their own.
    let hasDivided: Bool
    /// Whether the table is so large that what is asked for next is fetched ahead.
    let fetches: Bool
    /// The bit of the request's method.
    let method: UInt16
    /// Nil if no route is found by a regexp.
    let regexps: UnsafeMutablePointer<RegexpMatches>?
    /// Once they are known.
    private var hosts = HostNumbers()
    private var knowsHosts = false

    init(
        slots: PagedTable<TableSlot>.View, seed: UInt64, path: BorrowedBytes, steps: UnsafeMutableBufferPointer<PathStep>, host: BorrowedBytes, hostHash: UInt32, hasHosts: Bool,
        hasSuffixes: Bool, isNamed: Bool, hasDivided: Bool, fetches: Bool, method: UInt16, regexps: UnsafeMutablePointer<RegexpMatches>?
    ) {
        self.slots = slots
        self.seed = seed
        self.path = path
        self.steps = steps
        self.host = host
        self.hostHash = hostHash
        self.hasHosts = hasHosts
        self.hasSuffixes = hasSuffixes
        self.isNamed = isNamed
        self.hasDivided = hasDivided
        self.fetches = fetches
        self.method = method
        self.regexps = regexps
    }

    /// Fetches the lines that the walk probably needs, all at once, so that the misses of the TLB that come before those of the
    /// cache overlap too: a processor goes on behind one of them no further than its reorder buffer reaches.
    @inline(__always)
    func fetch(from root: UnsafePointer<TableSlot>?) {
        // Where most hosts have routes at the root, the entries of their routes tell who they are.
        if hasHosts, !isNamed || root?.pointee.flags.contains(.isDivided) != true { slots.prefetch(hostHash) }
        for step in steps.reversed() { slots.prefetch(step.hash.entryHash) }
    }

    /// Tries what hangs below a root, most specific first: goes down by the path's own segments as far as there are nodes for them,
    /// and tries on the way back what is less specific.
    mutating func find(below root: UnsafePointer<TableSlot>, _ rootHash: SegmentHash, _ probe: inout some RouteProbe) -> Candidate? {
        var node = root
        var start = 1
        var depth = 0
        while depth < steps.count {
            steps[depth].node = node
            let end = steps[depth].end
            guard node.pointee.literalChildren > 0, let child = slots.literal(node.pointee.number, steps[depth].hash, path.part(start, end)) else { break }
            node = child
            start = end &+ 1
            depth &+= 1
        }
        if fetches, hasDivided {
            // First what is asked for first; the others' misses hide behind its own.
            fetchHostRoutes(of: node)
            for step in steps[..<depth].reversed() { fetchHostRoutes(of: step.node.unsafelyUnwrapped) }
        }
        if depth == steps.count {
            let hash = depth == 0 ? rootHash : steps[depth &- 1].hash
            if let found = start > path.count ? firstAdmitted(node, .exact, &probe) : find(node, hash, start, &probe) { return found }
            depth &-= 1
        }
        while depth >= 0 {
            let (hash, start) = depth == 0 ? (rootHash, 1) : (steps[depth &- 1].hash, steps[depth &- 1].end &+ 1)
            if let found = findLessSpecific(steps[depth].node.unsafelyUnwrapped, hash, start, steps[depth].end, &probe) { return found }
            depth &-= 1
        }
        return nil
    }

    /// Tries what hangs below a node that is reached by other segments than the path's own, or deep down: the literal child, the named
    /// one, the free wildcard.
    ///
    /// - Parameter start: where the segment below the node begins, one behind a slash.
    private mutating func find(_ node: UnsafePointer<TableSlot>, _ hash: SegmentHash, _ start: Int, _ probe: inout some RouteProbe) -> Candidate? {
        // The path ends in a slash here; wildcards need something behind it.
        if start == path.count { return firstAdmitted(node, .slash, &probe) }
        let end = path.endOfSegment(from: start)
        if node.pointee.literalChildren > 0 {
            let segment = path.part(start, end)
            let below = hash.adding(segment, seed)
            if let child = slots.literal(node.pointee.number, below, segment), let found = descend(child, below, end, &probe) { return found }
        }
        return findLessSpecific(node, hash, start, end, &probe)
    }

    @inline(__always)
    private mutating func findLessSpecific(
        _ node: UnsafePointer<TableSlot>, _ hash: SegmentHash, _ start: Int, _ end: Int, _ probe: inout some RouteProbe
    ) -> Candidate? {
        if node.pointee.flags.contains(.hasParameterChild), end > start {
            let below = TableHash.parameter(hash)
            if let child = slots.only(.parameter, node.pointee.number, below), let found = descend(child, below, end, &probe) { return found }
        }
        return node.pointee.hasRoutes ? firstAdmitted(node, .below, &probe) : nil
    }

    private mutating func descend(_ node: UnsafePointer<TableSlot>, _ hash: SegmentHash, _ end: Int, _ probe: inout some RouteProbe) -> Candidate? {
        end == path.count ? firstAdmitted(node, .exact, &probe) : find(node, hash, end + 1, &probe)
    }

    /// Fetches the routes that a divided node has for the host, by the number that the host probably has.
    @inline(__always)
    private func fetchHostRoutes(of node: UnsafePointer<TableSlot>) {
        guard node.pointee.flags.contains(.isDivided) else { return }
        slots.prefetch(TableHash.hostRoutes(node.pointee.hash, HostNumber.usual(hostHash), seed))
    }

    /// The first route of a node that the request may take.
    mutating func firstAdmitted(_ node: UnsafePointer<TableSlot>, _ end: PatternEnd, _ probe: inout some RouteProbe) -> Candidate? {
        if node.pointee.flags.contains(.isDivided) { return firstAdmittedOfDivided(node, end, &probe) }
        probe.visits(node, hostEntries: 0)
        return firstAdmitted(of: TableSlot.candidates(of: node), end, &probe)
    }

    @inline(__always)
    private mutating func firstAdmitted(
        of candidates: UnsafeBufferPointer<Candidate>, _ end: PatternEnd, _ probe: inout some RouteProbe
    ) -> Candidate? {
        var tried: UnsafeMutableRawPointer?
        for candidate in candidates {
            if let found = take(candidate, end, &tried, &probe) { return found }
        }
        return nil
    }

    /// Merges the routes of the request's hosts with those of any host, in the order in which they are tried.
    private mutating func firstAdmittedOfDivided(
        _ node: UnsafePointer<TableSlot>, _ end: PatternEnd, _ probe: inout some RouteProbe
    ) -> Candidate? {
        let named = knowsHosts || !isNamed ? nil : slots.hostRoutes(node, of: host, hostHash, seed)
        if let named { know(HostNumbers(plain: named.pointee.number)) } else { learnHosts() }
        let own = TableSlot.candidates(of: node)
        if own.isEmpty, hosts.count <= 1, regexps == nil, !hasSuffixes {
            // One list at most: nothing to merge.
            let routes = named ?? (hosts.count == 0 ? nil : slots.hostRoutes(node, hosts[0], seed))
            probe.visits(node, hostEntries: routes == nil ? 0 : 1)
            return routes.flatMap { firstAdmitted(of: TableSlot.candidates(of: $0), end, &probe) }
        }
        let capacity = (hasSuffixes ? 4 + 3 * RoutingLimits.suffixLabelsMax : 4) + (regexps?.pointee.numbers().count ?? 0)
        return withUnsafeTemporaryAllocation(of: UnsafeBufferPointer<Candidate>.self, capacity: capacity) { lists in
            lists[0] = own
            let count = addHostLists(of: node, to: lists)
            probe.visits(node, hostEntries: count - 1)
            if count > Self.mergedListsMax { return firstAdmittedOfMany(lists[..<count].flatMap { $0 }, end, &probe) }
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

    private mutating func firstAdmittedOfMany(_ candidates: [Candidate], _ end: PatternEnd, _ probe: inout some RouteProbe) -> Candidate? {
        candidates.sorted(by: Candidate.isTried).withUnsafeBufferPointer { firstAdmitted(of: $0, end, &probe) }
    }

    /// Adds what a divided node has for the request's hosts behind the first list.
    ///
    /// - Returns: the number of lists.
    private func addHostLists(
        of node: UnsafePointer<TableSlot>, to lists: UnsafeMutableBufferPointer<UnsafeBufferPointer<Candidate>>
    ) -> Int {
        var count = 1
        func add(_ number: UInt32) {
            guard let slot = slots.hostRoutes(node, number, seed) else { return }
            lists[count] = TableSlot.candidates(of: slot)
            count += 1
        }
        for index in 0..<hosts.count { add(hosts[index]) }
        if let regexps { for number in regexps.pointee.numbers() { add(number) } }
        if !hasSuffixes || host.isEmpty { return count }
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

    /// Looks the host up, once: as late as possible, since its entry is on its way while the path is walked.
    @inline(__always)
    mutating func learnHosts() {
        if knowsHosts || !hasHosts { return }
        know(HostNumbers(host, hash: hostHash, in: slots))
    }

    private mutating func know(_ numbers: HostNumbers) {
        hosts = numbers
        knowsHosts = true
    }

    /// Whether a host has one form only, short enough for the entries of its routes.
    @inline(__always)
    static func mayBeNamed(_ host: BorrowedBytes) -> Bool {
        guard let last = host.last else { return false }
        return host.count <= TableSlot.Kind.hostRoutes.inlineKeyBytes && !HostBases.mayHaveMore(last)
    }

    private mutating func satisfiesHost(of candidate: Candidate) -> Bool {
        learnHosts()
        return hosts.satisfy(candidate)
    }

    @inline(__always)
    private mutating func take(
        _ candidate: Candidate, _ end: PatternEnd, _ tried: inout UnsafeMutableRawPointer?, _ probe: inout some RouteProbe
    ) -> Candidate? {
        guard candidate.ends.contains(end) else { return nil }
        let fits = candidate.methods & method != 0 && (candidate.hostID == 0 || candidate.flags.contains(.isHint) || satisfiesHost(of: candidate))
        // A route of several hosts stands here once for each, one after the other; it is not asked twice, since to ask may have effects.
        if fits, tried == candidate.route.toOpaque() { return nil }
        if fits { tried = candidate.route.toOpaque() }
        return probe.admits(candidate, fits: fits) ? candidate : nil
    }
}
