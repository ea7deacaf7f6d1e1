internal import Bytes
internal import Eskip
internal import Routing

/// What a source says is new. Ids of `upserts` and `deletes` are disjoint; of several upserts of one id, which must be of one document,
/// the last counts.
struct SourceChange {
    var upserts: [RouteDefinition] = []
    var deletes: [String] = []
    var groups: [EndpointGroupChange] = []

    var isEmpty: Bool { upserts.isEmpty && deletes.isEmpty && groups.isEmpty }
}

/// One set of all sources' routes, by id.
///
/// The order of the sources is their precedence: of several routes with one id that of the first source counts, the
/// others are kept and take its place when it goes. A change costs what it changes.
struct RouteMerge {
    /// In order of precedence.
    private(set) var sources: [RouteSet] = []

    /// An id that two sources claim.
    struct Conflict: Equatable {
        let id: String
        let winner: Int
        let loser: Int
    }

    /// What a change of one source comes to for the whole set.
    struct Outcome {
        var change = RouteChange()
        /// That came up with this change; `DataClientLimits.problemsLoggedMax` at most.
        var conflicts: [Conflict] = []
        var conflictCount = 0
    }

    /// Adds a source behind all others.
    mutating func addSource() -> Int {
        sources.append(RouteSet())
        return sources.count - 1
    }

    /// The definition that counts.
    subscript(id: BorrowedBytes) -> RouteDefinition? {
        for source in sources {
            if let definition = source[id] { return definition }
        }
        return nil
    }

    mutating func apply(_ change: SourceChange, from source: Int) -> Outcome {
        var outcome = Outcome()
        outcome.change.groups = change.groups
        for id in change.deletes { delete(id, source, &outcome) }
        var hasRepetitions = false
        if sources.count == 1 {
            outcome.change.upserts = change.upserts
            hasRepetitions = sources[source].insert(contentsOf: change.upserts)
        } else {
            sources[source].reserve(sources[source].count + change.upserts.count)
            for definition in change.upserts {
                let former = upsert(definition, source, &outcome)
                if let former, former.document === definition.document { hasRepetitions = true }
            }
        }
        if hasRepetitions { outcome.change.upserts.removeAll { sources[source].sameID(as: $0) != nil && !sources[source].holds($0) } }
        return outcome
    }

    private mutating func delete(_ id: String, _ source: Int, _ outcome: inout Outcome) {
        guard sources[source].remove(id) != nil, owner(of: id, in: 0..<source) == nil else { return }
        if let next = owner(of: id, in: source + 1..<sources.count), let definition = sources[next][id] {
            outcome.change.upserts.append(definition)
        } else {
            outcome.change.deletes.append(id)
        }
    }

    /// - Returns: what the source said of this id before.
    private mutating func upsert(_ definition: RouteDefinition, _ source: Int, _ outcome: inout Outcome) -> RouteDefinition? {
        let former = sources[source].insert(definition)
        if let winner = owner(of: definition, in: 0..<source) {
            if former == nil { outcome.add(Conflict(id: definition.id, winner: winner, loser: source)) }
            return former
        }
        outcome.change.upserts.append(definition)
        if former == nil, let loser = owner(of: definition, in: source + 1..<sources.count) {
            outcome.add(Conflict(id: definition.id, winner: source, loser: loser))
        }
        return former
    }

    /// The first of these sources that has the id.
    private func owner(of id: String, in range: Range<Int>) -> Int? {
        range.first { sources[$0][id] != nil }
    }

    private func owner(of definition: RouteDefinition, in range: Range<Int>) -> Int? {
        range.first { sources[$0].sameID(as: definition) != nil }
    }
}

extension RouteMerge.Outcome {
    mutating func add(_ conflict: RouteMerge.Conflict) {
        conflictCount += 1
        if conflicts.count < DataClientLimits.problemsLoggedMax { conflicts.append(conflict) }
    }
}
