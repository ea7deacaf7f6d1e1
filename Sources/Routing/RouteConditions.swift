internal import Filters

/// All that a route asks of a request: its path pattern and its other predicates.
final class RouteConditions: Sendable {
    /// One predicate but for those of the tree, and its place in the definition.
    struct Check {
        let predicate: Unmanaged<Predicate>
        let definitionIndex: Int
    }

    /// Nil puts the route into the root stage.
    let pattern: PathPattern?
    let weight: Int
    /// In the order of their evaluation, cheap ones first.
    nonisolated(unsafe) let checks: UnsafeBufferPointer<Check>

    init(pattern: PathPattern?, weight: Int, checks: [(predicate: Predicate, definitionIndex: Int)]) {
        self.pattern = pattern
        self.weight = weight
        let table = UnsafeMutablePointer<Check>.allocate(capacity: checks.count)
        for (position, check) in checks.enumerated() {
            (table + position).initialize(to: Check(predicate: .passRetained(check.predicate), definitionIndex: check.definitionIndex))
        }
        self.checks = UnsafeBufferPointer(start: table, count: checks.count)
    }

    deinit {
        for check in checks { check.predicate.release() }
        checks.baseAddress?.deallocate()
    }

    /// Whether the request satisfies every predicate but the path pattern.
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
