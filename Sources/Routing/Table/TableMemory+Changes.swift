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
        change(route, placement, scope, isInsertion: true)
    }

    /// Takes a route out; nodes that nothing is left of go with it.
    func remove(_ route: Route, _ placement: RoutePlacement, scope: UInt32) {
        change(route, placement, scope, isInsertion: false)
    }

    private func change(_ route: Route, _ placement: RoutePlacement, _ scope: UInt32, isInsertion: Bool) {
        guard let pattern = placement.pattern else {
            let hash = TableHash.rootStage(scope)
            return change(route, placement, at: Path(kind: .rootStage, parent: scope, hash: hash), ends: .exact, isInsertion)
        }
        let path = descend(pattern, scope, isInsertion)
        guard let node = path.last else { return }
        change(route, placement, at: node, ends: pattern.ends, isInsertion)
        if !isInsertion { prune(path) }
    }

    // MARK: Nodes

    /// An entry that stands for a node, by its key.
    private struct Path {
        let kind: TableSlot.Kind
        let parent: UInt32
        let hash: SegmentHash
        var segment: ArraySlice<UInt8> = []
        var number: UInt32 = 0

        func isWanted(_ slot: UnsafePointer<TableSlot>) -> Bool {
            slot.pointee.kind == kind && slot.pointee.parent == parent && segment.withUnsafeBytes { TableSlot.hasKey(slot, $0) }
        }
    }

    /// The nodes from the root to the pattern's last segment; missing ones are made, or end the walk.
    private func descend(_ pattern: PathPattern, _ scope: UInt32, _ makesNodes: Bool) -> [Path] {
        var path = [root(scope)]
        for segment in pattern.segments {
            let parent = path[path.count - 1]
            var child = switch segment {
            case .parameter: Path(kind: .parameter, parent: parent.number, hash: TableHash.parameter(parent.hash))
            case .literal(let range):
                Path(
                    kind: .literal, parent: parent.number,
                    hash: pattern.text.withUnsafeBytes { parent.hash.adding($0.slice(range.lowerBound, range.upperBound)) },
                    segment: pattern.text[range])
            }
            if let known = slots.find(child.hash.entryHash, { child.isWanted($0) }) {
                child.number = known.pointee.number
            } else {
                guard makesNodes else { return [] }
                child.number = makeNode(child, parent)
            }
            path.append(child)
        }
        return path
    }

    private func root(_ scope: UInt32) -> Path {
        var root = Path(kind: .scopeRoot, parent: 0, hash: TableHash.root(scope))
        root.number = scope
        return root
    }

    private func makeNode(_ child: Path, _ parent: Path) -> UInt32 {
        let number = nodeNumbers.take()
        child.segment.withUnsafeBytes { segment in
            slots.insert(
                TableSlot(child.kind, parent: child.parent, hash: child.hash.entryHash, number: number, key: segment, generation: generation),
                &reclaimer)
        }
        edit(parent) { slot in
            if child.kind == .parameter { slot.flags.insert(.hasParameterChild) } else { slot.literalChildren += 1 }
        }
        return number
    }

    /// Changes the entry of a node. Roots are found by their number, whatever kind of scope they are of.
    private func edit(_ node: Path, _ body: (inout TableSlot) -> Void) {
        let isRoot = node.kind == .scopeRoot
        let slot = slots.change(node.hash.entryHash, &reclaimer) { slot in
            isRoot ? slot.pointee.kind == .scopeRoot && slot.pointee.number == node.number : node.isWanted(slot)
        }
        guard let slot else { preconditionFailure("a node of the path table is missing") }
        body(&slot.pointee)
    }

    /// Removes the nodes at the end of a path that hold nothing any more.
    private func prune(_ path: [Path]) {
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

    private func change(_ route: Route, _ placement: RoutePlacement, at node: Path, ends: PatternEnd, _ isInsertion: Bool) {
        func candidate(_ host: UInt32, _ forms: HostForms, _ flags: Candidate.Flags) -> Candidate {
            Candidate(
                route: .passUnretained(route), ends: ends, hostID: host, hostForms: forms, methods: placement.methods,
                flags: placement.flags.union(flags))
        }
        guard let keys = placement.keys else {
            return changeCandidate(candidate(0, [], []), at: node, isInsertion)
        }
        for key in keys {
            let (kind, text) = (key.kind, key.text)
            let number = text.withUnsafeBytes { isInsertion ? useKey($0, kind) : keyNumber($0, kind) }
            changeCandidate(candidate(number, key.forms, key.flags), at: node, isInsertion)
            if !isInsertion { text.withUnsafeBytes { disuseKey($0, kind) } }
        }
    }

    private func changeCandidate(_ candidate: Candidate, at node: Path, _ isInsertion: Bool) {
        guard let slot = entry(of: node) else { preconditionFailure("a node of the path table is missing") }
        if slot.flags.contains(.isDivided), candidate.hostID != 0 {
            let added = changeHostRoutes(candidate, slot.number, isInsertion)
            if added != 0 { edit(node) { $0.uses = UInt32(Int($0.uses) + added) } }
        } else {
            edit(node) { isInsertion ? add(candidate, to: &$0) : remove(candidate, from: &$0) }
        }
        if isInsertion { divideIfLong(node) } else { undivideIfEmpty(node) }
    }

    private func add(_ candidate: Candidate, to slot: inout TableSlot) {
        if let list = slot.list {
            let isFilling = list.birth == generation && list.count >= Self.sortedAtOnceMax
            let writable = list.writable(generation, &reclaimer)
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

    // MARK: Divided nodes

    /// - Returns: how many entries of hosts the node has more.
    private func changeHostRoutes(_ candidate: Candidate, _ node: UInt32, _ isInsertion: Bool) -> Int {
        let hash = TableHash.hostRoutes(node, candidate.hostID)
        func isWanted(_ slot: UnsafePointer<TableSlot>) -> Bool {
            slot.pointee.kind == .hostRoutes && slot.pointee.parent == node && slot.pointee.number == candidate.hostID
        }
        if let slot = slots.change(hash, &reclaimer, where: isWanted) {
            isInsertion ? add(candidate, to: &slot.pointee) : remove(candidate, from: &slot.pointee)
            guard slot.pointee.flags.isEmpty else { return 0 }
            removeEntry(hash, where: isWanted)
            return -1
        }
        guard isInsertion else { return 0 }
        var slot = TableSlot(.hostRoutes, parent: node, hash: hash, number: candidate.hostID)
        slot.candidate = candidate
        slots.insert(slot, &reclaimer)
        return 1
    }

    private func divideIfLong(_ node: Path) {
        guard let slot = entry(of: node), !slot.flags.contains(.isDivided), let list = slot.list, list.count > Self.dividedAbove else { return }
        let candidates = Array(list.candidates)
        guard candidates.contains(where: { $0.hostID != 0 }) else { return }
        unsorted.remove(list.block)
        list.retire(generation, &reclaimer)
        edit(node) { slot in
            slot.candidate = nil
            slot.flags.insert(.isDivided)
            for candidate in candidates where candidate.hostID == 0 { add(candidate, to: &slot) }
        }
        var hosts = 0
        for candidate in candidates where candidate.hostID != 0 { hosts += changeHostRoutes(candidate, slot.number, true) }
        edit(node) { $0.uses = UInt32(hosts) }
    }

    private func undivideIfEmpty(_ node: Path) {
        guard let slot = entry(of: node), slot.flags.contains(.isDivided), slot.uses == 0 else { return }
        edit(node) { $0.flags.remove(.isDivided) }
    }

    private func entry(of node: Path) -> TableSlot? {
        if node.kind == .scopeRoot {
            return slots.find(node.hash.entryHash) { $0.pointee.kind == .scopeRoot && $0.pointee.number == node.number }?.pointee
        }
        return slots.find(node.hash.entryHash) { node.isWanted($0) }?.pointee
    }

    // MARK: Keys

    private func keyNumber(_ name: BorrowedBytes, _ kind: TableSlot.Kind) -> UInt32 { slots.view.host(name, kind)?.pointee.number ?? 0 }

    private func useKey(_ name: BorrowedBytes, _ kind: TableSlot.Kind) -> UInt32 {
        let hash = TableHash.host(name, kind)
        let known = slots.change(hash, &reclaimer) { $0.pointee.kind == kind && TableSlot.hasKey($0, name) }
        if let known {
            known.pointee.uses += 1
            return known.pointee.number
        }
        let number = hostNumbers.take()
        var slot = TableSlot(kind, parent: 0, hash: hash, number: number, key: name, generation: generation)
        slot.uses = 1
        slots.insert(slot, &reclaimer)
        count(kind, 1)
        if kind == .hostRegexp { hostRegexps.insert(number, Array(name)) }
        if kind == .pathRegexp { pathRegexps.insert(number, Array(name)) }
        return number
    }

    private func disuseKey(_ name: BorrowedBytes, _ kind: TableSlot.Kind) {
        let hash = TableHash.host(name, kind)
        func isWanted(_ slot: UnsafePointer<TableSlot>) -> Bool { slot.pointee.kind == kind && TableSlot.hasKey(slot, name) }
        guard let slot = slots.change(hash, &reclaimer, where: isWanted) else { return }
        slot.pointee.uses -= 1
        guard slot.pointee.uses == 0 else { return }
        let number = slot.pointee.number
        hostNumbers.giveBack(number)
        if kind == .hostRegexp { hostRegexps.remove(number) }
        if kind == .pathRegexp { pathRegexps.remove(number) }
        removeEntry(hash, where: isWanted)
        count(kind, -1)
    }

    private func count(_ kind: TableSlot.Kind, _ change: Int) {
        if kind == .hostName { hostCount += change }
        if kind == .hostSuffix { suffixCount += change }
    }
}
