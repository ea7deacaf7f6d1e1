internal import Bytes
internal import Eskip

/// Where a route stands in the table: derived from its definition whenever it is put in or taken out.
struct RoutePlacement {
    let pattern: PathPattern?
    /// By which of a node's requests it can be found; nil if any may be its.
    let keys: [RouteKey]?
    let methods: UInt16
    let flags: Candidate.Flags
}

extension TableMemory {
    /// Puts a compiled route into its scope's tree or root stage.
    func insert(_ route: Route, _ placement: RoutePlacement, scope: UInt32) {
        change(.passUnretained(route), placement.place(in: scope, arena), scope, isInsertion: true)
        arena.reset()
    }

    /// Takes a route out; nodes that nothing is left of go with it.
    func remove(_ route: Route, _ placement: RoutePlacement, scope: UInt32) {
        change(.passUnretained(route), placement.place(in: scope, arena), scope, isInsertion: false)
        arena.reset()
    }

    /// Puts a route in whose place is known already.
    func insert(_ route: Unmanaged<Route>, _ place: TablePlace, scope: UInt32) {
        change(route, place, scope, isInsertion: true)
    }

    /// Fetches the lines that an insertion will need.
    @inline(__always)
    func prefetch(_ place: TablePlace, scope: UInt32) {
        let slots = slots.view
        let node = place.steps.last?.hash ?? TableHash.root(scope)
        slots.prefetch(node.entryHash)
        guard let key = place.keys.first else { return }
        slots.prefetch(key.hash)
        if dividedCount > 0, key.kind == .hostName { slots.prefetch(TableHash.hostRoutes(node.entryHash, HostNumber.usual(key.hash))) }
    }

    private func change(_ route: Unmanaged<Route>, _ place: TablePlace, _ scope: UInt32, isInsertion: Bool) {
        guard place.hasPattern else {
            let hash = TableHash.rootStage(scope)
            return change(route, place, at: Node(kind: .rootStage, parent: scope, hash: hash), isInsertion)
        }
        let path = descend(place.steps, scope, isInsertion)
        defer { giveBack(path) }
        guard let node = path.last else { return }
        change(route, place, at: node, isInsertion)
        if !isInsertion { prune(path) }
    }

    // MARK: Nodes

    /// An entry that stands for a node, by its key.
    struct Node: BitwiseCopyable {
        let kind: TableSlot.Kind
        let parent: UInt32
        let hash: SegmentHash
        var segment = BorrowedBytes(start: nil, count: 0)
        var number: UInt32 = 0

        @inline(__always)
        func isWanted(_ slot: UnsafePointer<TableSlot>) -> Bool {
            slot.pointee.kind == kind && slot.pointee.parent == parent && TableSlot.hasKey(slot, segment)
        }
    }

    /// The nodes from the root to the pattern's last segment; missing ones are made, or end the walk.
    ///
    /// - Returns: an array to be given back, so that the next walk needs no new one.
    private func descend(_ steps: UnsafeBufferPointer<TablePlace.Step>, _ scope: UInt32, _ makesNodes: Bool) -> [Node] {
        depthMax = max(depthMax, steps.count)
        var path = takeNodes()
        var parent = root(scope)
        path.append(parent)
        for step in steps {
            var child = Node(kind: step.isParameter ? .parameter : .literal, parent: parent.number, hash: step.hash, segment: step.segment)
            if let known = slots.view.find(child.hash.entryHash, { child.isWanted($0) }) {
                child.number = known.pointee.number
            } else if makesNodes {
                child.number = makeNode(child, parent)
            } else {
                path.removeAll(keepingCapacity: true)
                return path
            }
            path.append(child)
            parent = child
        }
        return path
    }

    private func takeNodes() -> [Node] {
        defer { spareNodes = [] }
        return spareNodes
    }

    private func giveBack(_ nodes: consuming [Node]) {
        nodes.removeAll(keepingCapacity: true)
        spareNodes = nodes
    }

    private func root(_ scope: UInt32) -> Node {
        Node(kind: .scopeRoot, parent: 0, hash: TableHash.root(scope), number: scope)
    }

    private func makeNode(_ child: Node, _ parent: Node) -> UInt32 {
        let number = nodeNumbers.take()
        slots.insert(
            TableSlot(child.kind, parent: child.parent, hash: child.hash.entryHash, number: number, key: child.segment, generation: generation),
            &reclaimer)
        edit(parent) { slot in
            if child.kind == .parameter { slot.flags.insert(.hasParameterChild) } else { slot.literalChildren += 1 }
        }
        return number
    }

    /// Changes the entry of a node. Roots are found by their number, whatever kind of scope they are of.
    private func edit(_ node: Node, _ body: (inout TableSlot) -> Void) {
        let isRoot = node.kind == .scopeRoot
        let slot = slots.change(node.hash.entryHash, &reclaimer) { slot in
            isRoot ? slot.pointee.kind == .scopeRoot && slot.pointee.number == node.number : node.isWanted(slot)
        }
        guard let slot else { preconditionFailure("a node of the path table is missing") }
        body(&slot.pointee)
    }

    /// Removes the nodes at the end of a path that hold nothing any more.
    private func prune(_ path: [Node]) {
        for index in path.indices.dropFirst().reversed() {
            let node = path[index], parent = path[index - 1]
            guard let slot = slots.find(node.hash.entryHash, { node.isWanted($0) }), slot.pointee.hasNothing else { return }
            removeEntry(node.hash.entryHash) { node.isWanted($0) }
            nodeNumbers.giveBack(node.number)
            edit(parent) { slot in
                if node.kind == .parameter { slot.flags.remove(.hasParameterChild) } else { slot.literalChildren -= 1 }
            }
        }
    }

    /// Takes an entry out with all the memory that it has for itself.
    func removeEntry(_ hash: UInt32, where isWanted: (UnsafePointer<TableSlot>) -> Bool) {
        guard let slot = slots.find(hash, isWanted)?.pointee else { return }
        slots.remove(hash, &reclaimer, where: isWanted)
        slot.longKey.map { reclaimer.retire(.memory($0.block), birth: $0.birth, in: generation) }
    }

    // MARK: Routes of a node

    /// Candidates at one node before those with literal hosts get entries of their own: as many as a few lines of memory hold.
    private static var dividedAbove: Int { 16 }

    private func change(_ route: Unmanaged<Route>, _ place: TablePlace, at node: Node, _ isInsertion: Bool) {
        func candidate(_ host: UInt32, _ forms: HostForms, _ flags: Candidate.Flags) -> Candidate {
            Candidate(route: route, ends: place.ends, hostID: host, hostForms: forms, methods: place.methods, flags: place.flags.union(flags))
        }
        guard place.isKeyed else { return changeCandidate(candidate(0, [], []), at: node, isInsertion) }
        for key in place.keys {
            let number = isInsertion ? useKey(key) : keyNumber(key)
            changeCandidate(candidate(number, key.forms, key.flags), at: node, isInsertion)
            if !isInsertion { disuseKey(key) }
        }
    }

    private func changeCandidate(_ candidate: Candidate, at node: Node, _ isInsertion: Bool) {
        guard let slot = entry(of: node) else { preconditionFailure("a node of the path table is missing") }
        if slot.pointee.flags.contains(.isDivided), candidate.hostID != 0 {
            let added = changeHostRoutes(candidate, node, slot.pointee.number, isInsertion)
            if added != 0 { edit(node) { $0.uses = UInt32(Int($0.uses) + added) } }
            if !isInsertion { undivideIfEmpty(node) }
        } else {
            edit(node) { isInsertion ? add(candidate, to: &$0) : remove(candidate, from: &$0) }
            if isInsertion { divideIfLong(node, candidate) } else { undivideIfEmpty(node) }
        }
    }

    private func add(_ candidate: Candidate, to slot: inout TableSlot) {
        if let list = slot.list {
            // A new route may be where one that leaves was.
            if leaving.contains(candidate, of: list) { leaving.settle(list) }
            let isFilling = list.birth == generation && (list.count >= Self.sortedAtOnceMax || leaving.count(of: list) > 0)
            let writable = list.writable(generation, &reclaimer)
            leaving.move(from: list, to: writable)
            if unsorted.remove(list.block) != nil || isFilling {
                writable.append(candidate)
                unsorted.insert(writable.block)
            } else {
                writable.insert(candidate)
            }
            slot.list = writable
        } else if let other = slot.candidate {
            let list = CandidateList(capacity: 2, generation: generation)
            list.append(other)
            list.insert(candidate)
            slot.list = list
        } else {
            slot.candidate = candidate
        }
    }

    /// Candidates of a list that every insertion keeps in order; longer ones that are being filled are sorted at the end.
    private static var sortedAtOnceMax: Int { 64 }

    private func remove(_ candidate: Candidate, from slot: inout TableSlot) {
        func isGone(_ other: Candidate) -> Bool {
            other.route.toOpaque() == candidate.route.toOpaque() && other.hostID == candidate.hostID
        }
        guard let list = slot.list else {
            if slot.candidate.map(isGone) == true { slot.candidate = nil }
            return
        }
        if list.count >= Self.leavingTogetherMin { return leave(candidate, &slot, list) }
        let kept = list.candidates.filter { !isGone($0) }
        let isSorted = unsorted.remove(list.block) == nil
        list.retire(generation, &reclaimer)
        if kept.count <= 1 {
            slot.candidate = kept.first
        } else {
            let shorter = CandidateList(capacity: kept.count, generation: generation)
            for candidate in kept { shorter.append(candidate) }
            slot.list = shorter
            if !isSorted { unsorted.insert(shorter.block) }
        }
    }

    /// Candidates of a list from which they go together.
    private static var leavingTogetherMin: Int { 256 }

    private func leave(_ candidate: Candidate, _ slot: inout TableSlot, _ list: CandidateList) {
        let owned = list.owned(generation, &reclaimer)
        slot.list = owned
        leaving.insert(candidate, of: owned)
        // Half of them at a time, so that shorter lists have none that leave.
        if 2 * leaving.count(of: owned) >= owned.count { leaving.settle(owned) }
    }

    // MARK: Divided nodes

    /// - Returns: how many entries of hosts the node has more.
    private func changeHostRoutes(_ candidate: Candidate, _ node: Node, _ number: UInt32, _ isInsertion: Bool) -> Int {
        let hash = TableHash.hostRoutes(node.hash.entryHash, candidate.hostID)
        func isWanted(_ slot: UnsafePointer<TableSlot>) -> Bool {
            slot.pointee.kind == .hostRoutes && slot.pointee.parent == number && slot.pointee.number == candidate.hostID
        }
        if let slot = slots.change(hash, &reclaimer, where: isWanted) {
            isInsertion ? add(candidate, to: &slot.pointee) : remove(candidate, from: &slot.pointee)
            guard slot.pointee.flags.isEmpty else { return 0 }
            removeEntry(hash, where: isWanted)
            return -1
        }
        guard isInsertion else { return 0 }
        // Who asks for the host finds its name here.
        let name = hostEntry(candidate.hostID).map { TableSlot.key(of: $0) }.flatMap { $0.count <= TableSlot.Kind.hostRoutes.inlineKeyBytes ? $0 : nil }
        var slot = TableSlot(
            .hostRoutes, parent: number, hash: hash, number: candidate.hostID, key: name ?? BorrowedBytes(start: nil, count: 0), generation: generation)
        slot.candidate = candidate
        slots.insert(slot, &reclaimer)
        return 1
    }

    private func divideIfLong(_ node: Node, _ added: Candidate) {
        guard let slot = entry(of: node)?.pointee, !slot.flags.contains(.isDivided), let list = slot.list, list.count > Self.dividedAbove else { return }
        // A longer list that was not divided has no hosts but this one.
        guard added.hostID != 0 || list.count == Self.dividedAbove + 1 else { return }
        leaving.settle(list)
        let candidates = Array(list.candidates)
        guard candidates.contains(where: { $0.hostID != 0 }) else { return }
        unsorted.remove(list.block)
        list.retire(generation, &reclaimer)
        dividedCount += 1
        edit(node) { slot in
            slot.candidate = nil
            slot.flags.insert(.isDivided)
            for candidate in candidates where candidate.hostID == 0 { add(candidate, to: &slot) }
        }
        var hosts = 0
        for candidate in candidates where candidate.hostID != 0 { hosts += changeHostRoutes(candidate, node, slot.number, true) }
        edit(node) { $0.uses = UInt32(hosts) }
    }

    private func undivideIfEmpty(_ node: Node) {
        guard let slot = entry(of: node), slot.pointee.flags.contains(.isDivided), slot.pointee.uses == 0 else { return }
        dividedCount -= 1
        edit(node) { $0.flags.remove(.isDivided) }
    }

    private func entry(of node: Node) -> UnsafePointer<TableSlot>? {
        if node.kind == .scopeRoot {
            return slots.view.find(node.hash.entryHash) { $0.pointee.kind == .scopeRoot && $0.pointee.number == node.number }
        }
        return slots.view.find(node.hash.entryHash) { node.isWanted($0) }
    }

    // MARK: Keys

    private func keyNumber(_ key: TablePlace.Key) -> UInt32 { slots.view.key(key)?.pointee.number ?? 0 }

    private func useKey(_ key: TablePlace.Key) -> UInt32 {
        if let known = slots.change(key.hash, &reclaimer, where: { $0.pointee.kind == key.kind && TableSlot.hasKey($0, key.text) }) {
            known.pointee.uses += 1
            return known.pointee.number
        }
        let number = key.kind == .hostName ? makeHostNumber(key.hash) : keyNumbers.take()
        var slot = TableSlot(key.kind, parent: 0, hash: key.hash, number: number, key: key.text, generation: generation)
        slot.uses = 1
        slots.insert(slot, &reclaimer)
        count(key.kind, 1)
        if key.kind == .hostRegexp { hostRegexps.insert(number, Array(key.text)) }
        if key.kind == .pathRegexp { pathRegexps.insert(number, Array(key.text)) }
        return number
    }

    private func makeHostNumber(_ hash: UInt32) -> UInt32 {
        hostEntry(HostNumber.usual(hash)) == nil ? HostNumber.usual(hash) : keyNumbers.take()
    }

    /// The entry of a host that has its number by its hash.
    private func hostEntry(_ number: UInt32) -> UnsafePointer<TableSlot>? {
        guard number & HostNumber.hashed != 0 else { return nil }
        let view = slots.view
        func isWanted(_ slot: UnsafePointer<TableSlot>) -> Bool { slot.pointee.kind == .hostName && slot.pointee.number == number }
        // Two hashes have it in common.
        return view.find(number, isWanted) ?? view.find(number & ~HostNumber.hashed, isWanted)
    }

    private func disuseKey(_ key: TablePlace.Key) {
        func isWanted(_ slot: UnsafePointer<TableSlot>) -> Bool { slot.pointee.kind == key.kind && TableSlot.hasKey(slot, key.text) }
        guard let slot = slots.change(key.hash, &reclaimer, where: isWanted) else { return }
        slot.pointee.uses -= 1
        guard slot.pointee.uses == 0 else { return }
        let number = slot.pointee.number
        if number & HostNumber.hashed == 0 { keyNumbers.giveBack(number) }
        if key.kind == .hostRegexp { hostRegexps.remove(number) }
        if key.kind == .pathRegexp { pathRegexps.remove(number) }
        removeEntry(key.hash, where: isWanted)
        count(key.kind, -1)
    }

    private func count(_ kind: TableSlot.Kind, _ change: Int) {
        if kind == .hostName { hostCount += change }
        if kind == .hostSuffix { suffixCount += change }
    }
}
