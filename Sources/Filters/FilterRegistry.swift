public import Eskip

/// The filters that routes may name.
public struct FilterRegistry: Sendable {
    private var specs: [String: FilterSpec] = [:]
    public var environment: FilterEnvironment

    public init(environment: FilterEnvironment = FilterEnvironment()) { self.environment = environment }

    public mutating func register(_ additions: [FilterSpec]) {
        for spec in additions { specs[spec.name] = spec }
    }

    /// Makes routes that use these names invalid (`-disabled-filters`).
    public mutating func disable(_ names: [String]) {
        for name in names { specs[name] = nil }
    }

    public var names: [String] { specs.keys.sorted() }

    public func contains(_ name: String) -> Bool { specs[name] != nil }

    /// - Returns: nil if no such filter is registered (`unknown_filter`).
    public func make(_ name: String, _ arguments: Arguments) throws(FilterArgumentError) -> FilterInstance? {
        guard let spec = specs[name] else { return nil }
        return try spec.make(arguments, environment)
    }
}
