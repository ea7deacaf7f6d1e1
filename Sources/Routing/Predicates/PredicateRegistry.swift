public import Eskip
internal import Filters

/// A kind of predicate: its name, its share in a route's weight, and how an instance is made of arguments.
public struct PredicateSpec: Sendable {
    public let name: Name
    /// What one such predicate adds to its route's weight (routing.md §5).
    public let weight: Int
    let make: @Sendable (Arguments, PredicateEnvironment) throws(PredicateArgumentError) -> Predicate

    public init(
        _ name: String, weight: Int = 1,
        _ make: @escaping @Sendable (Arguments, PredicateEnvironment) throws(PredicateArgumentError) -> Predicate
    ) {
        self.name = Name(name)
        self.weight = weight
        self.make = make
    }
}

/// What predicate factories need to know of the process.
public struct PredicateEnvironment: Sendable {
    /// What `Shutdown` answers by.
    public var shutdown: ShutdownFlag
    /// The zoneinfo file of an IANA zone name, nil if there is none.
    public var zoneFile: @Sendable (String) -> [UInt8]? = { ZoneFile.read($0) }
    /// The zone that `Cron` reckons in.
    public var localZone = TimeZoneRules.local()

    public init(shutdown: ShutdownFlag = ShutdownFlag()) { self.shutdown = shutdown }
}

/// The predicates that routes may name, beside those the tree itself knows (`Path`, `PathSubtree`, `PathRegexp`, `Host`,
/// `Method`, `Header`, `HeaderRegexp`, `Weight`, `Any`).
public struct PredicateRegistry: Sendable {
    private var specs: [Name: PredicateSpec] = [:]

    /// No predicates.
    public init() {}

    /// All predicates of spec/predicates.md.
    public static let standard = PredicateRegistry([
        constantPredicates, requestPredicates, cookiePredicates, addressPredicates, forwardedPredicates, trafficPredicates,
        timePredicates, tokenPredicates, digestPredicates,
    ].flatMap { $0 })

    public init(_ specs: [PredicateSpec]) { register(specs) }

    /// Adds predicates; a name that is there already is replaced.
    public mutating func register(_ additions: [PredicateSpec]) {
        for spec in additions { specs[spec.name] = spec }
    }

    public var names: [String] { specs.keys.map(\.text).sorted() }

    subscript(name: Name) -> PredicateSpec? { specs[name] }
}
