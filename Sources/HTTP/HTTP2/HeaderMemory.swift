import Bytes
import CNGHTTP2

/// Memory of header compression of one worker: entries of its tables come and go with every request, so small blocks are
/// kept for the next instead of given back, by their size in units of 16 bytes, which stands ahead of each: malloc now and
/// then gives more than it is asked for, so that its own word would move blocks from class to class. Reached by pointer; only
/// the worker's thread may call.
struct HeaderMemory: ~Copyable {
    private static let classesMax = 40
    /// Ahead of a block's bytes; with it they fill what malloc makes of 16 n + 8.
    private static let prefixBytes = 8

    private var kept: InlineArray<40, UnsafeMutableRawPointer?> = .init(repeating: nil)
    private var keptBytes = 0
    /// Blocks that malloc was asked for.
    private(set) var allocatedCount = 0
    fileprivate var operations = nghttp2_mem()

    /// Lives until `destroy`, which comes behind the last session that uses it.
    static func make() -> UnsafeMutablePointer<HeaderMemory> {
        let place = UnsafeMutablePointer<HeaderMemory>.allocate(capacity: 1)
        place.initialize(to: HeaderMemory())
        place.pointee.operations = nghttp2_mem(
            mem_user_data: UnsafeMutableRawPointer(place),
            malloc: { HeaderMemory.at($1).pointee.allocate($0) },
            free: { HeaderMemory.at($1).pointee.free($0) },
            calloc: { count, size, place in
                // nghttp2's own counts, which do not overflow.
                let block = HeaderMemory.at(place).pointee.allocate(count * size)
                block?.initializeMemory(as: UInt8.self, repeating: 0, count: count * size)
                return block
            },
            realloc: { HeaderMemory.at($2).pointee.reallocate($0, $1) })
        return place
    }

    static func destroy(_ place: UnsafeMutablePointer<HeaderMemory>) {
        for index in 0..<classesMax {
            while let block = place.pointee.kept[index] {
                place.pointee.kept[index] = block.load(as: UnsafeMutableRawPointer?.self)
                giveBack(block)
            }
        }
        place.deinitialize(count: 1)
        place.deallocate()
    }

    private static func at(_ place: UnsafeMutableRawPointer?) -> UnsafeMutablePointer<HeaderMemory> {
        place.unsafelyUnwrapped.assumingMemoryBound(to: HeaderMemory.self)
    }

    private static func giveBack(_ block: UnsafeMutableRawPointer) { cnghttp2_free(block - prefixBytes) }

    private static func sizeClass(of block: UnsafeMutableRawPointer) -> Int { (block - prefixBytes).load(as: Int.self) }

    private mutating func allocate(_ size: Int) -> UnsafeMutableRawPointer? {
        let index = max(1, (size + 15) >> 4)
        guard index < HeaderMemory.classesMax, let block = kept[index] else {
            allocatedCount += 1
            guard let start = cnghttp2_malloc(16 * index + HeaderMemory.prefixBytes) else { return nil }
            start.storeBytes(of: index, as: Int.self)
            return start + HeaderMemory.prefixBytes
        }
        kept[index] = block.load(as: UnsafeMutableRawPointer?.self)
        keptBytes -= 16 * index
        return block
    }

    private mutating func free(_ block: UnsafeMutableRawPointer?) {
        guard let block else { return }
        let index = HeaderMemory.sizeClass(of: block)
        guard index < HeaderMemory.classesMax, keptBytes < Limits.headerMemoryBytesKept else { return HeaderMemory.giveBack(block) }
        block.storeBytes(of: kept[index], as: UnsafeMutableRawPointer?.self)
        kept[index] = block
        keptBytes += 16 * index
    }

    private mutating func reallocate(_ block: UnsafeMutableRawPointer?, _ size: Int) -> UnsafeMutableRawPointer? {
        guard let block else { return allocate(size) }
        let usable = 16 * HeaderMemory.sizeClass(of: block)
        if size <= usable, size > 0 { return block }
        guard let larger = allocate(size) else { return nil }
        larger.copyMemory(from: block, byteCount: min(usable, size))
        free(block)
        return larger
    }
}

extension UnsafeMutablePointer where Pointee == HeaderMemory {
    /// What nghttp2 calls; at one place as long as the memory lives.
    var operations: UnsafeMutablePointer<nghttp2_mem> { withUnsafeMutablePointer(to: &pointee.operations) { $0 } }
}
