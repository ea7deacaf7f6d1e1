// Canonical form (eskip.md §6.3): what comparisons of fixtures and `fairway diff` go by.

extension RouteDefinition {
    /// The same route with predicates sorted by name and endpoints by address; equal to the original in every effect.
    ///
    /// The sort is stable, except that several `Header` and several `HeaderRegexp` go by the header's name, whose
    /// order says nothing (and which print in that order).
    public func canonicalized() -> RouteDefinition {
        var edit = RouteEdit()
        edit.predicates = CallList(predicatesInPrintOrder().stablySorted { $0.name < $1.name })
        if case .loadBalanced(let algorithm, let endpoints, let group) = backend {
            let sorted = endpoints.stablySorted { ($0.address, $0.zone ?? "") < ($1.address, $1.zone ?? "") }
            edit.backend = .loadBalanced(algorithm: algorithm, endpoints: sorted, group: group)
        }
        return changed(by: edit)
    }

    /// Whether both say the same, order of predicates and endpoints aside.
    public func isCanonicallyEqual(to other: RouteDefinition) -> Bool {
        self == other || canonicalized() == other.canonicalized()
    }

    /// Whether both lists hold the same routes. A list in which an id occurs twice is equal to none.
    public static func areCanonicallyEqual(
        _ left: some Collection<RouteDefinition>, _ right: some Collection<RouteDefinition>
    ) -> Bool {
        guard left.count == right.count, let left = byID(left), let right = byID(right) else { return false }
        return left.allSatisfy { id, definition in
            right[id].map { definition.isCanonicallyEqual(to: $0) } ?? false
        }
    }

    private static func byID(_ definitions: some Collection<RouteDefinition>) -> [[UInt8]: RouteDefinition]? {
        var byID: [[UInt8]: RouteDefinition] = [:]
        for definition in definitions {
            guard byID.updateValue(definition, forKey: definition.withIdBytes { Array($0) }) == nil else { return nil }
        }
        return byID
    }

    /// The predicates in the order of printing (eskip.md §6.1): the six legacy ones by kind, then the others as written.
    func predicatesInPrintOrder() -> [Call] {
        guard predicates.contains(where: { $0.nameID.isLegacyPredicate }) else { return Array(predicates) }
        return predicates.stablySorted { left, right in
            let ranks = (left.printRank, right.printRank)
            guard ranks.0 == ranks.1, left.isSortedByFirstArgument else { return ranks.0 < ranks.1 }
            return left.firstStringBytes.lexicographicallyPrecedes(right.firstStringBytes)
        }
    }
}

extension Call {
    /// The names the language knows are interned in print order.
    fileprivate var printRank: UInt32 { Swift.min(nameID.index, Name.any.index) }

    fileprivate var isSortedByFirstArgument: Bool { nameID == .header || nameID == .headerRegexp }

    fileprivate var firstStringBytes: [UInt8] { arguments.withStringBytes(at: 0) { Array($0) } ?? [] }
}

extension Collection {
    /// Sorted, with equal elements in their old order, which `sort` promises nowhere.
    func stablySorted(by precedes: (Element, Element) -> Bool) -> [Element] {
        enumerated().sorted { left, right in
            if precedes(left.element, right.element) { return true }
            return !precedes(right.element, left.element) && left.offset < right.offset
        }.map(\.element)
    }
}
