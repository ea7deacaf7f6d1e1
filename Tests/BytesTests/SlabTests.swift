import Bytes
import TestSupport
import Testing

@Suite("Slabs")
struct SlabTests {
    @Test("places stay apart and keep what is in them", arguments: SeededRandom.seeds(4))
    func model(seed: UInt64) {
        var random = SeededRandom(seed)
        var slab = Slab<UInt64>()
        var held: [UnsafeMutablePointer<UInt64>: UInt64] = [:]
        for step in 0..<5_000 {
            if held.isEmpty || random.below(100) < 55 {
                let place = slab.allocate()
                #expect(held[place] == nil, "seed \(seed), step \(step): a place is given out twice")
                let value = random.next()
                place.initialize(to: value)
                held[place] = value
            } else {
                let (place, value) = held.randomElement(using: &random)!
                #expect(place.pointee == value, "seed \(seed), step \(step)")
                place.deinitialize(count: 1)
                slab.give(back: place)
                held[place] = nil
            }
            #expect(slab.count == held.count)
        }
    }

    @Test("the place given back last is the next one, while it is warm")
    func lastInFirstOut() {
        var slab = Slab<Int>()
        let first = slab.allocate()
        _ = slab.allocate()
        slab.give(back: first)
        #expect(slab.allocate() == first)
    }
}
