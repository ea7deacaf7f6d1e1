internal import CLinux

/// Memory of one size, for the pages of one table: cut from slabs, which the kernel is asked to back by huge pages.
///
/// A look-up among many routes touches two or three of a hundred megabytes' pages at random. With small pages each touch is first a miss of
/// the TLB, which in a virtual machine costs more than the miss of the cache. A slab of which nothing is used is given back.
///
/// Belongs to the control thread. Whoever holds a page finds its slab by its address.
final class PageMemory {
    static let slabBytes = 2 << 20
    private static let headerBytes = 64

    /// In front of a slab's pages.
    private struct Slab {
        var usedCount = 0
        /// Pages that were never used begin here.
        var freshOffset = PageMemory.headerBytes
        /// Pages that were used before; each holds the next one's address.
        var free: UnsafeMutableRawPointer?
    }

    private let pageBytes: Int
    private var slabs: Set<UnsafeMutableRawPointer> = []
    /// Those with room.
    private var roomy: [UnsafeMutableRawPointer] = []

    /// - Parameter pageBytes: a multiple of 64.
    init(pageBytes: Int) { self.pageBytes = pageBytes }

    deinit {
        for slab in slabs { slab.deallocate() }
    }

    func allocate() -> UnsafeMutableRawPointer {
        let slab = roomy.last ?? makeSlab()
        let header = Self.header(slab)
        header.pointee.usedCount += 1
        let page: UnsafeMutableRawPointer
        if let free = header.pointee.free {
            page = free
            header.pointee.free = free.load(as: UnsafeMutableRawPointer?.self)
        } else {
            page = slab + header.pointee.freshOffset
            header.pointee.freshOffset += pageBytes
        }
        if !hasRoom(header) { roomy.removeLast() }
        return page
    }

    func free(_ page: UnsafeMutableRawPointer) {
        let slab = UnsafeMutableRawPointer(bitPattern: UInt(bitPattern: page) & ~UInt(Self.slabBytes - 1)).unsafelyUnwrapped
        let header = Self.header(slab)
        if !hasRoom(header) { roomy.append(slab) }
        page.storeBytes(of: header.pointee.free, as: UnsafeMutableRawPointer?.self)
        header.pointee.free = page
        header.pointee.usedCount -= 1
        guard header.pointee.usedCount == 0, slabs.count > 1 else { return }
        slabs.remove(slab)
        roomy.removeAll { $0 == slab }
        slab.deallocate()
    }

    private func hasRoom(_ header: UnsafeMutablePointer<Slab>) -> Bool {
        header.pointee.free != nil || header.pointee.freshOffset + pageBytes <= Self.slabBytes
    }

    private func makeSlab() -> UnsafeMutableRawPointer {
        let slab = UnsafeMutableRawPointer.allocate(byteCount: Self.slabBytes, alignment: Self.slabBytes)
        // Before anything is written: what has small pages keeps them. The first slab takes only what it needs, as most tables are small.
        if !slabs.isEmpty { clinux_advise_huge(slab, Self.slabBytes) }
        slab.bindMemory(to: Slab.self, capacity: 1).initialize(to: Slab())
        slabs.insert(slab)
        roomy.append(slab)
        return slab
    }

    private static func header(_ slab: UnsafeMutableRawPointer) -> UnsafeMutablePointer<Slab> { slab.assumingMemoryBound(to: Slab.self) }
}
