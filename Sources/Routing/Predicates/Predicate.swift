public import Filters

/// A condition of one route on a request: made from its arguments when the route is compiled, shared by all workers.
///
/// Runs on a worker's loop for every candidate that its cheaper predicates let through, so it must neither block nor
/// allocate. What it remembers about a request lives in `FilterState`.
open class Predicate: @unchecked Sendable {
    public init() {}

    open func matches(_ context: FilterContext) -> Bool { true }
}

/// Why a predicate refuses its arguments: what was found and what is allowed.
public struct PredicateArgumentError: Error, Equatable, Sendable {
    public let reason: String

    public init(_ reason: String) { self.reason = reason }
}
