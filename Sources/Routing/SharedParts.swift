internal import Eskip
internal import Filters

/// Parts of compiled routes that are equal and know nothing of their route, so that many routes share one.
final class SharedParts {
    /// What conditions are that ask nothing beyond the table's own answer.
    struct ConditionsKey: Hashable {
        let weight: Int
        let hasHost: Bool
        let parameters: [PathPattern.Parameter]
    }

    private var conditions: [ConditionsKey: RouteConditions] = [:]
    private var chains: [[UInt8]: FilterChain] = [:]
    /// Sizes at which parts that nobody else holds any more are let go.
    private var conditionsSweep = RoutingLimits.sharedPartsMin
    private var chainsSweep = RoutingLimits.sharedPartsMin

    func conditions(_ key: ConditionsKey) -> RouteConditions {
        if let known = conditions[key] { return known }
        if conditions.count >= conditionsSweep { conditionsSweep = Self.sweep(&conditions) }
        let made = RouteConditions(weight: key.weight, hasHost: key.hasHost, parameters: key.parameters, checks: [])
        conditions[key] = made
        return made
    }

    /// Chains found lately by what their filters say, so that the next routes with the same ones need no key; for one update.
    private struct RecentChain {
        let definition: RouteDefinition
        let chain: FilterChain
    }

    private var recent = [RecentChain?](repeating: nil, count: 64)

    /// The chain of a route with the same filters, if one came lately.
    func recentChain(_ definition: RouteDefinition, _ hash: UInt64) -> FilterChain? {
        guard let known = recent[Int(hash & 63)], known.definition.hasFilters(of: definition) else { return nil }
        return known.chain
    }

    func noteRecent(_ chain: FilterChain, _ definition: RouteDefinition, _ hash: UInt64) {
        recent[Int(hash & 63)] = RecentChain(definition: definition, chain: chain)
    }

    /// Forgets definitions, which would keep their documents.
    func forgetRecent() {
        for index in recent.indices where recent[index] != nil { recent[index] = nil }
    }

    /// The chain of filters that are the same in every route that names them so.
    ///
    /// - Parameter key: what `FilterChain.key` made of the filters.
    func chain(_ key: [UInt8], _ make: () throws(RouteRefusalCause) -> FilterChain) throws(RouteRefusalCause) -> FilterChain {
        if let known = chains[key] { return known }
        let made = try make()
        if chains.count >= chainsSweep { chainsSweep = Self.sweep(&chains) }
        chains[key] = made
        return made
    }

    /// Lets parts go that outlived their routes, once most must have.
    ///
    /// - Parameter routeCount: each holds one chain and one condition at most.
    func sweep(for routeCount: Int) {
        let kept = RoutingLimits.sharedPartsMin + 2 * routeCount
        if conditions.count > kept { conditionsSweep = Self.sweep(&conditions) }
        if chains.count > kept { chainsSweep = Self.sweep(&chains) }
    }

    private static func sweep<Key, Part: AnyObject>(_ parts: inout [Key: Part]) -> Int {
        for key in Array(parts.keys) where isKnownUniquelyReferenced(&parts[key]!) { parts[key] = nil }
        return max(RoutingLimits.sharedPartsMin, 2 * parts.count)
    }
}
