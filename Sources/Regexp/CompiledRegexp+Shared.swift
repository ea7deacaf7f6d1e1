internal import Synchronization

extension CompiledRegexp {
    /// The process-wide regexp of this pattern, compiled unless some part of the program holds it already.
    ///
    /// Ten thousand routes with the same pattern, and the route tables before and after an update, thus share one automaton.
    /// It is released with its last holder. For the control path: takes a lock.
    public static func shared(_ pattern: String) throws(RegexpError) -> CompiledRegexp {
        if let known = cache.withLock({ $0.known(pattern) }) { return known }
        // Compiled outside the lock; whoever comes second takes the first one's.
        let compiled = try CompiledRegexp(pattern)
        return cache.withLock { $0.keep(compiled) }
    }

    private static let cache = Mutex(SharedRegexps())
}

/// Weak references by pattern; emptied ones are swept out when the table has doubled, so that it stays in proportion.
private struct SharedRegexps {
    private struct Reference {
        weak var regexp: CompiledRegexp?
    }

    private var references: [String: Reference] = [:]
    private var sweepCount = 64

    func known(_ pattern: String) -> CompiledRegexp? { references[pattern]?.regexp }

    mutating func keep(_ compiled: CompiledRegexp) -> CompiledRegexp {
        if let known = known(compiled.pattern) { return known }
        if references.count >= sweepCount {
            references = references.filter { $0.value.regexp != nil }
            sweepCount = max(64, references.count * 2)
        }
        references[compiled.pattern] = Reference(regexp: compiled)
        return compiled
    }
}
