import Bytes
import HTTP
import TestSupport
import Testing

/// Inputs that fuzzers started from or once broke something with: they are read here too, without a fuzzer.
@Suite("Kept inputs of the fuzz targets")
struct CorpusTests {
    static func inputs(_ name: String) -> [String] {
        let folder = #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(2).joined(separator: "/") + "/Fuzz/Corpus/\(name)"
        return folderEntries(folder).map { "\(folder)/\($0.name)" }.sorted()
    }

    @Test("there are some", arguments: ["request", "response", "chunked"])
    func present(name: String) { #expect(Self.inputs(name).count > 3) }

    @Test("request heads", arguments: inputs("request"))
    func requests(path: String) {
        let bytes = bytes(of: path)
        guard case .complete(let head, let count) = parseRequest(bytes) else { return }
        #expect(parseRequest(Array(bytes[..<count])) == .complete(head, count: count) && parseRequest(Array(bytes[..<(count - 1)])) == .needMore)
    }

    @Test("response heads", arguments: inputs("response"))
    func responses(path: String) {
        let bytes = Array(bytes(of: path).dropFirst())
        guard case .complete(let head, let count) = parseResponse(bytes) else { return }
        #expect(parseResponse(Array(bytes[..<count])) == .complete(head, count: count) && parseResponse(Array(bytes[..<(count - 1)])) == .needMore)
    }

    @Test("chunked bodies", arguments: inputs("chunked"))
    func chunked(path: String) {
        let bytes = bytes(of: path)
        let whole = try? Decoded([bytes])
        #expect((try? Decoded(bytes.map { [$0] })) == whole)
    }
}
