/// The words of the route language (eskip.md §1).
enum TokenKind: UInt8 {
    case and, star, arrow, openParen, closeParen, comma, colon, semicolon, less, greater
    case shunt, loopback, dynamic, forward
    case symbol, number, string, regexp
    case end
    /// Bytes that are no token; `Lexer.problem` says why.
    case invalid
}

/// One token: its kind and the bytes of the source it covers, delimiters included.
struct Token {
    var kind: TokenKind
    var start: Int
    var end: Int
    /// Whether a string or regexp has a backslash, so that its value is not simply what stands between the delimiters.
    var hasEscapes = false

    var range: Range<Int> { start..<end }
    /// What stands between the delimiters of a string or regexp.
    var body: Range<Int> { start + 1..<end - 1 }
    var isLiteral: Bool { kind == .string || kind == .regexp }
}

/// Why bytes are no token.
enum LexicalProblem {
    case character
    /// A number that ends in its point, or a point or minus without a digit.
    case number
    case unterminatedString, unterminatedRegexp
}

/// Splits a source into tokens, one at a time; allocates nothing.
struct Lexer {
    let source: [UInt8]
    private(set) var offset = 0
    private(set) var problem = LexicalProblem.character

    init(source: [UInt8]) {
        self.source = source
    }

    /// Continues elsewhere: how the parser recovers inside a literal that swallowed routes.
    mutating func move(to offset: Int) { self.offset = offset }

    mutating func next() -> Token {
        skipBlanksAndComments()
        guard offset < source.count else { return Token(kind: .end, start: offset, end: offset) }
        let byte = source[offset]
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "`"): return string(delimiter: byte)
        case UInt8(ascii: "/"): return regexp()
        case UInt8(ascii: "<"): return lessOrBackend()
        case UInt8(ascii: "&"): return fixed(.and, followedBy: UInt8(ascii: "&"))
        case UInt8(ascii: "-") where peek(1) == UInt8(ascii: ">"): return take(.arrow, 2)
        case UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "0")...UInt8(ascii: "9"): return number()
        case UInt8(ascii: "*"): return take(.star, 1)
        case UInt8(ascii: "("): return take(.openParen, 1)
        case UInt8(ascii: ")"): return take(.closeParen, 1)
        case UInt8(ascii: ","): return take(.comma, 1)
        case UInt8(ascii: ":"): return take(.colon, 1)
        case UInt8(ascii: ";"): return take(.semicolon, 1)
        case UInt8(ascii: ">"): return take(.greater, 1)
        case _ where byte.startsSymbol: return symbol()
        default: return invalid(.character, length: characterLength)
        }
    }

    private func peek(_ distance: Int) -> UInt8? {
        offset + distance < source.count ? source[offset + distance] : nil
    }

    private mutating func take(_ kind: TokenKind, _ length: Int) -> Token {
        defer { offset += length }
        return Token(kind: kind, start: offset, end: offset + length)
    }

    private mutating func invalid(_ problem: LexicalProblem, length: Int) -> Token {
        self.problem = problem
        return take(.invalid, length)
    }
}

// MARK: - Between tokens

extension Lexer {
    private mutating func skipBlanksAndComments() {
        while offset < source.count {
            if source[offset].isBlank {
                offset += 1
            } else if source[offset] == UInt8(ascii: "/"), peek(1) == UInt8(ascii: "/") {
                offset = source[offset...].firstIndex(of: UInt8(ascii: "\n")) ?? source.count
            } else {
                return
            }
        }
    }

    /// Bytes of the UTF-8 character at `offset`, so that a message does not cut it; 1 if it is none.
    private var characterLength: Int {
        let following = source[(offset + 1)...].prefix(3).prefix { $0 & 0xC0 == 0x80 }.count
        return source[offset] >= 0xC0 ? 1 + following : 1
    }
}

// MARK: - Tokens of more than one byte

extension Lexer {
    private mutating func fixed(_ kind: TokenKind, followedBy byte: UInt8) -> Token {
        peek(1) == byte ? take(kind, 2) : invalid(.character, length: 1)
    }

    private mutating func lessOrBackend() -> Token {
        for (word, kind) in Lexer.backendWords where source[offset...].starts(with: word) {
            return take(kind, word.count)
        }
        return take(.less, 1)
    }

    private static let backendWords: [([UInt8], TokenKind)] = [
        (Array("<shunt>".utf8), .shunt), (Array("<loopback>".utf8), .loopback),
        (Array("<dynamic>".utf8), .dynamic), (Array("<forward>".utf8), .forward),
    ]

    private mutating func symbol() -> Token {
        var end = offset + 1
        while end < source.count, source[end].continuesSymbol { end += 1 }
        return take(.symbol, end - offset)
    }

    /// One optional minus, digits with at most one point, and a digit at the end.
    private mutating func number() -> Token {
        var end = offset
        if source[end] == UInt8(ascii: "-") { end += 1 }
        let digits = end
        var hasPoint = false
        while end < source.count {
            if source[end] == UInt8(ascii: "."), !hasPoint {
                hasPoint = true
            } else if !source[end].isDigit {
                break
            }
            end += 1
        }
        if end == digits { return invalid(.character, length: 1) }
        return source[end - 1].isDigit ? take(.number, end - offset) : invalid(.number, length: end - offset)
    }

    private mutating func string(delimiter: UInt8) -> Token {
        var end = offset + 1, hasEscapes = false
        while end < source.count {
            let byte = source[end]
            if byte == delimiter { return literal(.string, end: end + 1, hasEscapes: hasEscapes) }
            if byte == UInt8(ascii: "\\") {
                hasEscapes = true
                end += 1
            }
            end += 1
        }
        return invalid(.unterminatedString, length: source.count - offset)
    }

    /// A slash inside a class does not end the literal; the class ends at its first bare `]`.
    private mutating func regexp() -> Token {
        var end = offset + 1, hasEscapes = false, isInClass = false
        while end < source.count {
            switch source[end] {
            case UInt8(ascii: "/") where !isInClass: return literal(.regexp, end: end + 1, hasEscapes: hasEscapes)
            case UInt8(ascii: "["): isInClass = true
            case UInt8(ascii: "]"): isInClass = false
            case UInt8(ascii: "\\"):
                hasEscapes = true
                end += 1
            default: break
            }
            end += 1
        }
        return invalid(.unterminatedRegexp, length: source.count - offset)
    }

    private mutating func literal(_ kind: TokenKind, end: Int, hasEscapes: Bool) -> Token {
        defer { offset = end }
        return Token(kind: kind, start: offset, end: end, hasEscapes: hasEscapes)
    }
}

// MARK: - Recovery

extension Lexer {
    /// Where the next definition begins after a `;` at the end of a line inside `range`: `;`, white space with a line
    /// end, a symbol, `:`. Inside a literal this is the trace of a delimiter that was forgotten before it.
    func definitionStart(in range: Range<Int>) -> Int? {
        var rest = source[range]
        while let semicolon = rest.firstIndex(of: UInt8(ascii: ";")) {
            rest = rest[(semicolon + 1)...]
            let blanks = rest.prefix { $0.isBlank }
            guard blanks.contains(UInt8(ascii: "\n")) else { continue }
            let start = blanks.endIndex
            guard start < range.upperBound, source[start].startsSymbol else { continue }
            let name = rest[start...].prefix { $0.continuesSymbol }
            if rest[name.endIndex...].drop(while: { $0.isBlank }).first == UInt8(ascii: ":") { return start }
        }
        return nil
    }
}

extension UInt8 {
    /// Each byte is looked at alone: 0x85 and 0xA0 are white space wherever a token may start (eskip.md §1).
    var isBlank: Bool {
        self == 0x20 || (self >= 0x09 && self <= 0x0D) || self == 0x85 || self == 0xA0
    }

    var isDigit: Bool { self >= UInt8(ascii: "0") && self <= UInt8(ascii: "9") }

    var startsSymbol: Bool {
        let lower = self | 0x20
        return (lower >= UInt8(ascii: "a") && lower <= UInt8(ascii: "z")) || self == UInt8(ascii: "_")
    }

    var continuesSymbol: Bool { startsSymbol || isDigit }
}
