import Bytes
import Eskip
import Regexp
import Testing

@testable import Routing

@Suite("Regexps that routes are found by")
struct RegexpIndexTests {
    private func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

    private func found(_ index: RegexpIndex, _ text: String) -> Set<UInt32> { Set(text.withBytes { index.scan?.numbers($0) ?? [] }) }

    @Test("what comes and goes, in any order, is what a scan finds", arguments: 0..<4)
    func changes(seed: UInt64) {
        var random = SplitMix(seed: seed)
        var index = RegexpIndex()
        var patterns: [UInt32: String] = [:]
        var free = Array(UInt32(1)...900)
        for _ in 0..<30 {
            for _ in 0..<Int.random(in: 0...40, using: &random) {
                if let number = patterns.keys.sorted().randomElement(using: &random), Bool.random(using: &random) || free.isEmpty {
                    patterns[number] = nil
                    index.remove(number)
                    free.append(number)
                } else if let number = free.popLast() {
                    let pattern = ["a", "^a", "b", "^[ab]+"].randomElement(using: &random)! + String(Int.random(in: 0...99, using: &random))
                    patterns[number] = pattern
                    index.insert(number, bytes(pattern))
                }
            }
            index.publish()
            for text in ["a1", "xb22", "ab33", "a7a77", ""] {
                let expected = Set(patterns.filter { Self.matches($0.value, text) }.keys)
                #expect(found(index, text).isSuperset(of: expected))
                // Numbers of former patterns may be found too, never such as nobody ever had.
                #expect(found(index, text).allSatisfy { $0 <= 900 })
            }
        }
    }

    /// Of the few forms above.
    private static func matches(_ pattern: String, _ text: String) -> Bool {
        let digits = pattern.drop { !$0.isNumber }
        return switch pattern.prefix(pattern.count - digits.count) {
        case "^a": text.hasPrefix("a\(digits)")
        case "^[ab]+":
            text.drop { $0 == "a" || $0 == "b" }.hasPrefix(digits) && !text.prefix { $0 == "a" || $0 == "b" }.isEmpty
        case let letter: text.contains("\(letter)\(digits)")
        }
    }

    @Test("thousands are in few sets, and nothing is left of them when they go")
    func many() {
        var index = RegexpIndex()
        for number in 1...2000 { index.insert(UInt32(number), bytes("x\(number)y")) }
        index.publish()
        #expect(found(index, "ax1999y") == [1999])
        for number in 1...2000 { index.remove(UInt32(number)) }
        index.publish()
        #expect(index.scan == nil)
        #expect(index.count == 0)
    }

    @Test("a pattern too large for a set is tried by itself")
    func large() {
        var index = RegexpIndex()
        for number in 1...40 { index.insert(UInt32(number), bytes("^\\pL{\(number)}[0-9]")) }
        index.publish()
        #expect(found(index, "abc1") == [3])
        for number in 1...40 { index.remove(UInt32(number)) }
        index.publish()
        #expect(index.scan == nil)
    }
}

@Suite("Routes found by regexps")
struct RegexpRoutesTests {
    private let many = (0..<40).map { "h\($0): PathSubtree(\"/\") && Host(/^(?i)h\($0)[.]org$/) -> <shunt>;" }.joined(separator: "\n")

    @Test("the host's regexp finds its route among many of one path")
    func hosts() {
        let table = RoutingTable.of(many)
        for number in [0, 17, 39] { #expect(table.route(SampleRequest("/a", host: "H\(number).Org")) == "h\(number)") }
        #expect(table.route(SampleRequest("/a", host: "h40.org")) == nil)
    }

    @Test("the path's regexp finds its route among many without a path pattern")
    func paths() {
        let table = RoutingTable.of((0..<40).map { "p\($0): PathRegexp(/x\($0)$/) -> <shunt>;" }.joined(separator: "\n"))
        #expect(table.route("/a/x7") == "p7")
        #expect(table.route("/a/x7/") == nil)
    }

    @Test("the order stays: weight, then id, whichever way a route is found")
    func order() {
        let more = """
            a: PathSubtree("/") && Host(/h7/) -> <shunt>;
            b: PathSubtree("/") && Host(/^h7[.]org$/) && Weight(-5) -> <shunt>;
            c: PathSubtree("/") && Host(/[.]org$/) && Weight(3) && Header("X", "1") -> <shunt>;
            z: PathSubtree("/") -> <shunt>;
            """
        let table = RoutingTable.of(many + more)
        #expect(table.route(SampleRequest("/", host: "h7.org")) == "a")
        #expect(table.route(SampleRequest("/", host: "H7.org")) == "h7")
        #expect(table.route(SampleRequest("/", host: "h9.org", headers: [("X", "1")])) == "c")
        #expect(table.route(SampleRequest("/", host: "none")) == "z")
    }

    @Test("more matching regexps than are merged one by one")
    func allMatch() {
        let table = RoutingTable.of((0..<200).map { "r\($0): PathSubtree(\"/\") && Host(/(?i)x{0,\($0)}/) && Header(\"X\", \"\($0)\") -> <shunt>;" }.joined(separator: "\n"))
        #expect(table.route(SampleRequest("/", headers: [("X", "133")])) == "r133")
        #expect(table.route(SampleRequest("/")) == nil)
    }

    @Test("updates add and remove regexps; older tables keep theirs")
    func updates() {
        let compiler = RouteCompiler.sample()
        let first = compiler.load(many).table
        let second = compiler.load(many.replacing("h3[.]", with: "hh3[.]")).table
        #expect(first.route(SampleRequest("/", host: "h3.org")) == "h3")
        #expect(second.route(SampleRequest("/", host: "h3.org")) == nil)
        #expect(second.route(SampleRequest("/", host: "hh3.org")) == "h3")
        let last = compiler.load("a: * -> <shunt>;").table
        #expect(last.route(SampleRequest("/", host: "hh3.org")) == "a")
        #expect(last.hostScan == nil)
        #expect(compiler.memory.hostCount == 0)
    }

    @Test("a host or a regexp too long for a key is compared", arguments: [
        "^(\(String(repeating: "a", count: 5000))|b)$", "(?i)^(\(String(repeating: "a", count: 5000))|b)$", "^[ab][.]\(String(repeating: "a", count: 70_000))$|^b$",
    ])
    func long(pattern: String) {
        let table = RoutingTable.of("a: Path(\"/\") && Host(/\(pattern)/) -> <shunt>; b: * -> <shunt>;")
        #expect(table.route(SampleRequest("/", host: "b")) == "a")
        #expect(table.route(SampleRequest("/", host: "c")) == "b")
    }
}
