import Eskip
import FoundationEssentials
import Testing

@Suite("The fuzz corpus")
struct CorpusTests {
    static let folder = "\(#filePath)".split(separator: "/").dropLast(2).reduce("") { "\($0)/\($1)" } + "/Fuzz/Corpus/eskip"

    static let files = ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).sorted()

    @Test("is where the tests look for it")
    func exists() {
        #expect(CorpusTests.files.contains("routes.eskip"))
    }

    @Test("every input is read or refused, and what is read prints", arguments: files)
    func replay(file: String) throws {
        let bytes = try #require(FileManager.default.contents(atPath: "\(CorpusTests.folder)/\(file)"))
        let parsed = RouteDocument.parse(bytes: Array(bytes), sourceName: file)
        #expect(parsed.errors.allSatisfy { !$0.rendered.isEmpty })
        for route in parsed.document { #expect(route.detached() == route) }
        if parsed.isValid {
            var printed: [UInt8] = []
            RoutePrinter.pretty.append(routes: parsed.document, to: &printed)
            let again = RouteDocument.parse(bytes: printed)
            #expect(again.errors.map(\.description) == [])
            #expect(zip(again.document, parsed.document).allSatisfy { $0.isCanonicallyEqual(to: $1) })
        }
        let text = String(decoding: bytes, as: UTF8.self)
        for list in [CallList.parsePredicates(text), CallList.parseFilters(text)] where list.isValid {
            #expect(list.calls.values.count == list.calls.count)
        }
    }
}
