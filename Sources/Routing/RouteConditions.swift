internal import Filters

/// What a route asks of a request beyond what the table finds it by: path pattern, method and literal hosts.
final class RouteConditions: Sendable {
    /// One predicate but for those of the tree, and its place in the definition.
    struct Check {
        let predicate: Unmanaged<Predicate>
        let definitionIndex: Int
    }

    let weight: Int
    /// Whether a `Host` or `HostAny` is among the predicates.
    let hasHost: Bool
    /// The path parameters in the order of the pattern.
    nonisolated(unsafe) let parameterNames: UnsafeBufferPointer<ParameterName>
    /// In the order of their evaluation, cheap ones first.
    nonisolated(unsafe) let checks: UnsafeBufferPointer<Check>

    init(weight: Int, hasHost: Bool, parameters: [PathPattern.Parameter], checks: [(predicate: Predicate, definitionIndex: Int)]) {
        self.weight = weight
        self.hasHost = hasHost
        parameterNames = ParameterName.table(parameters)
        let table = UnsafeMutablePointer<Check>.allocate(capacity: checks.count)
        for (position, check) in checks.enumerated() {
            (table + position).initialize(to: Check(predicate: .passRetained(check.predicate), definitionIndex: check.definitionIndex))
        }
        self.checks = UnsafeBufferPointer(start: table, count: checks.count)
    }

    deinit {
        for check in checks { check.predicate.release() }
        checks.baseAddress?.deallocate()
        ParameterName.free(parameterNames)
    }

    /// Whether the request satisfies every predicate that the table has not answered.
    func hold(_ context: FilterContext) -> Bool { firstRefusal(context) == nil }

    /// The first check that refuses the request.
    @inline(__always)
    func firstRefusal(_ context: FilterContext) -> Int? {
        for position in 0..<checks.count where !checks[position].predicate._withUnsafeGuaranteedRef({ $0.matches(context) }) {
            return position
        }
        return nil
    }
}
