import Bytes
import CNGHTTP2

/// Memory of header compression of one worker: entries of its tables come and go with every request, so small blocks are
/// kept for the next instead of given back. They are malloc's own blocks, of its own sizes. Reached by pointer; only the
/// worker's thread may call.
struct HeaderMemory: ~Copyable {
    /// malloc's blocks hold 16 n - 8 bytes.
    private static let classesMax = 40

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
                cnghttp2_free(block)
            }
        }
        place.deinitialize(count: 1)
        place.deallocate()
    }

    private static func at(_ place: UnsafeMutableRawPointer?) -> UnsafeMutablePointer<HeaderMemory> {
        place.unsafelyUnwrapped.assumingMemoryBound(to: HeaderMemory.self)
    }

    private mutating func allocate(_ size: Int) -> UnsafeMutableRawPointer? {
        // The least block malloc has holds 24 bytes.
        let index = max(2, (size + 23) >> 4)
        guard index < HeaderMemory.classesMax, let block = kept[index] else {
            allocatedCount += 1
            return cnghttp2_malloc(16 * index - 8)
        }
        kept[index] = block.load(as: UnsafeMutableRawPointer?.self)
        keptBytes -= 16 * index
        return block
    }

    private mutating func free(_ block: UnsafeMutableRawPointer?) {
        guard let block else { return }
        let index = (Int(cnghttp2_usable_size(block)) + 8) >> 4
        guard index >= 2, index < HeaderMemory.classesMax, keptBytes < Limits.headerMemoryBytesKept else { return cnghttp2_free(block) }
        block.storeBytes(of: kept[index], as: UnsafeMutableRawPointer?.self)
        kept[index] = block
        keptBytes += 16 * index
    }

    private mutating func reallocate(_ block: UnsafeMutableRawPointer?, _ size: Int) -> UnsafeMutableRawPointer? {
        guard let block else { return allocate(size) }
        let usable = Int(cnghttp2_usable_size(block))
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
