internal import CLinux

/// A hash table in pages that tables of several generations share: changing an entry copies one page.
///
/// Extendible hashing: the low bits of a hash choose a place in the directory, whose page holds the entry at or shortly after
/// the slot that the high bits name. A page that fills up is split in two, so growing never touches the whole table.
/// Readers see a `View`, which is plain memory and immutable; the table itself belongs to the control thread.
struct PagedTable<Entry: PagedEntry> {
    /// What readers of one generation need.
    struct View {
        let directory: UnsafePointer<UnsafeMutableRawPointer>
        let mask: UInt32

        /// Fetches the line where a search for this hash would begin and the next one, which it needs two times in three, so that
        /// what is done until then hides the wait.
        @inline(__always)
        func prefetch(_ hash: UInt32) {
            let home = UnsafeRawPointer(PagedTable.slots(directory[Int(hash & mask)]) + PagedTable.home(hash))
            clinux_prefetch(home)
            clinux_prefetch(home + 64)
        }

        /// Calls `body` with the entries of this hash one after the other, until it answers true for one.
        @inline(__always)
        func find(_ hash: UInt32, _ body: (UnsafePointer<Entry>) -> Bool) -> UnsafePointer<Entry>? {
            let slots = PagedTable.slots(directory[Int(hash & mask)])
            var index = PagedTable.home(hash)
            while true {
                let entry = UnsafePointer(slots + index)
                if entry.pointee.isVacant { return nil }
                if entry.pointee.hash == hash, body(entry) { return entry }
                index = (index + 1) & (PagedTable.slotCount - 1)
            }
        }
    }

    /// In front of a page's slots.
    private struct PageHeader {
        /// The generation that made the page; only that one may still change it.
        var birth: UInt64
        var count: Int
        /// How many low bits of the hash all entries have in common.
        var depth: Int
    }

    private static var headerBytes: Int { 64 }
    /// An update copies a few pages; larger ones make a smaller directory, which look-ups need in the cache.
    private static var slotBytes: Int { 32 * 1024 }
    fileprivate static var slotCount: Int { slotBytes / MemoryLayout<Entry>.stride }
    /// Entries of a page before it is split.
    private static var countMax: Int { slotCount * Entry.fullPercent / 100 }
    /// Pages of equal hashes cannot be split any more; 2^24 pages hold more entries than memory does.
    private static var depthMax: Int { 24 }
    /// A million pages: what is announced need not come.
    private static var reservedDepthMax: Int { 20 }

    /// Where pages come from; the reclaimer gives them back.
    private let memory: PageMemory
    private var directory: UnsafeMutablePointer<UnsafeMutableRawPointer>
    private var depth = 0
    /// The generation whose table was given the directory; nil while nobody has seen it.
    private var directoryBirth: UInt64
    private(set) var count = 0
    private(set) var pageCount = 1
    /// The generation that is being made.
    var generation: UInt64

    init(generation: UInt64) {
        self.generation = generation
        let memory = PageMemory(pageBytes: Self.headerBytes + Self.slotBytes)
        self.memory = memory
        directory = .allocate(capacity: 1)
        directory.initialize(to: Self.makePage(memory, depth: 0, birth: generation))
        directoryBirth = generation
    }

    /// Frees the directory; the pages go with their memory. Whoever calls it knows that no view is left.
    func deallocate() {
        directory.deallocate()
    }

    /// What the table of the present generation shows; nothing of it changes once `generation` has moved on.
    var view: View { View(directory: UnsafePointer(directory), mask: UInt32(1 << depth) - 1) }

    /// Bytes of pages and directory.
    var byteCount: Int { pageCount * (Self.headerBytes + Self.slotBytes) + 8 << depth }

    func find(_ hash: UInt32, _ body: (UnsafePointer<Entry>) -> Bool) -> UnsafePointer<Entry>? { view.find(hash, body) }

    /// Calls `body` with every entry, in no order.
    func forEach(_ body: (Entry) -> Void) { view.forEach(body) }

    // MARK: Changing

    /// Makes room for so many entries in a table of a few, so that it need not grow to them step by step.
    ///
    /// Rather some pages are split later than all.
    mutating func reserve(_ wanted: Int, _ reclaimer: inout Reclaimer) {
        guard depth == 0 else { return }
        var wantedDepth = 0
        while wantedDepth < Self.reservedDepthMax, wanted >> wantedDepth >= Self.countMax * 7 / 8 { wantedDepth += 1 }
        guard wantedDepth > 0 else { return }
        let page = directory[0]
        let wider = UnsafeMutablePointer<UnsafeMutableRawPointer>.allocate(capacity: 1 << wantedDepth)
        for place in 0..<(1 << wantedDepth) { (wider + place).initialize(to: Self.makePage(memory, depth: wantedDepth, birth: generation)) }
        replaceDirectory(by: wider, &reclaimer)
        depth = wantedDepth
        pageCount = 1 << wantedDepth
        let slots = Self.slots(page)
        for index in 0..<Self.slotCount where !slots[index].isVacant { Self.put(slots[index], into: directory[place(slots[index].hash)]) }
        reclaimer.retire(.page(page, memory), birth: Self.header(page).pointee.birth, in: generation)
    }

    /// The entry in a page that may be changed; valid until the next change of the table.
    mutating func change(
        _ hash: UInt32, _ reclaimer: inout Reclaimer, where isWanted: (UnsafePointer<Entry>) -> Bool
    ) -> UnsafeMutablePointer<Entry>? {
        guard let entry = find(hash, isWanted) else { return nil }
        let page = directory[place(hash)]
        let offset = UnsafeRawPointer(entry) - UnsafeRawPointer(page)
        return (writablePage(hash, &reclaimer) + offset).assumingMemoryBound(to: Entry.self)
    }

    /// Adds an entry; whether there is an equal one already is the caller's business.
    mutating func insert(_ entry: Entry, _ reclaimer: inout Reclaimer) {
        while Self.header(directory[place(entry.hash)]).pointee.count >= Self.countMax {
            guard split(entry.hash, &reclaimer) else { break }
        }
        let page = writablePage(entry.hash, &reclaimer)
        precondition(Self.header(page).pointee.count < Self.slotCount - 1, "too many equal hashes")
        Self.put(entry, into: page)
        count += 1
    }

    /// Takes an entry out and closes the gap it leaves.
    mutating func remove(_ hash: UInt32, _ reclaimer: inout Reclaimer, where isWanted: (UnsafePointer<Entry>) -> Bool) {
        guard let entry = change(hash, &reclaimer, where: isWanted) else { return }
        let page = directory[place(hash)]
        let slots = Self.slots(page)
        var gap = entry - slots
        var index = gap
        while true {
            index = (index + 1) & (Self.slotCount - 1)
            if slots[index].isVacant { break }
            // An entry may move into the gap if its home does not lie behind it.
            let distance = (index &- Self.home(slots[index].hash)) & (Self.slotCount - 1)
            if distance >= (index &- gap) & (Self.slotCount - 1) {
                slots[gap] = slots[index]
                gap = index
            }
        }
        slots[gap] = .vacant
        Self.header(page).pointee.count -= 1
        count -= 1
        while merge(hash, &reclaimer) {}
    }

    // MARK: Pages

    private func place(_ hash: UInt32) -> Int { Int(hash) & (1 << depth - 1) }

    @inline(__always)
    fileprivate static func home(_ hash: UInt32) -> Int {
        Int(hash >> UInt32(32 - slotCount.trailingZeroBitCount))
    }

    @inline(__always)
    fileprivate static func slots(_ page: UnsafeMutableRawPointer) -> UnsafeMutablePointer<Entry> {
        (page + headerBytes).assumingMemoryBound(to: Entry.self)
    }

    private static func header(_ page: UnsafeMutableRawPointer) -> UnsafeMutablePointer<PageHeader> {
        page.assumingMemoryBound(to: PageHeader.self)
    }

    private static func makePage(_ memory: PageMemory, depth: Int, birth: UInt64) -> UnsafeMutableRawPointer {
        let page = memory.allocate()
        page.bindMemory(to: PageHeader.self, capacity: 1).initialize(to: PageHeader(birth: birth, count: 0, depth: depth))
        (page + headerBytes).bindMemory(to: Entry.self, capacity: slotCount).initialize(repeating: .vacant, count: slotCount)
        return page
    }

    private static func put(_ entry: Entry, into page: UnsafeMutableRawPointer) {
        let slots = slots(page)
        var index = home(entry.hash)
        while !slots[index].isVacant { index = (index + 1) & (slotCount - 1) }
        slots[index] = entry
        header(page).pointee.count += 1
    }

    /// The page of a hash, copied first if an older table may see it.
    private mutating func writablePage(_ hash: UInt32, _ reclaimer: inout Reclaimer) -> UnsafeMutableRawPointer {
        let page = directory[place(hash)]
        guard Self.header(page).pointee.birth != generation else { return page }
        let copy = memory.allocate()
        copy.copyMemory(from: page, byteCount: Self.headerBytes + Self.slotBytes)
        Self.header(copy).pointee.birth = generation
        replace(page, by: copy, copy, hash, &reclaimer)
        return copy
    }

    /// Divides the page of a hash by its next bit; false if there is none.
    private mutating func split(_ hash: UInt32, _ reclaimer: inout Reclaimer) -> Bool {
        let page = directory[place(hash)]
        let pageDepth = Self.header(page).pointee.depth
        guard pageDepth < Self.depthMax else { return false }
        if pageDepth == depth { doubleDirectory(&reclaimer) }
        let low = Self.makePage(memory, depth: pageDepth + 1, birth: generation)
        let high = Self.makePage(memory, depth: pageDepth + 1, birth: generation)
        let slots = Self.slots(page)
        for index in 0..<Self.slotCount where !slots[index].isVacant {
            Self.put(slots[index], into: slots[index].hash >> UInt32(pageDepth) & 1 == 0 ? low : high)
        }
        pageCount += 1
        replace(page, by: low, high, hash, &reclaimer)
        return true
    }

    /// Joins the page of a hash and the one that it was split from, if both have become nearly empty: a table that has shrunk gives its
    /// memory back. What is left after it is far from the next split.
    private mutating func merge(_ hash: UInt32, _ reclaimer: inout Reclaimer) -> Bool {
        let page = directory[place(hash)]
        let pageDepth = Self.header(page).pointee.depth
        guard pageDepth > 0, Self.header(page).pointee.count <= Self.countMax / 8 else { return false }
        let other = directory[place(hash) ^ 1 << (pageDepth - 1)]
        guard Self.header(other).pointee.depth == pageDepth,
            Self.header(page).pointee.count + Self.header(other).pointee.count <= Self.countMax / 4 else { return false }
        let merged = Self.makePage(memory, depth: pageDepth - 1, birth: generation)
        for page in [page, other] {
            let slots = Self.slots(page)
            for index in 0..<Self.slotCount where !slots[index].isVacant { Self.put(slots[index], into: merged) }
        }
        makeDirectoryWritable(&reclaimer)
        for place in stride(from: Int(hash) & (1 << (pageDepth - 1) - 1), to: 1 << depth, by: 1 << (pageDepth - 1)) { directory[place] = merged }
        for page in [page, other] { reclaimer.retire(.page(page, memory), birth: Self.header(page).pointee.birth, in: generation) }
        pageCount -= 1
        return true
    }

    /// Lets all places of a page lead to its successors, by the bit after those it had in common.
    private mutating func replace(
        _ page: UnsafeMutableRawPointer, by low: UnsafeMutableRawPointer, _ high: UnsafeMutableRawPointer, _ hash: UInt32,
        _ reclaimer: inout Reclaimer
    ) {
        makeDirectoryWritable(&reclaimer)
        let pageDepth = Self.header(page).pointee.depth
        var place = Int(hash) & (1 << pageDepth - 1)
        while place < 1 << depth {
            directory[place] = place >> pageDepth & 1 == 0 ? low : high
            place += 1 << pageDepth
        }
        reclaimer.retire(.page(page, memory), birth: Self.header(page).pointee.birth, in: generation)
    }

    private mutating func doubleDirectory(_ reclaimer: inout Reclaimer) {
        let size = 1 << depth
        let doubled = UnsafeMutablePointer<UnsafeMutableRawPointer>.allocate(capacity: 2 * size)
        doubled.initialize(from: directory, count: size)
        (doubled + size).initialize(from: directory, count: size)
        replaceDirectory(by: doubled, &reclaimer)
        depth += 1
    }

    private mutating func makeDirectoryWritable(_ reclaimer: inout Reclaimer) {
        guard directoryBirth != generation else { return }
        let copy = UnsafeMutablePointer<UnsafeMutableRawPointer>.allocate(capacity: 1 << depth)
        copy.initialize(from: directory, count: 1 << depth)
        replaceDirectory(by: copy, &reclaimer)
    }

    private mutating func replaceDirectory(by new: UnsafeMutablePointer<UnsafeMutableRawPointer>, _ reclaimer: inout Reclaimer) {
        reclaimer.retire(.memory(UnsafeMutableRawPointer(directory)), birth: directoryBirth, in: generation)
        directory = new
        directoryBirth = generation
    }

}

extension PagedTable.View {
    /// Calls `body` with every entry, in no order.
    func forEach(_ body: (Entry) -> Void) {
        forEachPage { page in
            let slots = PagedTable.slots(page)
            for index in 0..<PagedTable.slotCount where !slots[index].isVacant { body(slots[index]) }
        }
    }

    /// A page stands at all places that its common bits allow; the lowest one counts.
    fileprivate func forEachPage(_ body: (UnsafeMutableRawPointer) -> Void) {
        for place in 0...Int(mask) {
            let page = directory[place]
            if place >> PagedTable.commonBits(page) == 0 { body(page) }
        }
    }
}

extension PagedTable {
    fileprivate static func commonBits(_ page: UnsafeMutableRawPointer) -> Int { header(page).pointee.depth }
}

/// What a paged table holds: plain memory, with its hash beside it.
protocol PagedEntry: BitwiseCopyable {
    var hash: UInt32 { get }
    var isVacant: Bool { get }
    static var vacant: Self { get }
    /// How full a page may be: less than all, as each search ends at a vacant slot at last.
    static var fullPercent: Int { get }
}
