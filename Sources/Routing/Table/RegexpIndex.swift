internal import Bytes
internal import Regexp

/// The regexps that routes are found by, in sets that one pass over a text decides; for the control thread, which makes a `RegexpScan` of it
/// for each table.
///
/// A set cannot be changed, and making one of thousands takes a while, so there are several: new regexps are tried one by one until there
/// are enough for a set, and small sets are joined when more come, so that each regexp is compiled into few sets in its life. A set is
/// bounded, because what an automaton's states take grows with the regexps that are alive in it.
struct RegexpIndex {
    private struct Tier {
        let set: RegexpSet
        let members: [UInt32]
        let patterns: [String]
        var deadCount = 0
    }

    /// By number, the patterns in use.
    private var live: [UInt32: String] = [:]
    private var tiers: [Tier] = []
    /// Those in no set; they are tried one by one.
    private var single: [UInt32] = []
    /// Refused by sets: too large for one.
    private var large: Set<UInt32> = []
    private var tierOf: [UInt32: Int] = [:]
    private(set) var scan: RegexpScan?
    private var hasChanged = false

    /// Patterns of a set.
    private static let setCountMax = 256
    /// Patterns that are tried one by one.
    private static let singleCountMax = 16

    var count: Int { live.count }

    mutating func insert(_ number: UInt32, _ pattern: [UInt8]) {
        live[number] = String(decoding: pattern, as: UTF8.self)
        single.append(number)
        hasChanged = true
    }

    mutating func remove(_ number: UInt32) {
        live[number] = nil
        hasChanged = true
        large.remove(number)
        if let tier = tierOf.removeValue(forKey: number) {
            tiers[tier].deadCount += 1
        } else {
            single.removeAll { $0 == number }
        }
    }

    /// Makes the scan of what is in use now.
    mutating func publish() {
        guard hasChanged else { return }
        hasChanged = false
        let halfDead = tiers.indices.filter { 2 * tiers[$0].deadCount > tiers[$0].members.count }
        if single.count - large.count > Self.singleCountMax || !halfDead.isEmpty { regroup(halfDead) }
        scan = live.isEmpty ? nil : RegexpScan(
            sets: tiers.map { ($0.set, $0.members) },
            single: single.compactMap { number in live[number].flatMap { try? CompiledRegexp.shared($0) }.map { ($0, number) } })
    }

    /// Makes sets of single ones, of sets that are mostly dead, and of smaller sets.
    private mutating func regroup(_ halfDead: [Int]) {
        var collected = single.filter { !large.contains($0) }
        var dropped = Set(halfDead)
        for index in halfDead { collected += liveMembers(of: index) }
        for (index, tier) in tiers.enumerated().sorted(by: { $0.element.members.count < $1.element.members.count })
        where !dropped.contains(index) && tier.members.count < Self.setCountMax && tier.members.count <= collected.count {
            collected += liveMembers(of: index)
            dropped.insert(index)
        }
        tiers = tiers.indices.filter { !dropped.contains($0) }.map { tiers[$0] }
        single = Array(large)
        for start in stride(from: 0, to: collected.count, by: Self.setCountMax) {
            group(collected[start..<min(start + Self.setCountMax, collected.count)])
        }
        tierOf.removeAll(keepingCapacity: true)
        // A number may have come back with another pattern, or with the same one.
        let single = Set(single)
        for (index, tier) in tiers.enumerated() {
            for (member, pattern) in zip(tier.members, tier.patterns) where live[member] == pattern && !single.contains(member) { tierOf[member] = index }
        }
    }

    private func liveMembers(of tier: Int) -> [UInt32] {
        tiers[tier].members.filter { tierOf[$0] == tier }
    }

    /// One set, or several if it would be too large.
    private mutating func group(_ members: ArraySlice<UInt32>) {
        guard !members.isEmpty else { return }
        let patterns = members.map { live[$0] ?? "" }
        if let set = try? RegexpSet(patterns, memoryBytesMax: RoutingLimits.regexpSetBytesMax) {
            tiers.append(Tier(set: set, members: Array(members), patterns: patterns))
        } else if members.count == 1 {
            single.append(contentsOf: members)
            large.formUnion(members)
        } else {
            let middle = members.startIndex + members.count / 2
            group(members[..<middle])
            group(members[middle...])
        }
    }
}

/// Finds which of a table's regexps match a text. Immutable; any thread may scan.
final class RegexpScan: Sendable {
    private let sets: [(set: RegexpSet, numbers: [UInt32])]
    private let single: [(regexp: CompiledRegexp, number: UInt32)]

    init(sets: [(RegexpSet, [UInt32])], single: [(CompiledRegexp, UInt32)]) {
        self.sets = sets
        self.single = single
    }

    /// The numbers of the regexps that match, and perhaps of some that are not in use any more.
    func numbers(_ text: BorrowedBytes) -> [UInt32] {
        var found: [UInt32] = []
        var matches: [Int] = []
        for (set, numbers) in sets {
            set.match(text, into: &matches)
            for match in matches { found.append(numbers[match]) }
        }
        for (regexp, number) in single where regexp.matches(text) { found.append(number) }
        return found
    }
}

/// One request's scans, made when a node asks for them.
struct RegexpMatches {
    private let hostScan: RegexpScan?
    private let pathScan: RegexpScan?
    private let host: BorrowedBytes
    private let path: BorrowedBytes

    init(host: BorrowedBytes, _ hostScan: RegexpScan?, path: BorrowedBytes, _ pathScan: RegexpScan?) {
        (self.host, self.hostScan, self.path, self.pathScan) = (host, hostScan, path, pathScan)
    }

    private var found: [UInt32]?

    mutating func numbers() -> [UInt32] {
        if let found { return found }
        let all = (hostScan?.numbers(host) ?? []) + (pathScan?.numbers(path) ?? [])
        let distinct = all.count < 2 ? all : Array(Set(all))
        found = distinct
        return distinct
    }
}
