internal import Filters
internal import Synchronization

/// Whether the process is on its way out; set once, when SIGTERM arrives.
public final class ShutdownFlag: Sendable {
    private let flag = Atomic(false)

    public init() {}

    public var isSet: Bool { flag.load(ordering: .relaxed) }

    public func set() { flag.store(true, ordering: .relaxed) }
}

/// `True`, `False`.
final class ConstantPredicate: Predicate, @unchecked Sendable {
    private let value: Bool

    init(_ value: Bool) { self.value = value }

    override func matches(_ context: FilterContext) -> Bool { value }
}

/// `Shutdown`.
final class ShutdownPredicate: Predicate, @unchecked Sendable {
    private let flag: ShutdownFlag

    init(_ flag: ShutdownFlag) { self.flag = flag }

    override func matches(_ context: FilterContext) -> Bool { flag.isSet }
}

extension PredicateRegistry {
    static let constantPredicates = [
        PredicateSpec("True") { _, _ in ConstantPredicate(true) },
        PredicateSpec("False") { _, _ in ConstantPredicate(false) },
        PredicateSpec("Shutdown") { _, environment in ShutdownPredicate(environment.shutdown) },
    ]
}
