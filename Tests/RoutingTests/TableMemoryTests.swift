import Eskip
import TestSupport
import Testing

@testable import Routing

@Suite("Memory that tables share")
struct TableMemoryTests {
    private func document(_ count: Int, _ suffix: String = "") -> String {
        (0..<count).map { "r\($0): Path(\"/a-long-segment-that-needs-memory-of-its-own-\($0 % 50)/\($0)\(suffix)\") && Host(/^h\($0 % 7)[.]org$/) -> count() -> <shunt>;" }
            .joined(separator: "\n")
    }

    @Test("routes go when the last table that has them goes, and not before")
    func routesEnd() throws {
        let compiler = RouteCompiler.sample()
        var first: RoutingTable? = compiler.load("a: Path(\"/a\") -> count() -> <shunt>; b: * -> <shunt>;").table
        weak let route = first?["a"]
        #expect(route != nil)
        _ = compiler.load("b: * -> <shunt>;")
        compiler.reclaim()
        #expect(route != nil, "a worker still has the first table")
        #expect(first?.route("/a") == "a")
        first = nil
        compiler.reclaim()
        #expect(route == nil)
    }

    @Test("an old table keeps what it refers to, and nothing of the updates since")
    func heldTable() throws {
        let compiler = RouteCompiler.sample()
        var held: RoutingTable? = compiler.load(document(80)).table
        for round in 0..<12 { _ = compiler.load(document(80, round.isMultiple(of: 2) ? "x" : "y")) }
        compiler.reclaim()
        let waiting = compiler.memory.reclaimer.count
        for round in 0..<12 { _ = compiler.load(document(80, round.isMultiple(of: 2) ? "x" : "y")) }
        compiler.reclaim()
        #expect(compiler.memory.reclaimer.count == waiting)
        #expect(held?.route(SampleRequest("/a-long-segment-that-needs-memory-of-its-own-3/3", host: "h3.org")) == "r3")
        held = nil
        compiler.reclaim()
        #expect(compiler.memory.reclaimer.count == 0)
    }

    @Test("what was added and taken away again leaves nothing")
    func emptied() {
        let compiler = RouteCompiler.sample()
        let before = compiler.memory.slots.count
        _ = compiler.load(document(300) + "\nx: PathSubtree(\"/:p/q\") && HostAny(\"a\",\"b\") -> <shunt>;")
        #expect(compiler.memory.slots.count > 300)
        #expect(compiler.load("").table.count == 0)
        #expect(compiler.memory.slots.count == before)
        #expect(compiler.memory.hostCount == 0)
        compiler.reclaim()
        #expect(compiler.memory.reclaimer.count == 0)
    }

    @Test("a table that has shrunk gives its pages back, and what is left is found")
    func shrunk() {
        let compiler = RouteCompiler.sample()
        var held: RoutingTable? = compiler.load(document(4000)).table
        let pages = compiler.memory.slots.pageCount
        let left = compiler.load(document(5)).table
        #expect(pages > 8 && compiler.memory.slots.pageCount <= 2 && compiler.memory.routes.pageCount == 1)
        func route(_ number: Int) -> SampleRequest {
            SampleRequest("/a-long-segment-that-needs-memory-of-its-own-\(number % 50)/\(number)", host: "h\(number % 7).org")
        }
        for number in [0, 4, 5, 3999] {
            #expect(left.route(route(number)) == (number < 5 ? "r\(number)" : nil))
            #expect(held?.route(route(number)) == "r\(number)")
        }
        held = nil
        compiler.reclaim()
        #expect(compiler.memory.reclaimer.count == 0)
    }

    @Test("a change of one route copies a few pages, whatever the number of routes")
    func smallChange() throws {
        let compiler = RouteCompiler.sample()
        let all = compiler.load(document(800)).table
        let change = RouteDocument.parse("r7: Path(\"/elsewhere\") -> <shunt>;").document
        let update = compiler.apply(RouteChange(upserts: Array(change)), clock: RouteClock(now: 1, wallTime: 1))
        #expect(compiler.memory.reclaimer.count < 16, "pages, two directories and a route")
        #expect(update.table.count == all.count)
        #expect(update.table.route("/elsewhere") == "r7")
        #expect(all.route("/elsewhere") == nil)
    }

    @Test("many routes of one node, of hosts and of none, keep their order through changes")
    func dividedNode() {
        var text = (0..<60).map { "h\($0): Path(\"/p\") && Host(/^(host\($0)[.]org[.]?(:[0-9]+)?)$/) -> <shunt>;" }
        text += ["heavy: Path(\"/p\") && Header(\"X\", \"1\") && Weight(5) -> <shunt>;", "light: Path(\"/p\") -> <shunt>;"]
        text += ["two: Path(\"/p\") && Host(/^(host1[.]org|host2[.]org)$/) && Weight(1) -> <shunt>;"]
        let compiler = RouteCompiler.sample()
        var table = compiler.load(text.joined(separator: "\n")).table
        func route(_ host: String, _ headers: [(String, String)] = []) -> String? { table.route(SampleRequest("/p", host: host, headers: headers)) }
        #expect(["host0.org", "host59.org.:80", "host1.org", "host2.org", "host1.org:80", "other"].map { route($0) } == ["h0", "h59", "two", "two", "h1", "light"])
        #expect(route("host0.org", [("X", "1")]) == "heavy")
        table = compiler.apply(RouteChange(deletes: ["heavy", "two", "h0", "light"]), clock: RouteClock(now: 1, wallTime: 1)).table
        #expect(["host0.org", "host1.org", "other"].map { route($0) } == [nil, "h1", nil])
    }

    @Test("many routes of one list go and change in one update, in whatever order, and older tables keep theirs", arguments: SeededRandom.seeds(4))
    func longList(seed: UInt64) {
        let count = 1500
        var random = SeededRandom(seed)
        func route(_ number: Int, _ weight: Int) -> String { "r\(number): Header(\"X\", \"\(number % 500)\") && Weight(\(weight)) -> <shunt>;" }
        func definitions(_ text: [String]) -> [RouteDefinition] { Array(RouteDocument.parse(text.joined(separator: "\n")).document) }
        var weights = (0..<count).map { _ in Int.random(in: 0..<9, using: &random) }
        var present = Array(repeating: true, count: count)
        let compiler = RouteCompiler.sample()
        let first = compiler.load((0..<count).map { route($0, weights[$0]) }.joined(separator: "\n")).table
        func expected(_ header: Int) -> String? {
            stride(from: header, to: count, by: 500).filter { present[$0] }.min { (-weights[$0], "r\($0)") < (-weights[$1], "r\($1)") }.map { "r\($0)" }
        }
        func found(_ table: RoutingTable, _ header: Int) -> String? { table.route(SampleRequest("/", headers: [("X", "\(header)")])) }
        let firstFound = (0..<500).map { found(first, $0) }
        for share in [0.05, 0.7, 0.95, 0.2] {
            var deletes: [String] = []
            var upserts: [String] = []
            for number in (0..<count).shuffled(using: &random) where Double.random(in: 0..<1, using: &random) < share {
                present[number] = Bool.random(using: &random)
                weights[number] = Int.random(in: 0..<9, using: &random)
                if present[number] { upserts.append(route(number, weights[number])) } else { deletes.append("r\(number)") }
                // Made and replaced in one update.
                if present[number], Int.random(in: 0..<8, using: &random) == 0 { upserts.append(route(number, weights[number])) }
            }
            let table = compiler.apply(RouteChange(upserts: definitions(upserts), deletes: deletes), clock: RouteClock(now: 1, wallTime: 1)).table
            for header in 0..<500 { #expect(found(table, header) == expected(header), "\(header)") }
            #expect(table.count == present.count { $0 })
        }
        #expect((0..<500).map { found(first, $0) } == firstFound)
    }

    @Test("wildcard hosts of one node are found by what follows the wildcard, exact ones before them only by weight and id")
    func wildcards() {
        var text = (0..<40).map { "w\($0): Path(\"/p\") && Host(/^([^.]+[.]d\($0)[.]org[.]?(:[0-9]+)?)$/) -> <shunt>;" }
        text += ["deep: Path(\"/p\") && Host(/^.+[.]x[.]d1[.]org$/) -> <shunt>;", "both: Path(\"/p\") && Host(/^(.*[.])?d2[.]org$/) && Weight(1) -> <shunt>;"]
        text += ["zz: Path(\"/p\") && Host(/^a[.]d3[.]org$/) -> <shunt>;", "odd: Path(\"/p\") && Host(/d4/) && Weight(1) -> <shunt>;"]
        let table = RoutingTable.of(text.joined(separator: "\n"))
        let expected: [(String, String?)] = [
            ("a.d0.org", "w0"), ("a.d39.org:80", "w39"), ("a.d39.org.", "w39"), ("a.b.d0.org", nil), ("d0.org", nil), ("a.x.d1.org", "deep"), ("x.d1.org", "w1"),
            ("d2.org", "both"), ("a.b.d2.org", "both"), ("a.d2.org", "both"), ("xd2.org", nil), ("a.d3.org", "w3"), ("a.d4.org", "odd"), ("", nil), (".", nil), (".d0.org", nil),
            ("a.d50.org", nil), (String(repeating: "a.", count: 100) + "d2.org", "both"),
        ]
        for (host, route) in expected { #expect(table.route(SampleRequest("/p", host: host)) == route, "\(host)") }
    }
}

@Suite("Reclaimer")
struct ReclaimerTests {
    @Test("frees after the last table that saw it, in whatever order tables end")
    func order() {
        var reclaimer = Reclaimer()
        for generation: UInt64 in 1...4 { reclaimer.open(generation) }
        // Seen by the tables 2 and 3.
        reclaimer.retire(.memory(.allocate(byteCount: 8, alignment: 8)), birth: 2, in: 4)
        reclaimer.close(3)
        #expect(reclaimer.count == 1)
        reclaimer.close(1)
        #expect(reclaimer.count == 1)
        reclaimer.close(2)
        #expect(reclaimer.count == 0)
    }

    @Test("frees at once what no living table saw")
    func atOnce() {
        var reclaimer = Reclaimer()
        reclaimer.open(1)
        reclaimer.retire(.memory(.allocate(byteCount: 8, alignment: 8)), birth: 2, in: 2)
        #expect(reclaimer.count == 0)
    }
}

@Suite("The hash table in pages")
struct PagedTableTests {
    private struct Entry: PagedEntry {
        var hash: UInt32
        var value: UInt32
        var isVacant: Bool { value == 0 }
        static let vacant = Entry(hash: 0, value: 0)
        static var fullPercent: Int { 50 }
    }

    /// Hashes of which some are equal and many have their low bits in common.
    private static func hash(_ value: UInt32) -> UInt32 { (value % 5000) &* 2_654_435_761 & (value % 3 == 0 ? 0xFFFF_FF00 : .max) }

    @Test("does what a dictionary does while it grows and shrinks, and older views see what they saw", arguments: SeededRandom.seeds(2))
    func likeSet(seed: UInt64) {
        var random = SeededRandom(seed)
        var reclaimer = Reclaimer()
        var table = PagedTable<Entry>(generation: 0)
        var present: Set<UInt32> = []
        func check(_ view: PagedTable<Entry>.View, _ expected: Set<UInt32>) {
            for value in UInt32(1)...6000 {
                #expect((view.find(Self.hash(value)) { $0.pointee.value == value } != nil) == expected.contains(value), "seed \(seed) value \(value)")
            }
            var seen: Set<UInt32> = []
            view.forEach { #expect(seen.insert($0.value).inserted) }
            #expect(seen == expected)
        }
        for phase in 0..<6 {
            let before = (table.view, present)
            reclaimer.open(UInt64(phase))
            table.generation = UInt64(phase) + 1
            for value in UInt32(1)...6000 where random.chance(oneIn: 16) != !phase.isMultiple(of: 2) {
                if phase.isMultiple(of: 2), present.remove(value) != nil {
                    table.remove(Self.hash(value), &reclaimer) { $0.pointee.value == value }
                } else if !phase.isMultiple(of: 2), present.insert(value).inserted {
                    table.insert(Entry(hash: Self.hash(value), value: value), &reclaimer)
                }
            }
            check(before.0, before.1)
            check(table.view, present)
            #expect(table.count == present.count)
            reclaimer.close(UInt64(phase))
        }
        for value in present { table.remove(Self.hash(value), &reclaimer) { $0.pointee.value == value } }
        #expect(table.count == 0 && table.pageCount == 1 && reclaimer.count == 0)
        table.deallocate()
    }
}

@Suite("Parts that routes share")
struct SharedPartsTests {
    @Test("what outlived its routes goes, once most must have")
    func sweep() {
        let parts = SharedParts()
        func conditions(_ weight: Int) -> RouteConditions { parts.conditions(.init(weight: weight, hasHost: false, parameters: [])) }
        var all = (0..<4 * RoutingLimits.sharedPartsMin).map { conditions($0) }
        let kept = all[1]
        weak let last = all.last
        all = []
        parts.sweep(for: 2 * RoutingLimits.sharedPartsMin)
        #expect(last != nil, "as many routes could hold them")
        parts.sweep(for: 1)
        #expect(last == nil)
        #expect(conditions(1) === kept)
    }
}

@Suite("Memory of pages")
struct PageMemoryTests {
    @Test("pages are distinct, come back, and slabs go when nothing of them is used")
    func reuse() {
        let memory = PageMemory(pageBytes: 4160)
        var pages: Set<UnsafeMutableRawPointer> = []
        for _ in 0..<1500 {
            let page = memory.allocate()
            page.initializeMemory(as: UInt8.self, repeating: 0xA5, count: 4160)
            #expect(UInt(bitPattern: page) % 64 == 0)
            #expect(pages.insert(page).inserted)
        }
        for page in pages { memory.free(page) }
        let again = (0..<400).map { _ in memory.allocate() }
        #expect(Set(again).count == 400)
        for page in again.shuffled() { memory.free(page) }
    }
}
