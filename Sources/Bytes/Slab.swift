/// Fixed places for objects reached by pointer; freed ones are used again first, while they are warm.
public struct Slab<Element: ~Copyable>: ~Copyable {
    private static var perChunk: Int { 64 }
    private var chunks: [UnsafeMutablePointer<Element>] = []
    private var free: [UnsafeMutablePointer<Element>] = []
    private var used = 0

    public init() {}

    deinit {
        for chunk in chunks { chunk.deallocate() }
    }

    /// Places handed out and not given back.
    public var count: Int { used - free.count }

    /// An uninitialised place.
    public mutating func allocate() -> UnsafeMutablePointer<Element> {
        if let place = free.popLast() { return place }
        let offset = used % Self.perChunk
        if offset == 0 { chunks.append(.allocate(capacity: Self.perChunk)) }
        used += 1
        return chunks[chunks.count - 1] + offset
    }

    /// Takes back a place whose element was deinitialised.
    public mutating func give(back place: UnsafeMutablePointer<Element>) { free.append(place) }
}
