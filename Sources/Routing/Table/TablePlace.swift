internal import Bytes

/// Where a route stands in the table, hashed, as plain memory: one thread finds it out, another puts the route there and
/// counts no references.
struct TablePlace: BitwiseCopyable {
    /// A segment of the path pattern.
    struct Step: BitwiseCopyable {
        let hash: SegmentHash
        let isParameter: Bool
        let segment: BorrowedBytes
    }

    struct Key: BitwiseCopyable {
        let kind: TableSlot.Kind
        let forms: HostForms
        let flags: Candidate.Flags
        let hash: UInt32
        let text: BorrowedBytes
    }

    let hasPattern: Bool
    let ends: PatternEnd
    let methods: UInt16
    let flags: Candidate.Flags
    let steps: UnsafeBufferPointer<Step>
    /// Whether only requests of the keys can be the route's.
    let isKeyed: Bool
    let keys: UnsafeBufferPointer<Key>
}

/// Memory taken piece by piece and given back all at once.
final class PlaceArena {
    private var chunks: [UnsafeMutableRawBufferPointer] = []
    private var chunk = 0
    private var offset = 0

    private static let chunkBytes = 64 * 1024

    deinit {
        for chunk in chunks { chunk.deallocate() }
    }

    /// Everything that was taken is void.
    func reset() {
        chunk = 0
        offset = 0
    }

    func take(_ byteCount: Int) -> UnsafeMutableRawPointer {
        while chunk < chunks.count, offset + byteCount > chunks[chunk].count {
            chunk += 1
            offset = 0
        }
        if chunk == chunks.count { chunks.append(.allocate(byteCount: max(byteCount, Self.chunkBytes), alignment: 16)) }
        defer { offset += (byteCount + 15) & ~15 }
        return chunks[chunk].baseAddress! + offset
    }

    func copy(_ bytes: BorrowedBytes) -> BorrowedBytes {
        let copy = UnsafeMutableRawBufferPointer(start: take(bytes.count), count: bytes.count)
        copy.copyMemory(from: bytes)
        return BorrowedBytes(copy)
    }

    func take<Element: BitwiseCopyable>(_ type: Element.Type, count: Int) -> UnsafeMutableBufferPointer<Element> {
        let memory = take(count * MemoryLayout<Element>.stride)
        return UnsafeMutableBufferPointer(start: memory.bindMemory(to: Element.self, capacity: count), count: count)
    }
}

extension RoutePlacement {
    /// - Parameter arena: holds the place's memory.
    func place(in scope: UInt32, _ arena: PlaceArena) -> TablePlace {
        TablePlace(
            hasPattern: pattern != nil, ends: pattern?.ends ?? .exact, methods: methods, flags: flags, steps: steps(scope, arena), isKeyed: keys != nil,
            keys: placedKeys(arena))
    }

    private func steps(_ scope: UInt32, _ arena: PlaceArena) -> UnsafeBufferPointer<TablePlace.Step> {
        guard let pattern else { return UnsafeBufferPointer(start: nil, count: 0) }
        let steps = arena.take(TablePlace.Step.self, count: pattern.segments.count)
        let text = pattern.text.withUnsafeBytes { arena.copy($0) }
        var hash = TableHash.root(scope)
        for (index, segment) in pattern.segments.enumerated() {
            switch segment {
            case .parameter:
                hash = TableHash.parameter(hash)
                steps[index] = TablePlace.Step(hash: hash, isParameter: true, segment: BorrowedBytes(start: nil, count: 0))
            case .literal(let range):
                let literal = text.slice(range.lowerBound, range.upperBound)
                hash = hash.adding(literal)
                steps[index] = TablePlace.Step(hash: hash, isParameter: false, segment: literal)
            }
        }
        return UnsafeBufferPointer(steps)
    }

    private func placedKeys(_ arena: PlaceArena) -> UnsafeBufferPointer<TablePlace.Key> {
        guard let keys else { return UnsafeBufferPointer(start: nil, count: 0) }
        let placed = arena.take(TablePlace.Key.self, count: keys.count)
        for (index, key) in keys.enumerated() {
            let text = key.text.withUnsafeBytes { arena.copy($0) }
            placed[index] = TablePlace.Key(kind: key.kind, forms: key.forms, flags: key.flags, hash: TableHash.host(text, key.kind), text: text)
        }
        return UnsafeBufferPointer(placed)
    }
}
