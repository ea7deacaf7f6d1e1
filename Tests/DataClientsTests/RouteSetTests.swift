import Eskip
import TestSupport
import Testing

@testable import DataClients

@Suite("Definitions by id")
struct RouteSetTests {
    @Test("does what a dictionary does", arguments: SeededRandom.seeds(4))
    func likeDictionary(seed: UInt64) {
        var random = SeededRandom(seed)
        var set = RouteSet()
        var expected: [String: RouteDefinition] = [:]
        for step in 0..<3000 {
            let id = "r\(random.below(200))"
            if random.chance(oneIn: 3) {
                #expect(set.remove(id) == expected.removeValue(forKey: id), "seed \(seed) step \(step)")
            } else {
                let definition = RouteDefinition.make(id: id, backend: .network("http://h\(random.below(3))"))
                #expect(set.insert(definition) == expected.updateValue(definition, forKey: id), "seed \(seed) step \(step)")
            }
        }
        #expect(set.count == expected.count)
        for (id, definition) in expected { #expect(set[id] == definition) }
        var seen: [String] = []
        set.forEach { seen.append($0.id) }
        #expect(seen.sorted() == expected.keys.sorted())
        #expect(set["r999"] == nil)
    }

    @Test("places go when most routes have gone, and what is left is found")
    func shrunk() {
        let document = RouteDocument.parse((0..<3000).map { "r\($0): * -> <shunt>;" }.joined()).document
        var set = RouteSet(document)
        let before = set.byteCount
        for number in 3..<3000 { #expect(set.remove("r\(number)") != nil) }
        #expect(set.byteCount * 64 <= before)
        #expect(set.count == 3 && ["r0", "r1", "r2"].allSatisfy { set[$0] != nil } && set["r3"] == nil)
    }

    @Test("an empty set finds nothing, and an empty id is an id")
    func empty() {
        var set = RouteSet()
        #expect(set["a"] == nil)
        #expect(set.remove("a") == nil)
        set.insert(RouteDefinition.make(id: "", backend: .shunt))
        #expect(set[""]?.backend == .shunt)
    }

    @Test("of several routes with one id the last counts")
    func repetitions() {
        let document = RouteDocument.parse("a: * -> <shunt>; b: * -> <shunt>; a: * -> <dynamic>;").document
        #expect(RouteSet(document).count == 2)
        #expect(RouteSet(document)["a"]?.backend == .dynamic)
        let same = RouteDocument.parse("a: * -> <shunt>; a: * -> <shunt>;").document
        #expect(same.map { RouteSet(same).holds($0) } == [false, true])
    }
}
