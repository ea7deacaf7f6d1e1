internal import CRE2

/// Many patterns matched against a text in one pass.
///
/// Immutable; any thread may match with it. Patterns that can match only at the beginning of the text are kept in an automaton of
/// their own, whose states shrink as soon as the text rules patterns out, so thousands of `^(host)$` cost little more than one.
public final class RegexpSet: @unchecked Sendable {
    // Unchecked because of the pointers; compiled RE2 sets are safe to share and live as long as `self`.
    private let parts: [Part]
    private let patterns: [String]

    private struct Part {
        let set: OpaquePointer
        /// The caller's index by the index within `set`.
        let indices: [Int]
    }

    /// Compiles the patterns; the first that RE2 refuses is thrown, and `.programTooLarge` with an empty pattern when all together
    /// exceed the memory (split them then).
    ///
    /// A caller that must not lose the good ones for a bad one compiles each alone before.
    public init(_ patterns: [String], memoryBytesMax: Int = RegexpLimits.setMemoryBytesMax) throws(RegexpError) {
        var translated: [[UInt8]] = []
        for pattern in patterns { translated.append(try GoDialect.translate(pattern)) }
        let anchored = translated.indices.filter { GoDialect.isAnchored(translated[$0]) }
        let floating = translated.indices.filter { !GoDialect.isAnchored(translated[$0]) }
        var parts: [Part] = []
        do throws(RegexpError) {
            for (indices, isAnchored) in [(anchored, true), (floating, false)] where !indices.isEmpty {
                parts.append(Part(set: try Self.compile(indices, of: translated, isAnchored, patterns, memoryBytesMax), indices: indices))
            }
        } catch {
            for part in parts { cre2_set_free(part.set) }
            throw error
        }
        self.parts = parts
        self.patterns = patterns
    }

    deinit {
        for part in parts { cre2_set_free(part.set) }
    }

    private static func compile(
        _ indices: [Int], of translated: [[UInt8]], _ isAnchored: Bool, _ patterns: [String], _ memoryBytesMax: Int
    ) throws(RegexpError) -> OpaquePointer {
        guard let set = cre2_set_new(isAnchored, Int64(memoryBytesMax)) else {
            throw RegexpError(pattern: "", reason: .internalFailure)
        }
        for index in indices {
            let added = translated[index].withUnsafeBytes { cre2_set_add(set, $0.characters, $0.count) }
            guard added < 0 else { continue }
            cre2_set_free(set)
            // Compiled alone, the pattern says why.
            _ = try CompiledRegexp(patterns[index])
            throw RegexpError(pattern: patterns[index], reason: .internalFailure)
        }
        guard cre2_set_compile(set) else {
            cre2_set_free(set)
            throw RegexpError(pattern: "", reason: .programTooLarge)
        }
        return set
    }

    /// Replaces the contents of `matches` by the ascending indices of all patterns that match somewhere in the text.
    ///
    /// - Complexity: O(text) plus matches; RE2 allocates one block per call in proportion to the set. Should the
    ///   automaton's memory not suffice for a text, its patterns are tried one by one.
    public func match(_ text: UnsafeRawBufferPointer, into matches: inout [Int]) {
        matches.removeAll(keepingCapacity: true)
        SearchableText.with(text) { searchable in
            for part in parts where !match(part, searchable.bytes, &matches) {
                matchOneByOne(part, searchable.bytes, &matches)
            }
        }
        if matches.count > 1 { matches.sort() }
    }

    public func match(_ text: String) -> [Int] {
        var text = text
        var matches: [Int] = []
        text.withUTF8 { match(UnsafeRawBufferPointer($0), into: &matches) }
        return matches
    }

    /// False if the automaton ran out of memory.
    private func match(_ part: Part, _ text: UnsafeRawBufferPointer, _ matches: inout [Int]) -> Bool {
        withUnsafeTemporaryAllocation(of: Int32.self, capacity: part.indices.count) { found in
            let count = cre2_set_match(part.set, text.characters, text.count, found.baseAddress, Int32(found.count))
            guard count >= 0 else { return false }
            for index in found.prefix(Int(count)) { matches.append(part.indices[Int(index)]) }
            return true
        }
    }

    private func matchOneByOne(_ part: Part, _ text: UnsafeRawBufferPointer, _ matches: inout [Int]) {
        for index in part.indices {
            guard let regexp = try? CompiledRegexp.shared(patterns[index]), regexp.matches(text) else { continue }
            matches.append(index)
        }
    }
}
