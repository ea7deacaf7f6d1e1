/// Memory and routes that the newest table no longer refers to, until the last older table that does is gone.
///
/// Whatever the tables share has a birth, the generation of the first table with it. Retired in generation g, it was seen by the
/// tables from its birth to g - 1: it waits for the newest of those that live, then for the next older one, and is freed after
/// the last. A table that an exchange holds for hours thus keeps what itself refers to, and nothing of the updates since.
struct Reclaimer {
    enum Garbage {
        case memory(UnsafeMutableRawPointer)
        case page(UnsafeMutableRawPointer, PageMemory)
        case route(Unmanaged<Route>)

        func free() {
            switch self {
            case .memory(let memory): memory.deallocate()
            case .page(let page, let memory): memory.free(page)
            case .route(let route): route.release()
            }
        }
    }

    private struct Item {
        let garbage: Garbage
        let birth: UInt64
    }

    /// The generations of the tables that live, ascending.
    private var live: [UInt64] = []
    /// By the newest live generation that may refer to them.
    private var waiting: [UInt64: [Item]] = [:]

    /// Things that wait, for tests.
    var count: Int { waiting.values.reduce(0) { $0 + $1.count } }

    /// A table of this generation is about to be published.
    mutating func open(_ generation: UInt64) { live.append(generation) }

    /// The table of this generation is gone.
    mutating func close(_ generation: UInt64) {
        live.removeAll { $0 == generation }
        guard let items = waiting.removeValue(forKey: generation) else { return }
        for item in items { place(item, before: generation) }
    }

    /// Frees `garbage` once no table sees it that was made before `generation`.
    mutating func retire(_ garbage: Garbage, birth: UInt64, in generation: UInt64) {
        place(Item(garbage: garbage, birth: birth), before: generation)
    }

    private mutating func place(_ item: Item, before generation: UInt64) {
        if let newest = live.last(where: { $0 < generation }), newest >= item.birth {
            waiting[newest, default: []].append(item)
        } else {
            item.garbage.free()
        }
    }

    /// Frees all that waits: no table lives any more.
    mutating func freeAll() {
        for items in waiting.values { for item in items { item.garbage.free() } }
        waiting = [:]
    }
}
