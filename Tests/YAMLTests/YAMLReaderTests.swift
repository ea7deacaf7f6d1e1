import Testing
import YAML

/// A tree as JSON-like text, so that expectations can be read.
private func render(_ node: YAMLNode) -> String {
    switch node.content {
    case .scalar(let scalar):
        switch scalar.value {
        case .null: "null"
        case .bool(let value): "\(value)"
        case .integer(let value): "\(value)"
        case .float(let value): "float \(value)"
        case .string(let value): "'\(value)'"
        }
    case .sequence(let elements): "[" + elements.map(render).joined(separator: ", ") + "]"
    case .mapping(let entries): "{" + entries.map { "\($0.key): \(render($0.value))" }.joined(separator: ", ") + "}"
    }
}

private func parsed(_ text: String, limits: YAMLLimits = YAMLLimits()) throws -> String {
    render(try YAMLReader.document(text.utf8, limits: limits))
}

private func refusal(_ text: String, limits: YAMLLimits = YAMLLimits()) -> String? {
    do throws(YAMLError) {
        _ = try YAMLReader.document(text.utf8, limits: limits)
        return nil
    } catch {
        return error.description
    }
}

@Suite("YAML documents become trees")
struct YAMLReaderTests {
    @Test("values of all kinds", arguments: [
        ("", "null"),
        ("# only a comment\n", "null"),
        ("address: :9090", "{address: ':9090'}"),
        ("a: 1\nb: -2\nc: 0x1F\nd: 0o17", "{a: 1, b: -2, c: 31, d: 15}"),
        ("[1.5, 1e3, .5, .inf]", "[float 1.5, float 1000.0, float 0.5, float inf]"),
        ("[true, False, yes, off]", "[true, false, 'yes', 'off']"),
        ("[~, null, '', \"\"]", "[null, null, '', '']"),
        ("['1', \"true\", !!str 5]", "['1', 'true', '5']"),
        ("[1.2.3, inf, nan, 0x, 1_000, 99999999999999999999]", "['1.2.3', 'inf', 'nan', '0x', '1_000', float 1e+20]"),
        ("a: |\n  one\n  two\nb: >\n  one\n  two\n", "{a: 'one\ntwo\n', b: 'one two\n'}"),
        ("a:\n- b: {c: [d]}\n", "{a: [{b: {c: ['d']}}]}"),
        ("\u{FEFF}a: ü", "{a: 'ü'}"),
        ("a: &x [1, 2]\nb: *x", "{a: [1, 2], b: [1, 2]}"),
        ("&k a: 1\nb: *k", "{a: 1, b: 'a'}"),
        ("base: &b {x: 1, y: 2}\nc: {<<: *b, y: 3}", "{base: {x: 1, y: 2}, c: {y: 3, x: 1}}"),
        ("a: &a {x: 1}\nb: &b {x: 2, z: 3}\nc: {<<: [*a, *b]}", "{a: {x: 1}, b: {x: 2, z: 3}, c: {x: 1, z: 3}}"),
        ("'<<': 1", "{<<: 1}"),
    ])
    func values(text: String, tree: String) throws {
        #expect(try parsed(text) == tree)
    }

    @Test("positions count lines and characters from 1")
    func positions() throws {
        let node = try YAMLReader.document("é: 1\nb:\n  - x\n  - {ü: y}\n".utf8)
        let entries = try #require(node.mapping)
        #expect(entries[1].keyPosition == YAMLPosition(line: 2, column: 1))
        let elements = try #require(entries[1].value.sequence)
        #expect(elements[0].position == YAMLPosition(line: 3, column: 5))
        #expect(elements[1]["ü"]?.position == YAMLPosition(line: 4, column: 9))
    }

    @Test("several documents; anchors end with their document")
    func severalDocuments() throws {
        #expect(try YAMLReader.documents("a: 1\n---\n- 2\n---\n".utf8).map(render) == ["{a: 1}", "[2]", "null"])
        #expect(try YAMLReader.documents("".utf8).isEmpty)
        #expect(throws: YAMLError.self) { try YAMLReader.documents("a: &x 1\n---\nb: *x".utf8) }
    }

    @Test("refuses, and says where", arguments: [
        ("a: 1\na: 2", "2:1: the key \"a\" stands twice in this mapping"),
        ("a: 1\n'a': 2", "2:1: the key \"a\" stands twice in this mapping"),
        ("[a]: 1", "1:1: a key must be a scalar"),
        ("x: &x [1]\n*x : 1", "2:1: a key must be a scalar"),
        ("a: *b", "1:4: no finished value before this alias has the anchor \"b\""),
        ("a: &a [*a]", "1:8: no finished value before this alias has the anchor \"a\""),
        ("a: {<<: 1}", "1:9: a merge key takes a mapping or a sequence of mappings"),
        ("a: 1\n---\nb: 2", "3:1: a second document begins, one is allowed"),
        ("a: b: c", "1:5: mapping values are not allowed in this context"),
        ("a: [1, 2", "2:1: did not find expected ',' or ']'"),
        ("a: 'x", "1:6: found unexpected end of stream"),
        ("a:\n\t- b", "2:1: found character that cannot start any token"),
        ("a: %x", "1:4: found character that cannot start any token"),
        ("a: \u{1}", "1:4: control characters are not allowed"),
    ])
    func refused(text: String, message: String) {
        #expect(refusal(text) == message)
    }

    @Test("refuses bytes that are no UTF-8 and names the place")
    func notUTF8() {
        let error = #expect(throws: YAMLError.self) { try YAMLReader.document(Array("ok: ü\nx: ".utf8) + [0xC3, 0x28]) }
        // The byte that should have continued the character.
        #expect(error?.position == YAMLPosition(line: 2, column: 5))
    }

    @Test("a text at the limit passes, one beyond it does not")
    func limits() {
        #expect(refusal("[[[1]]]", limits: YAMLLimits(depthMax: 3)) == nil)
        #expect(refusal("[[[1]]]", limits: YAMLLimits(depthMax: 2)) == "1:3: nested deeper than 2 levels")
        #expect(refusal("[1, 2]", limits: YAMLLimits(nodesMax: 3)) == nil)
        #expect(refusal("[1, 2]", limits: YAMLLimits(nodesMax: 2)) == "1:5: more than 2 values, aliases replaced")
        #expect(refusal("abc", limits: YAMLLimits(bytesMax: 3)) == nil)
        #expect(refusal("abcd", limits: YAMLLimits(bytesMax: 3)) == "1:1: longer than 3 bytes")
    }

    @Test("aliases cannot multiply a small text into a large tree")
    func aliasBomb() {
        let levels = (1...9).map { "l\($0): &l\($0) [\(Array(repeating: "*l\($0 - 1)", count: 9).joined(separator: ", "))]" }
        let text = "l0: &l0 [x]\n" + levels.joined(separator: "\n")
        #expect(refusal(text)?.hasSuffix("more than 200000 values, aliases replaced") == true)
    }

    @Test("aliases cannot stack depth that the text does not show")
    func aliasDepth() {
        let links = (1...100).map { "l\($0): &l\($0) [*l\($0 - 1)]" }
        #expect(refusal("l0: &l0 [x]\n" + links.joined(separator: "\n"))?.hasSuffix("nested deeper than 64 levels") == true)
    }

    @Test("a flood of brackets is refused at the depth limit")
    func deepBrackets() {
        #expect(refusal(String(repeating: "[", count: 100_000)) == "1:65: nested deeper than 64 levels")
        #expect(refusal(String(repeating: "{a: ", count: 100_000))?.hasSuffix("nested deeper than 64 levels") == true)
    }
}
