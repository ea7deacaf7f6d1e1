public import Eskip
internal import Telemetry

/// The filters that routes may name.
public struct FilterRegistry: Sendable {
    private var specs: [Name: FilterSpec] = [:]
    private var disabled: Set<Name> = []
    public var environment: FilterEnvironment

    public init(environment: FilterEnvironment = FilterEnvironment()) { self.environment = environment }

    public mutating func register(_ additions: [FilterSpec]) {
        for var spec in additions {
            if let labels = environment.metrics?.labels { spec.label = labels.label(spec.name) }
            specs[Name(spec.name)] = spec
        }
    }

    /// Makes routes that use these names invalid (`-disabled-filters`).
    ///
    /// - Returns: the names that no filter has.
    @discardableResult
    public mutating func disable(_ names: [String]) -> [String] {
        names.filter { name in
            guard specs.removeValue(forKey: Name(name)) != nil else { return !isDisabled(Name(name)) }
            disabled.insert(Name(name))
            return false
        }
    }

    /// Whether there would be such a filter if it were not disabled.
    public func isDisabled(_ name: Name) -> Bool { disabled.contains(name) }

    public var names: [String] { specs.keys.map(\.text).sorted() }

    public func contains(_ name: String) -> Bool { Name(existing: name).map { specs[$0] != nil } ?? false }

    /// Whether routes may share an instance; false for names that are not registered.
    public func isStateless(_ name: Name) -> Bool { specs[name]?.isStateless ?? false }

    /// - Returns: nil if no such filter is registered (`unknown_filter`).
    public func make(_ name: Name, _ arguments: Arguments) throws(FilterArgumentError) -> FilterInstance? {
        guard let spec = specs[name] else { return nil }
        guard let metrics = environment.metrics else { return try spec.make(arguments, environment) }
        let start = ContinuousClock.now
        let instance = try spec.make(arguments, environment)
        let (seconds, attoseconds) = start.duration(to: .now).components
        metrics.withSharedShard { $0.observe(.filterCreateDuration, UInt64(seconds) * 1_000_000_000 + UInt64(attoseconds / 1_000_000_000), spec.label) }
        if case .filter(let filter) = instance { filter.metricLabel = spec.label.id }
        return instance
    }

    public func make(_ name: String, _ arguments: Arguments) throws(FilterArgumentError) -> FilterInstance? {
        try Name(existing: name).flatMap { name throws(FilterArgumentError) in try make(name, arguments) }
    }
}
