/// Several routes of one entry in the order in which they are tried: a block of memory that is replaced to change it.
///
/// While a generation is being made its own lists grow in place and may be out of order; they are sorted before it is published.
struct CandidateList: BitwiseCopyable {
    let block: UnsafeMutableRawPointer

    private struct Header {
        let birth: UInt64
        var count: UInt32
        let capacity: UInt32
    }

    private static let headerBytes = 16

    private var header: UnsafeMutablePointer<Header> { block.assumingMemoryBound(to: Header.self) }
    private var entries: UnsafeMutablePointer<Candidate> { (block + Self.headerBytes).assumingMemoryBound(to: Candidate.self) }

    init(block: UnsafeMutableRawPointer) { self.block = block }

    init(capacity: Int, generation: UInt64) {
        block = .allocate(byteCount: Self.headerBytes + capacity * MemoryLayout<Candidate>.stride, alignment: 16)
        block.bindMemory(to: Header.self, capacity: 1).initialize(to: Header(birth: generation, count: 0, capacity: UInt32(capacity)))
        (block + Self.headerBytes).bindMemory(to: Candidate.self, capacity: capacity)
    }

    var birth: UInt64 { header.pointee.birth }
    var count: Int { Int(header.pointee.count) }

    @inline(__always)
    var candidates: UnsafeBufferPointer<Candidate> { UnsafeBufferPointer(start: entries, count: Int(header.pointee.count)) }

    /// This list if it has room and no table sees it yet, else a copy with room.
    func writable(_ generation: UInt64, _ reclaimer: inout Reclaimer) -> CandidateList {
        if birth == generation, count < Int(header.pointee.capacity) { return self }
        // Lists of older generations mostly change by one; those of this one are being filled.
        return moved(capacity: birth == generation ? 2 * count : count + 1, generation, &reclaimer)
    }

    /// This list if no table sees it yet, else a copy.
    func owned(_ generation: UInt64, _ reclaimer: inout Reclaimer) -> CandidateList {
        birth == generation ? self : moved(capacity: count, generation, &reclaimer)
    }

    private func moved(capacity: Int, _ generation: UInt64, _ reclaimer: inout Reclaimer) -> CandidateList {
        let copy = CandidateList(capacity: capacity, generation: generation)
        copy.entries.update(from: entries, count: count)
        copy.header.pointee.count = header.pointee.count
        retire(generation, &reclaimer)
        return copy
    }

    func retire(_ generation: UInt64, _ reclaimer: inout Reclaimer) {
        reclaimer.retire(.memory(block), birth: birth, in: generation)
    }

    func append(_ candidate: Candidate) {
        entries[count] = candidate
        header.pointee.count += 1
    }

    /// Puts a candidate where it belongs in a list that is in order and has room.
    func insert(_ candidate: Candidate) {
        var low = 0
        var high = count
        while low < high {
            let middle = (low + high) / 2
            if Candidate.isTried(candidate, before: entries[middle]) { high = middle } else { low = middle + 1 }
        }
        (entries + low + 1).update(from: entries + low, count: count - low)
        entries[low] = candidate
        header.pointee.count += 1
    }

    func removeAll(where isGone: (Candidate) -> Bool) {
        var kept = 0
        for index in 0..<count where !isGone(entries[index]) {
            entries[kept] = entries[index]
            kept += 1
        }
        header.pointee.count = UInt32(kept)
    }

    func sort() {
        var sorted = UnsafeMutableBufferPointer(start: entries, count: count)
        sorted.sort { Candidate.isTried($0, before: $1) }
    }
}

extension Candidate {
    static func isTried(_ left: Candidate, before right: Candidate) -> Bool {
        left.route._withUnsafeGuaranteedRef { left in
            right.route._withUnsafeGuaranteedRef { Route.isTried(left, before: $0) }
        }
    }
}

/// Candidates that are on their way out of long lists that no table sees yet: they go together, since taking each out by itself would
/// cost the square of their number.
///
/// Their routes may be gone already. A list with some of them is only appended to, and settled before it is put in order.
struct LeavingCandidates {
    private struct Key: Hashable {
        let route: UnsafeMutableRawPointer
        let host: UInt32

        init(_ candidate: Candidate) {
            route = candidate.route.toOpaque()
            host = candidate.hostID
        }
    }

    private var lists: [UnsafeMutableRawPointer: Set<Key>] = [:]

    mutating func insert(_ candidate: Candidate, of list: CandidateList) { lists[list.block, default: []].insert(Key(candidate)) }

    func contains(_ candidate: Candidate, of list: CandidateList) -> Bool { !lists.isEmpty && lists[list.block]?.contains(Key(candidate)) == true }

    func count(of list: CandidateList) -> Int { lists.isEmpty ? 0 : lists[list.block]?.count ?? 0 }

    mutating func move(from list: CandidateList, to other: CandidateList) {
        guard !lists.isEmpty, list.block != other.block else { return }
        lists[other.block] = lists.removeValue(forKey: list.block)
    }

    mutating func settle(_ list: CandidateList) {
        guard let leaving = lists.removeValue(forKey: list.block) else { return }
        list.removeAll { leaving.contains(Key($0)) }
    }

    mutating func settleAll() {
        for block in lists.keys { settle(CandidateList(block: block)) }
    }
}
