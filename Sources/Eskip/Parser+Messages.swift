// What a refusal says: what was found, what is allowed, and whose fault it may be.

extension Parser {
    /// Notes that `token` stands where something else must. If a literal before it swallowed the beginning of another
    /// definition, the blame is the literal's.
    mutating func expected(_ what: String) -> RouteRefused {
        if previous.isLiteral, lexer.definitionStart(in: previous.range) != nil {
            return refuse(swallowedMessage, at: previous.range)
        }
        if token.kind == .invalid, let message = problemMessage { return refuse(message, at: token.range) }
        return refuse("expected \(what), found \(found)", at: token.range)
    }

    mutating func expectedArgument(of name: Token) -> RouteRefused {
        // `Host(//)` is meant as an empty regexp, which cannot be written.
        let rest = source[previous.end...]
        if rest.starts(with: "//)".utf8) || rest.starts(with: "//,".utf8) {
            return refuse("// begins a comment, not an empty regexp: write \"\"", at: previous.end..<previous.end + 2)
        }
        return expected("an argument of \(quoted(name)): a string, a number or a /regexp/")
    }

    mutating func refuse(_ message: String, at place: Range<Int>) -> RouteRefused {
        errors.add(message, at: place)
        return RouteRefused()
    }

    func quoted(_ token: Token) -> String { Printable.quoted(source[token.range]) }

    private var found: String {
        switch token.kind {
        case .end: "the end"
        case .string: "the string \(quoted(token))"
        case .regexp: "the regexp \(quoted(token))"
        case .number: "the number \(quoted(token))"
        default: "\"\(quoted(token))\""
        }
    }

    /// What a token that is none should have been; `nil` if saying what was expected teaches more.
    private var problemMessage: String? {
        switch lexer.problem {
        case .number: "a number needs a digit behind its point, found \"\(quoted(token))\""
        case .unterminatedString: "the string \(quoted(token)) has no closing \(source[token.start] == UInt8(ascii: "`") ? "`" : "\"")"
        case .unterminatedRegexp: "the regexp \(quoted(token)) has no closing /, or an open [ hides it"
        case .character: characterMessage
        }
    }

    private var characterMessage: String? {
        let bytes = source[token.range]
        if bytes.elementsEqual([0xEF, 0xBB, 0xBF]) {
            return "the document begins with a byte order mark: save it as UTF-8 without one"
        }
        if bytes.elementsEqual([0xC2, 0xA0]) { return "a no-break space stands where only plain white space may" }
        if bytes.first == UInt8(ascii: "'") { return "strings stand in \" or `, not in '" }
        return nil
    }

    private var swallowedMessage: String {
        let lines = source[previous.range].count { $0 == UInt8(ascii: "\n") } + 1
        let kind = previous.kind == .string ? "string" : "regexp"
        let delimiter = String(decoding: source[previous.start...previous.start], as: UTF8.self)
        return "the \(kind) \(quoted(previous)) takes in \(lines) lines and the beginning of another route:"
            + " its closing \(delimiter) seems to be missing"
    }
}
