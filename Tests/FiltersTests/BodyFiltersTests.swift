import Bytes
import Eskip
@testable import Filters
import HTTP
import Regexp
import Testing

@Suite("Filters that read or rewrite bodies")
struct BodyFiltersTests {
    struct Edit: Sendable {
        let arguments: [Argument]
        let body: String
        let result: String

        init(_ arguments: [Argument], _ body: String, _ result: String) {
            self.arguments = arguments
            self.body = body
            self.result = result
        }
    }

    static let edits = [
        Edit(["(h)ello", "$1i"], "hello hello", "$1i $1i"),
        Edit(["x*", "y"], "axxb", "axxb"),
        Edit(["x*", "y"], "xxb", "yb"),
        Edit(["[0-9]+", "N"], "a1b22c333", "aNbNcN"),
        Edit(["hello", ""], "xhellox", "xx"),
        Edit(["hello", "a much longer text than the limit of the output in this test"], "hellohello",
            "a much longer text than the limit of the output in this testa much longer text than the limit of the output in this test"),
        Edit(["ab", "b"], "aabab aab", "abb ab"),
        Edit(["^a", "b"], "aaa", "baa"),
        Edit(["", "x"], "abc", "abc"),
        Edit(["a", "b"], "", ""),
        Edit(["é+", "e"], "ééa\u{E9}", "eae"),
        Edit(["(?s)<.*>", "[]"], "a<b\nc>d>e", "a[]e"),
        Edit(["http://", "https://"], "http:/http://a http", "http:/https://a http"),
    ]

    @Test("sed replaces the same however the body is cut", arguments: edits, [1, 2, 3, 7, 1000])
    func sed(edit: Edit, piece: Int) throws {
        let exchange = try BodyExchange("POST", framing: .chunked)
        exchange.request(try makeFilters(("sed", edit.arguments), ("sedRequest", edit.arguments)))
        exchange.respond()
        exchange.response()
        for limit in [1, 16, 1000] {
            #expect(exchange.responseBody(split(bytes(edit.body), piece), limit: limit).text == edit.result)
            #expect(exchange.requestBody(split(bytes(edit.body), piece), limit: limit).text == edit.result)
            exchange.state.pointee.responseTransforms = []
            exchange.state.pointee.requestTransforms = []
            exchange.response()
            exchange.request(try makeFilters(("sedRequest", edit.arguments)))
        }
    }

    @Test("sedDelim edits part by part", arguments: [
        Edit(["^", "> ", "\n"], "l1\nl2\nl3", "l1\nl2\nl3"),
        Edit(["b+", "B", "\n"], "abb\nbbc\nb", "aB\nBc\nB"),
        Edit(["^a", "A", "--"], "a--a-a--aa", "A--A-a--Aa"),
        Edit(["(?s)a.b", "X", "\n"], "a\nb acb\n", "a\nb X\n"),
    ], [1, 2, 5, 1000])
    func sedDelim(edit: Edit, piece: Int) throws {
        let exchange = try BodyExchange()
        exchange.request(try makeFilters(("sedDelim", edit.arguments)))
        exchange.respond()
        exchange.response()
        #expect(exchange.responseBody(split(bytes(edit.body), piece), limit: 3).text == edit.result)
    }

    @Test("parts go on as soon as their end is known")
    func sedStreams() throws {
        for (arguments, expected) in [
            (["a", "b", "\n"] as [Argument], ["xb\n", "y\nz\n"]), (["aa", "b", "\n"], ["xa\n", "y\nz\n"]),
        ] {
            let exchange = try BodyExchange()
            exchange.request(try makeFilters(("sedDelim", arguments)))
            exchange.respond()
            exchange.response()
            #expect(exchange.responseBody([bytes("xa"), bytes("\ny"), bytes("\nz\n")], limit: 1000).text == expected.joined())
        }
        let exchange = try BodyExchange()
        exchange.request(try makeFilters(("sed", ["data", "info"])))
        exchange.respond()
        exchange.response()
        let body = exchange.responseBody([bytes("data: 1\n\n"), bytes("data: 2\n\n"), bytes("dat"), bytes("a")], limit: 1000)
        #expect(body.pieces.map { String(decoding: $0, as: UTF8.self) } == ["info: 1\n\n", "info: 2\n\n", "info"])
    }

    @Test("a search that takes long lets others go first, and loses nothing", arguments: [1, 4, 1000])
    func sedYields(limit: Int) throws {
        let exchange = try BodyExchange()
        exchange.request(try makeFilters(("sed", ["a(.*b)?", "x"])))
        exchange.respond()
        exchange.response()
        let transform = try #require(exchange.state.pointee.responseTransforms.first as? EditedBody)
        exchange.state.pointee.responseTransforms = [EditedBody(transform.edit, statusWhenFull: 500, slice: .zero)]
        let body = exchange.responseBody([bytes("aaa"), bytes("caa"), bytes("d")], limit: limit)
        #expect(body.text == "xxxcxxd" && body.failure == nil && body.yieldCount > 0)
    }

    @Test("a pattern that would take for ever fails the body", arguments: [(5, 500 as UInt16?), (100, nil)])
    func sedGivesUp(slices: Int, failure: UInt16?) throws {
        let edit = try edit("sed", ["a(.*b)?", "x"])
        let exchange = try BodyExchange()
        exchange.respond()
        exchange.state.pointee.responseTransforms = [EditedBody(edit, statusWhenFull: 500, slice: .zero, slicesMax: slices)]
        #expect(exchange.responseBody([bytes(String(repeating: "a", count: 20))], limit: 1000).failure == failure)
    }

    private func edit(_ name: String, _ arguments: [Argument]) throws -> SedEdit {
        let exchange = try BodyExchange()
        exchange.request(try makeFilters((name, arguments)))
        exchange.respond()
        exchange.response()
        return try #require(exchange.state.pointee.responseTransforms.first as? EditedBody).edit
    }

    /// A body edited whole, match by match, each found anew: slow, and plainly what the specification says.
    private func edited(_ text: [UInt8], _ edit: SedEdit, delimiter: [UInt8]?) -> [UInt8] {
        var parts: [[UInt8]] = [[]]
        for byte in text {
            parts[parts.count - 1].append(byte)
            if let delimiter, parts[parts.count - 1].suffix(delimiter.count) == delimiter[...] { parts.append([]) }
        }
        return parts.flatMap { part in
            var result: [UInt8] = []
            var position = 0
            while let match = part.withUnsafeBytes({ edit.regexp.firstMatch(in: $0, from: position) }), !match.isEmpty {
                result += part[position..<match.lowerBound] + edit.replacement
                position = match.upperBound
            }
            return result + part[position...]
        }
    }

    @Test("a body in any pieces becomes what the whole one does", arguments: 0..<200)
    func sedReference(seed: UInt64) throws {
        let services = BodyTestServices()
        services.seed &+= seed &* 7919
        func below(_ limit: Int) -> Int { Int(services.randomWord() % UInt64(limit)) }
        func pick<Element>(_ list: [Element]) -> Element { list[below(list.count)] }
        let pattern = pick(["a", "ab", "aba", "a+b", "a|ab", "(ab)+", "a.*b", "(?s)a.*?c", "^a", "b$", "\\bab", "[^a]b", "c(.*b)?", "a{2,3}", "ca?"])
        let delimiter: Argument? = pick([nil, "c", "ab", "\n"])
        let arguments: [Argument] = [.string(pattern), .string(pick(["", "x", "$0", "abc"]))] + (delimiter.map { [$0] } ?? [])
        let name = delimiter == nil ? "sed" : "sedDelim"
        let edit = try edit(name, arguments)
        let body = (0..<below(60)).map { _ in pick(Array("aaabbbc \n".utf8)) }
        var pieces: [[UInt8]] = []
        var rest = body[...]
        while !rest.isEmpty {
            let count = 1 + below(10)
            pieces.append(Array(rest.prefix(count)))
            rest = rest.dropFirst(count)
        }
        let exchange = try BodyExchange()
        exchange.respond()
        exchange.state.pointee.responseTransforms = [EditedBody(edit, statusWhenFull: 500, slice: pick([.zero, EditedBody.sliceDefault]))]
        let result = exchange.responseBody(pieces, limit: 1 + below(30))
        var delimiterBytes: [UInt8]?
        if case .string(let text) = delimiter { delimiterBytes = Array(text.utf8) }
        #expect(result.bytes == edited(body, edit, delimiter: delimiterBytes) && result.failure == nil, "\(name) \(arguments) of \(String(decoding: body, as: UTF8.self).debugDescription)")
    }

    @Test("a full buffer ends the body or is edited as it is")
    func sedOverflow() throws {
        let body = bytes("aab aab aab")
        for (mode, text, failure) in [("abort", nil, 500), ("best-effort", "X aX aab", nil)] as [(Argument, String?, UInt16?)] {
            let exchange = try BodyExchange()
            exchange.request(try makeFilters(("sed", ["a+b", "X", 5, mode])))
            exchange.respond()
            exchange.response()
            let pumped = exchange.responseBody([body], limit: 1000)
            #expect(pumped.failure == failure)
            if let text { #expect(pumped.text == text) }
        }
        let request = try BodyExchange("POST", framing: .chunked)
        request.request(try makeFilters(("sedRequest", ["a+b", "X", 5, "abort"])))
        #expect(request.requestBody([body]).failure == 413)
        // A body that just fits is no overflow.
        let exchange = try BodyExchange()
        exchange.request(try makeFilters(("sed", ["a+b", "X", 5, "abort"])))
        exchange.respond()
        exchange.response()
        #expect(exchange.responseBody([bytes("aabaa")]).text == "Xaa")
    }

    @Test("anchors do not match in the middle of a body whose buffer was full")
    func sedAnchorBehindOverflow() throws {
        let exchange = try BodyExchange()
        exchange.request(try makeFilters(("sed", ["^a|\\bb", "X", 4])))
        exchange.respond()
        exchange.response()
        #expect(exchange.responseBody([bytes("a123a456bb b")], limit: 1000).text == "X123a456bb X")
    }

    @Test("the answer to a HEAD loses the length that the edited body need not have", arguments: [(200, 1), (304, 0), (204, 0)] as [(UInt16, Int)])
    func sedHead(status: UInt16, transformCount: Int) throws {
        let exchange = try BodyExchange("HEAD")
        exchange.request(try makeFilters(("sed", ["a", "b"])))
        exchange.respond(status, framing: .none)
        exchange.response()
        #expect(exchange.responseTransforms.count == transformCount)
    }

    @Test("bodies that are not there are left alone")
    func noBody() throws {
        let exchange = try BodyExchange("HEAD")
        exchange.request(try makeFilters(("sed", ["a", "b"]), ("sedRequest", ["a", "b"]), ("blockContent", ["x"]), ("wrapContent", ["<", ">"])))
        exchange.respond(204, framing: .none)
        exchange.response()
        #expect(exchange.responseTransforms.isEmpty)
        #expect(exchange.requestTransforms.isEmpty)
    }

    @Test("wraps bodies, empty ones too, and tells their length", arguments: [
        ("wrapContent", "<", "body", ">", "<body>"), ("wrapContent", "", "body", "", "body"), ("wrapContent", "<", "", ">", "<>"),
        ("wrapContentHex", "3c3C", "body", "3e", "<<body>"),
    ], [1, 2, 64])
    func wrap(wrapped: (name: String, prefix: String, body: String, suffix: String, result: String), piece: Int) throws {
        let exchange = try BodyExchange()
        exchange.request(try makeFilters((wrapped.name, [.string(wrapped.prefix), .string(wrapped.suffix)])))
        exchange.respond(framing: .length(UInt64(wrapped.body.utf8.count)))
        exchange.response()
        let transform = try #require(exchange.responseTransforms.first)
        #expect(transform.lengthChange == wrapped.result.utf8.count - wrapped.body.utf8.count)
        #expect(exchange.responseBody(split(bytes(wrapped.body), piece), limit: piece).text == wrapped.result)
    }

    struct Block: Sendable {
        let patterns: [Argument]
        let body: String
        let isBlocked: Bool

        init(_ patterns: [Argument], _ body: String, _ isBlocked: Bool) {
            self.patterns = patterns
            self.body = body
            self.isBlocked = isBlocked
        }
    }

    @Test("blocks texts however the body is cut", arguments: [
        Block(["evil", "bad"], "all fine", false), Block(["evil", "bad"], "a bad one", true), Block(["evil"], "some evil in chunks", true),
        Block(["evil"], "eevil", true), Block(["evil"], "evi l", false), Block(["aab"], "aaab", true), Block(["abab", "bac"], "ababac", true),
        Block(["he", "she", "hers"], "ushrs", false), Block(["she", "x"], "ushers", true), Block(["xabcy", "abc"], "xabcz", true),
        Block(["evil"], "", false),
    ], [1, 2, 3, 5, 1000])
    func block(block: Block, piece: Int) throws {
        let exchange = try BodyExchange("POST", framing: .chunked)
        exchange.request(try makeFilters(("blockContent", block.patterns)))
        let body = exchange.requestBody(split(bytes(block.body), piece), limit: 4)
        #expect(body.failure == (block.isBlocked ? 400 : nil))
        if block.isBlocked {
            for case .string(let pattern) in block.patterns { #expect(!body.text.contains(pattern)) }
        } else {
            #expect(body.text == block.body)
        }
        #expect(exchange.services.counters["blocked.requests"] == (block.isBlocked ? 1 : nil))
    }

    @Test("blocks byte patterns, all 256 bytes among them")
    func blockHex() throws {
        let everyByte = (0...255).map { UInt8($0) }
        let hex = everyByte.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
        for (pattern, body, isBlocked) in [
            ("00ff", [0x61, 0x00, 0xFF], true), ("00ff", [0x00, 0x00, 0xFE], false), (hex, everyByte, true), (hex, everyByte.reversed(), false),
        ] as [(String, [UInt8], Bool)] {
            let exchange = try BodyExchange("POST", framing: .chunked)
            exchange.request(try makeFilters(("blockContentHex", [.string(pattern)])))
            #expect(exchange.requestBody([body]).failure == (isBlocked ? 400 : nil))
        }
    }

    @Test("the scanner finds what a naive search finds")
    func scannerAgainstReference() throws {
        let services = BodyTestServices()
        func text(_ countMax: Int) -> String { String(decoding: (0..<1 + Int(services.randomWord() % UInt64(countMax))).map { _ in UInt8(0x61 + services.randomWord() % 3) }, as: UTF8.self) }
        for _ in 0..<300 {
            let patterns = (0..<1 + Int(services.randomWord() % 3)).map { _ in text(5) }
            let body = text(20)
            let exchange = try BodyExchange("POST", framing: .chunked)
            exchange.request(try makeFilters(("blockContent", patterns.map { .string($0) })))
            let isBlocked = exchange.requestBody(split(bytes(body), 3)).failure != nil
            #expect(isBlocked == patterns.contains { body.contains($0) }, "\(patterns) in \(body)")
        }
    }

    @Test("refuses arguments", arguments: [
        ("sed", ["a"]), ("sed", ["(", "x"]), ("sed", ["a", "b", 1, "other"]), ("sed", ["a", "b", "abort"]), ("sed", [1, "b"]),
        ("sedDelim", ["a", "b"]), ("sedDelim", ["a", "b", ""]), ("sedDelim", ["a", "b", 1]), ("sedRequest", ["a", "b", 1, "abort", 1]),
        ("blockContent", []), ("blockContent", [1]), ("blockContent", ["a", ""]), ("blockContentHex", ["zz"]), ("blockContentHex", ["0"]),
        ("wrapContent", ["a"]), ("wrapContent", ["a", "b", "c"]), ("wrapContentHex", ["a", "bb"]),
    ] as [(String, [Argument])])
    func refused(name: String, arguments: [Argument]) {
        #expect(throws: FilterArgumentError.self) { try makeInstance(name, arguments) }
    }
}
