import Eskip
import TestSupport
import Testing

@testable import DataClients

@Suite("A document read again after a change")
struct LoadedDocumentTests {
    /// A document and the routes it has brought so far, as the updater keeps them.
    struct Reader {
        var document = LoadedDocument(sourceName: "r.eskip", wholeReadBytes: 0)
        var routes = RouteSet()

        mutating func read(_ text: String) throws -> String {
            try read(Array(text.utf8))
        }

        /// What the text came to: `same`, `refused` and the errors, or the changes by id.
        mutating func read(_ text: [UInt8]) throws -> String {
            let update = try TextInMemory.with(text) { readable throws(FileProblem) in try document.read(&readable, knowing: routes) }
            switch update {
            case .same: return "same"
            case .refused(let errors): return "refused " + errors.map { "\($0.position)" }.joined(separator: " ")
            case .read(let change, let text):
                for id in change.deletes { routes.remove(id) }
                for definition in change.upserts { routes.insert(definition) }
                document.accept(text, routeCount: routes.count)
                return (change.deletes.map { "-" + $0 } + Set(change.upserts.map(\.id))).sorted().joined(separator: " ")
            }
        }

        var texts: [String] {
            var texts: [String] = []
            routes.forEach { texts.append(RoutePrinter.compact.text(of: $0)) }
            return texts.sorted()
        }
    }

    @Test("only what changed is told", arguments: [
        (["a: * -> <shunt>; b: * -> <shunt>;", "a: * -> <shunt>; b: * -> <shunt>;"], ["a b", "same"]),
        (["a: * -> <shunt>; b: * -> <shunt>;", "a: * -> <shunt>; b: * -> <dynamic>;"], ["a b", "b"]),
        (["a: * -> <shunt>; b: * -> <shunt>;", "a: * -> <loopback>; b: * -> <shunt>;"], ["a b", "a"]),
        (["a: * -> <shunt>; b: * -> <shunt>;", "a: * -> <shunt>;"], ["a b", "-b"]),
        (["a: * -> <shunt>; b: * -> <shunt>;", "b: * -> <shunt>;"], ["a b", "-a"]),
        (["a: * -> <shunt>; b: * -> <shunt>;", ""], ["a b", "-a -b"]),
        (["", "a: * -> <shunt>"], ["", "a"]),
        (["a: * -> <shunt>", "a: * -> <shunt>; b: * -> <shunt>"], ["a", "b"]),
        (["a: * -> <shunt>; b: * -> <shunt>;", "b: * -> <shunt>; a: * -> <shunt>;"], ["a b", ""]),
        (["a: * -> <shunt>; b: * -> <shunt>;", "// new\na:\n* -> <shunt>; b: * -> <shunt>;"], ["a b", ""]),
        (["a: * -> <shunt>;\nb: * -> <shunt>;", "a: * -> <shunt>; //b: * -> <shunt>;"], ["a b", "-b"]),
        (["a: * -> <shunt>; b: * -> <shunt>;", "a: * -> <shunt>; c: * -> <shunt>; b: * -> <shunt>;"], ["a b", "c"]),
        (["a: * -> <shunt>; b: * -> <shunt>;", "ab: * -> <shunt>; b: * -> <shunt>;"], ["a b", "-a ab"]),
        // Of two with one id the last counts, also when one of them changes or goes.
        (["a: * -> <shunt>; b: * -> <shunt>; a: * -> <dynamic>;", "a: * -> <loopback>; b: * -> <shunt>; a: * -> <dynamic>;"], ["a b", ""]),
        (["a: * -> <shunt>; b: * -> <shunt>;", "a: * -> <shunt>; b: * -> <shunt>; a: * -> <dynamic>;", "a: * -> <shunt>; b: * -> <shunt>;"],
            ["a b", "a", "a"]),
        // Bare routes.
        (["Path(\"/\") -> <shunt>", "Path(\"/x\") -> <shunt>", "a: * -> <shunt>"], ["", "", "- a"]),
        (["a: * -> <shunt>; b: * -> <shunt>", "a: * -> <shunt>; Path(\"/\") -> <shunt>"], ["a b", "refused r.eskip:1:18"]),
        // Errors name the place in the whole text, and the last good text stays what the next is compared with.
        (["a: * -> <shunt>;\nb: * -> <shunt>;\nc: * -> <shunt>;", "a: * -> <shunt>;\nb: * -> ;\nc: * -> <shunt>;",
            "a: * -> <shunt>;\nb: * -> <shunt>;\nc: * -> <dynamic>;"], ["a b c", "refused r.eskip:2:9", "c"]),
        (["a: * -> <shunt>; b: * -> <shunt>;", "a: * -> f(\"<shunt>; b: * -> <shunt>;"], ["a b", "refused r.eskip:1:11"]),
        (["a: * -> <shunt>; b: * -> <shunt>;", "a: * -> <shunt> b: * -> <shunt>;"], ["a b", "refused r.eskip:1:17"]),
    ])
    func changes(texts: [String], expected: [String]) throws {
        var reader = Reader()
        for (text, changes) in zip(texts, expected) { #expect(try reader.read(text) == changes, "\(text)") }
    }

    @Test("a changed route in the middle knows its place, and only its own text is read")
    func place() throws {
        var reader = Reader()
        let lines = (0..<100).map { "r\($0): Path(\"/\($0)\") -> <shunt>;" }
        _ = try reader.read(lines.joined(separator: "\n"))
        var changed = lines
        changed[50] = "// a comment\nr50: Path(\"/fifty\")\n  -> nosuch() -> <shunt>;"
        #expect(try reader.read(changed.joined(separator: "\n")) == "r50")
        let route = try #require(reader.routes["r50"])
        #expect(route.position?.line == 52)
        #expect(route.filters[0].position?.description == "r.eskip:53:6")
        #expect(route.document.textBytes < 200)
        #expect(reader.routes["r51"]?.document.count == 100)
    }

    @Test("many changed routes do not keep the document they were read in")
    func smallDocuments() throws {
        var reader = Reader()
        func text(_ changed: (Int) -> Bool) -> String {
            (0..<3000).map { "r\($0): Path(\"/\($0)\") -> \(changed($0) ? "<loopback>" : "<shunt>");" }.joined(separator: "\n")
        }
        _ = try reader.read(text { _ in false })
        _ = try reader.read(text { $0 % 2 == 0 })
        let document = try #require(reader.routes["r0"]?.document)
        #expect(document.count == DataClientLimits.routesPerDocumentMax)
        #expect(reader.routes["r1"]?.document.count == 3000)
        #expect(reader.routes["r2000"]?.position?.line == 2001)
    }

    @Test("random edits come to what reading the whole text comes to", arguments: SeededRandom.seeds(40))
    func randomEdits(seed: UInt64) throws {
        var random = SeededRandom(seed)
        var text = RandomText(&random)
        var reader = Reader()
        for step in 0..<25 {
            let bytes = text.bytes
            let whole = RouteDocument.parse(bytes: bytes)
            let outcome = try reader.read(bytes)
            if whole.isValid {
                let last = RouteSet(whole.document)
                let expected = whole.document.filter { last.holds($0) }.map { RoutePrinter.compact.text(of: $0) }.sorted()
                try #require(reader.texts == expected, "seed \(seed), step \(step): \(outcome)\n\(String(decoding: bytes, as: UTF8.self))")
                try #require(reader.read(bytes) == "same" || reader.document.text == nil, "seed \(seed), step \(step)")
            } else {
                try #require(outcome.hasPrefix("refused"), "seed \(seed), step \(step): \(outcome)\n\(String(decoding: bytes, as: UTF8.self))")
            }
            text.edit(&random)
        }
    }
}

/// A document that is edited by chance, now and then into nonsense.
struct RandomText {
    private var parts: [String]

    init(_ random: inout SeededRandom) {
        parts = (0..<random.below(40)).map { RandomText.route("r\($0)", &random) }
    }

    var bytes: [UInt8] { Array(parts.joined().utf8) }

    private static func route(_ id: String, _ random: inout SeededRandom) -> String {
        let predicate = random.element(["*", "Path(\"/\(random.below(9))\")", "Path(`;`)", "Host(/a;[/]b: /)", "Path(\"//\")"])
        let filters = random.element(["", "f() -> ", "f(\"; x: * -> <shunt>;\") -> ", "f(`\\``, 1) -> g() -> ", "f() // ; y: * -> <shunt>;\n -> "])
        let backend = random.element(["<shunt>", "\"http://h\(random.below(3))\"", "<\"http://a\", \"http://b\">"])
        return "\(id)\(gap(&random)): \(predicate) -> \(filters)\(backend)\(gap(&random));" + gap(&random)
    }

    private static func gap(_ random: inout SeededRandom) -> String {
        random.element(["", "", " ", "\n", "\n", " // c ; z: * -> <shunt>;\n", "\r\n"])
    }

    /// Changes a few places at once.
    mutating func edit(_ random: inout SeededRandom) {
        for _ in 0...random.below(3) { editOnce(&random) }
        // What made no sense is taken back sooner or later.
        if random.chance(oneIn: 2) { parts.removeAll { RandomText.nonsense.contains($0) } }
    }

    private static let nonsense = ["\"", "`", "/", "//", ";", "x", "x:", "->", "\n", "// c\n", "\u{0}", " * "]

    private mutating func editOnce(_ random: inout SeededRandom) {
        let place = random.below(parts.count + 1)
        switch random.below(6) {
        case 0: parts.insert(RandomText.route("n\(random.below(1000))", &random), at: place)
        case 1: parts.insert(random.element(RandomText.nonsense), at: place)
        case 2 where place < parts.count: parts.remove(at: place)
        case 3 where place < parts.count: parts[place] = RandomText.route("r\(place)", &random)
        case 4 where place < parts.count:
            let moved = parts.remove(at: place)
            parts.insert(moved, at: random.below(parts.count + 1))
        case 5 where place < parts.count && !parts[place].isEmpty:
            var bytes = Array(parts[place].utf8)
            bytes.remove(at: random.below(bytes.count))
            parts[place] = String(decoding: bytes, as: UTF8.self)
        default: break
        }
    }
}
