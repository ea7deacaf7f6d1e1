import Bytes
import HTTP
import TestSupport
import Testing

/// Edits of a parsed head against a plain list of names and values, and what is sent of it parsed again.
@Suite("Headers: edits do what edits of a list do")
struct HeaderEditTests {
    private struct Model {
        var fields: [(name: String, value: String)] = []

        func indices(_ name: String) -> [Int] { fields.indices.filter { fields[$0].name.lowercased() == name.lowercased() } }

        mutating func set(_ name: String, _ value: String) {
            guard let first = indices(name).first else { return fields.append((name, value)) }
            for index in indices(name).dropFirst().reversed() { fields.remove(at: index) }
            fields[first].value = value
        }

        mutating func removeAll(_ name: String) { fields.removeAll { $0.name.lowercased() == name.lowercased() } }

        var lines: [String] { fields.map { "\($0.name): \($0.value)" } }
    }

    private static let names = ["X-A", "x-a", "X-B", "X-Longer-Name", "Cookie", "cookie", "Accept", "User-Agent", "Set-Cookie", "Forwarded", "x-flow-id", "Content-Type", "A", "Etag"]

    private static func value(_ random: inout SeededRandom) -> String {
        let count = random.element([0, 1, 5, 40, 700])
        return String((0..<count).map { _ in random.element(Array("abcdefghijklmnop0123456789;=,/\"é")) })
    }

    private static func parse(_ model: Model, into head: inout RequestHead, _ random: inout SeededRandom) {
        var text = "GET /p HTTP/1.1\r\nHost: a.test\r\n"
        for field in model.fields { text += "\(field.name):\(random.element(["", " ", "\t "]))\(field.value)\(random.element(["", " "]))\r\n" }
        text += "\r\n"
        let result = text.withBytes { RequestParser.parse($0, into: &head, options: HeadOptions()) }
        precondition(result == .complete(text.utf8.count), text)
    }

    private static func lines(_ headers: borrowing Headers) -> [String] {
        headers.indices.filter { headers.isPresent($0) }.map { "\(headers.name(at: $0).text): \(headers.value(at: $0).text)" }
    }

    /// One head serves many requests, as an exchange's slot does.
    @Test("reading, setting, appending, removing, replacing", arguments: SeededRandom.seeds(4))
    func edits(seed: UInt64) {
        var random = SeededRandom(seed)
        var head = RequestHead()
        for round in 0..<20 {
            var model = Model()
            for _ in 0..<random.below(40) { model.fields.append((random.element(Self.names), Self.value(&random))) }
            Self.parse(model, into: &head, &random)
            model.fields.insert(("Host", "a.test"), at: 0)
            for step in 0..<random.below(40) {
                Self.edit(&head, &model, &random)
                #expect(Self.lines(head.headers) == model.lines, "seed \(seed), round \(round), step \(step)")
            }
            Self.checkReading(head.headers, model, "seed \(seed), round \(round)")
            Self.checkSent(head, model, "seed \(seed), round \(round)")
        }
    }

    private static func edit(_ head: inout RequestHead, _ model: inout Model, _ random: inout SeededRandom) {
        let name = random.element(names), text = value(&random)
        switch random.below(7) {
        case 0:
            text.withBytes { head.headers.set(FieldName(name), $0) }
            model.set(name, text)
        case 1:
            text.withBytes { head.headers.append(FieldName(name), $0) }
            model.fields.append((name, text))
        case 2:
            name.withBytes { name in text.withBytes { head.headers.append(nameBytes: name, $0) } }
            model.fields.append((name, text))
        case 3:
            head.headers.removeAll(FieldName(name))
            model.removeAll(name)
        case 4:
            guard let index = head.headers.index(of: FieldName(name)) else { return }
            text.withBytes { head.headers.replaceValue(at: index, $0) }
            model.fields[model.indices(name)[0]].value = text
        case 5:
            guard let index = head.headers.index(of: FieldName(name)) else { return }
            head.headers.remove(at: index)
            model.fields.remove(at: model.indices(name)[0])
        default:
            // A value out of the head's own block.
            guard let source = model.fields.randomElement(using: &random), let bytes = head.headers.first(FieldName(source.name)) else { return }
            head.headers.append(FieldName(name), bytes)
            model.fields.append((name, model.fields[model.indices(source.name)[0]].value))
        }
    }

    private static func checkReading(_ headers: borrowing Headers, _ model: Model, _ place: String) {
        for name in names + ["Absent"] {
            var values: [String] = []
            headers.forEachValue(FieldName(name)) { values.append($0.text); return true }
            let expected = model.indices(name).map { model.fields[$0].value }
            #expect(values == expected, "\(place): \(name)")
            #expect(headers.first(FieldName(name))?.text == expected.first, "\(place): \(name)")
            #expect(headers.contains(FieldName(name)) == !expected.isEmpty, "\(place): \(name)")
        }
    }

    private static func checkSent(_ head: borrowing RequestHead, _ model: Model, _ place: String) {
        var output = ByteBuffer()
        HeadSerializer.write(head, host: BorrowedBytes("up.test"), framing: .init(body: .none), to: &output)
        var again = RequestHead()
        let result = RequestParser.parse(output.readable, into: &again, options: HeadOptions())
        #expect(result == .complete(output.count), "\(place): \(output.readable.text)")
        #expect(lines(again.headers) == ["Host: up.test"] + model.lines.dropFirst(), "\(place)")
    }
}
