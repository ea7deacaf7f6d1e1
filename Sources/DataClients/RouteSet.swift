internal import Bytes
internal import CLinux
internal import Eskip

/// The definitions of one source by id.
///
/// Open addressing over definitions, which are numbers into their documents: 16 bytes per place, and no text beside
/// that of the documents.
struct RouteSet {
    private struct Slot {
        // In this order both take 16 bytes.
        var definition: RouteDefinition?
        var hash: UInt32 = 0
    }

    private static let slotsMin = 16

    private var slots: [Slot] = []
    private(set) var count = 0
    /// Bytes of the places.
    var byteCount: Int { slots.count * MemoryLayout<Slot>.stride }

    init() {}

    /// All routes of a document; of several with one id the last.
    init(_ definitions: some Collection<RouteDefinition>) {
        reserve(definitions.count)
        for definition in definitions { insert(definition) }
    }

    /// Unknown to authors of routes, so that they cannot choose ids that collide.
    private static let seed = UInt64.random(in: .min ... .max)

    private static func hash(_ id: BorrowedBytes) -> UInt32 {
        UInt32(truncatingIfNeeded: XXHash64.hash(id, seed: seed))
    }

    subscript(id: String) -> RouteDefinition? {
        id.withBytes { self[$0] }
    }

    subscript(id: BorrowedBytes) -> RouteDefinition? {
        find(id, RouteSet.hash(id)).map { slots[$0].definition! }
    }

    /// The definition with the id of another.
    func sameID(as definition: RouteDefinition) -> RouteDefinition? {
        definition.withIdBytes { self[$0] }
    }

    /// Whether this very definition is the one of its id, not one that says the same.
    func holds(_ definition: RouteDefinition) -> Bool {
        sameID(as: definition)?.isSameRecord(as: definition) ?? false
    }

    /// - Returns: the definition that it replaces.
    @discardableResult
    mutating func insert(_ definition: RouteDefinition) -> RouteDefinition? {
        insert(definition, definition.withIdBytes { RouteSet.hash($0) })
    }

    /// Places of many routes lie all over the memory: those of the next ones are fetched meanwhile.
    private static let fetchedAtOnce = 16

    /// Inserts definitions one after the other.
    ///
    /// - Returns: whether one of them replaced one of the same document.
    mutating func insert(contentsOf definitions: [RouteDefinition]) -> Bool {
        reserve(count + definitions.count)
        var hasRepetitions = false
        withUnsafeTemporaryAllocation(of: UInt32.self, capacity: RouteSet.fetchedAtOnce) { hashes in
            for start in stride(from: 0, to: definitions.count, by: RouteSet.fetchedAtOnce) {
                let end = min(start + RouteSet.fetchedAtOnce, definitions.count)
                for index in start..<end {
                    let hash = definitions[index].withIdBytes { RouteSet.hash($0) }
                    hashes.initializeElement(at: index - start, to: hash)
                    slots.withUnsafeBufferPointer { clinux_prefetch($0.baseAddress! + (Int(hash) & ($0.count - 1))) }
                }
                for index in start..<end {
                    let definition = definitions[index]
                    if let former = insert(definition, hashes[index - start]), former.document === definition.document { hasRepetitions = true }
                }
            }
        }
        return hasRepetitions
    }

    private mutating func insert(_ definition: RouteDefinition, _ hash: UInt32) -> RouteDefinition? {
        if count * 4 >= slots.count * 3 { resize(to: max(RouteSet.slotsMin, slots.count * 2)) }
        let found = definition.withIdBytes { find($0, hash) }
        if let found {
            let former = slots[found].definition
            slots[found].definition = definition
            return former
        }
        place(Slot(definition: definition, hash: hash))
        count += 1
        return nil
    }

    @discardableResult
    mutating func remove(_ id: String) -> RouteDefinition? {
        guard let found = id.withBytes({ find($0, RouteSet.hash($0)) }) else { return nil }
        let former = slots[found].definition
        count -= 1
        close(found)
        // As many again may go before the next time.
        if count * 8 < slots.count, slots.count > RouteSet.slotsMin { resize(to: slots.count / 4) }
        return former
    }

    func forEach(_ body: (RouteDefinition) -> Void) {
        for slot in slots {
            if let definition = slot.definition { body(definition) }
        }
    }

    mutating func reserve(_ count: Int) {
        var size = max(RouteSet.slotsMin, slots.count)
        while count * 4 >= size * 3 { size *= 2 }
        if size > slots.count { resize(to: size) }
    }

    // MARK: Places

    private func find(_ id: BorrowedBytes, _ hash: UInt32) -> Int? {
        guard !slots.isEmpty else { return nil }
        let mask = slots.count - 1
        var position = Int(hash) & mask
        while let definition = slots[position].definition {
            if slots[position].hash == hash, definition.withIdBytes({ $0.equals(id) }) { return position }
            position = (position + 1) & mask
        }
        return nil
    }

    private mutating func place(_ slot: Slot) {
        let mask = slots.count - 1
        var position = Int(slot.hash) & mask
        while slots[position].definition != nil { position = (position + 1) & mask }
        slots[position] = slot
    }

    /// Empties a place and moves those up that its taking had moved down.
    private mutating func close(_ position: Int) {
        let mask = slots.count - 1
        var hole = position
        var next = (hole + 1) & mask
        while slots[next].definition != nil {
            let home = Int(slots[next].hash) & mask
            if (next - home) & mask >= (next - hole) & mask {
                slots[hole] = slots[next]
                hole = next
            }
            next = (next + 1) & mask
        }
        slots[hole] = Slot()
    }

    private mutating func resize(to size: Int) {
        let old = slots
        slots = [Slot](repeating: Slot(), count: size)
        for slot in old where slot.definition != nil { place(slot) }
    }
}
