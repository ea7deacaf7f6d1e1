import Eskip
import Testing

@Suite("Templates, eskip.md §7")
struct TemplateTests {
    /// Knows what its dictionary says.
    struct Values: TemplateValues {
        let values: [Placeholder: String]

        func appendValue<Sink: TemplateSink & ~Copyable & ~Escapable>(
            of placeholder: Placeholder, to sink: inout Sink
        ) -> Bool {
            guard var value = values[placeholder], !value.isEmpty else { return false }
            value.withUTF8 { sink.append(UnsafeRawBufferPointer($0)) }
            return true
        }
    }

    @Test("keys", arguments: [
        ("request.method", .requestMethod), ("request.host", .requestHost), ("request.path", .requestPath),
        ("request.rawQuery", .requestRawQuery), ("request.source", .requestSource),
        ("request.sourceFromLast", .requestSourceFromLast), ("request.clientIP", .requestClientIP),
        ("request.header.X-A", .requestHeader("X-A")), ("request.query.a.b", .requestQuery("a.b")),
        ("request.cookie.c", .requestCookie("c")), ("response.header.Y", .responseHeader("Y")),
        ("name", .parameter("name")), ("request.Method", .parameter("request.Method")), (" ", .parameter(" ")),
        ("request.header.", .requestHeader("")), ("*", .parameter("*")), ("$", .parameter("$")),
    ] as [(String, Placeholder)])
    func keys(key: String, placeholder: Placeholder) {
        #expect(Template("${\(key)}").placeholders == [placeholder])
    }

    @Test("expansion", arguments: [
        ("", "", true), ("plain", "plain", true), ("${a}", "1", true), ("x${a}y${b}z", "x1y2z", true),
        ("${a}${a}", "11", true), ("${missing}", "", false), ("<${missing}|${a}>", "<|1>", false), ("${empty}x", "x", false),
        ("${}", "${}", true), ("${a", "${a", true), ("$a {a} }{", "$a {a} }{", true), ("${x${a}", "${x1", true),
        ("${{a}}", "${{a}}", true), ("$${a}", "$1", true), ("${a}}", "1}", true), ("$", "$", true), ("${", "${", true),
    ])
    func expansion(text: String, expanded: String, isResolved: Bool) {
        let values = Values(values: [.parameter("a"): "1", .parameter("b"): "2", .parameter("empty"): ""])
        var output: [UInt8] = []
        #expect(Template(text).expand(from: values, into: &output) == isResolved)
        #expect(String(decoding: output, as: UTF8.self) == expanded)
    }

    @Test("what a template needs")
    func needs() {
        #expect(Template("plain ${}").isConstant)
        #expect(!Template("${a}").isConstant)
        #expect(Template("a${b}").text == "a${b}")
    }
}
