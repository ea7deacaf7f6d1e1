public import Eskip

/// Why a route cannot be compiled; the raw value is the label `reason` of the metric (routing.md §8).
public enum RouteRefusal: String, Sendable, CaseIterable {
    case unknownFilter = "unknown_filter"
    case invalidFilterParameters = "invalid_filter_params"
    case unknownPredicate = "unknown_predicate"
    case invalidPredicateParameters = "invalid_predicate_params"
    case failedBackendSplit = "failed_backend_split"
    case invalidMatcher = "invalid_matcher"
    case other = "other"
}

/// A route that was left out, and why.
public struct RouteDiagnostic: Error, Sendable, Equatable {
    public let routeID: String
    public let refusal: RouteRefusal
    /// What was found and what is allowed.
    public let message: String
    /// Where in the source, if the route was read from one.
    public let position: SourcePosition?

    public init(routeID: String, refusal: RouteRefusal, message: String, position: SourcePosition?) {
        self.routeID = routeID
        self.refusal = refusal
        self.message = message
        self.position = position
    }
}

extension RouteDiagnostic: CustomStringConvertible {
    /// One line: `file:line:column: route "id": message; route left out`.
    public var description: String {
        let place = position.map { "\($0): " } ?? ""
        return "\(place)route \"\(routeID)\": \(message); route left out"
    }
}
