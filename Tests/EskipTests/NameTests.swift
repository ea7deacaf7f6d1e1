import Eskip
import Testing

@Suite("Interned names")
struct NameTests {
    @Test("equal texts are one name, on every thread")
    func threads() async {
        let names = await withTaskGroup(of: Name.self) { group in
            for _ in 0..<32 { group.addTask { Name("threadsOfNameTests") } }
            return await group.reduce(into: Set<Name>()) { $0.insert($1) }
        }
        #expect(names.count == 1)
        #expect(names.first?.text == "threadsOfNameTests")
    }

    @Test("the language's names are there from the start")
    func language() {
        #expect(Name("Path") == .path)
        #expect(Name("HeaderRegexp") == .headerRegexp)
        #expect(Name("Any") == .any)
        #expect(Name.method.text == "Method")
    }

    @Test("looking for a name does not make it")
    func existing() {
        #expect(Name(existing: "Host") == .host)
        #expect(Name(existing: "noSuchNameAnywhere") == nil)
        #expect(Name(existing: "noSuchNameAnywhere") == nil)
    }
}
