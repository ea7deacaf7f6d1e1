/// The replacement text of a regexp, taken apart once.
///
/// Go's template language: `$1`, `$name`, `${1}`, `${name}` insert a group, `$$` a dollar. A name without braces takes the longest
/// run of letters, digits and `_` (`$1x` is the group "1x"); an unknown group inserts nothing; a `$` that starts none of
/// these stands for itself (`${a.b}`, `$`, `$-`).
public struct RegexpTemplate: Sendable {
    enum Part: Equatable, Sendable {
        case literal([UInt8])
        case group(Int)
    }

    private(set) var parts: [Part] = []

    /// A template that inserts exactly these bytes, dollars included.
    public init(literal: some Sequence<UInt8>) {
        append(Array(literal))
    }

    /// Reads a template for `regexp`, whose groups it names.
    public init(_ text: String, for regexp: CompiledRegexp) {
        var rest = Substring(text)
        while let dollar = rest.firstIndex(of: "$") {
            append(Array(rest[..<dollar].utf8))
            rest = rest[rest.index(after: dollar)...]
            if rest.first == "$" {
                append([UInt8(ascii: "$")])
                rest.removeFirst()
            } else if let (name, end) = Self.groupName(at: rest) {
                if let index = Self.groupIndex(name, in: regexp) { parts.append(.group(index)) }
                rest = rest[end...]
            } else {
                append([UInt8(ascii: "$")])
            }
        }
        append(Array(rest.utf8))
    }

    private mutating func append(_ bytes: [UInt8]) {
        guard !bytes.isEmpty else { return }
        if case .literal(let before)? = parts.last {
            parts[parts.count - 1] = .literal(before + bytes)
        } else {
            parts.append(.literal(bytes))
        }
    }

    /// The name after a dollar, and where the text goes on.
    private static func groupName(at text: Substring) -> (name: Substring, end: String.Index)? {
        let isBraced = text.unicodeScalars.first == "{"
        let body = isBraced ? text.unicodeScalars.dropFirst() : text.unicodeScalars[...]
        let name = body.prefix { $0 == "_" || isLetterOrDigit($0) }
        guard !name.isEmpty else { return nil }
        guard isBraced else { return (Substring(name), name.endIndex) }
        guard name.endIndex < text.endIndex, text.unicodeScalars[name.endIndex] == "}" else { return nil }
        return (Substring(name), text.unicodeScalars.index(after: name.endIndex))
    }

    private static func isLetterOrDigit(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter, .decimalNumber: true
        default: false
        }
    }

    /// A number counts groups unless it has a leading zero, which makes it a name.
    private static func groupIndex(_ name: Substring, in regexp: CompiledRegexp) -> Int? {
        let isNumber = name.utf8.allSatisfy { (48...57).contains($0) } && (name == "0" || name.utf8.first != UInt8(ascii: "0"))
        guard isNumber, name.utf8.count <= 8, let index = Int(name) else { return regexp.groupIndex(named: String(name)) }
        return index <= regexp.groupCount ? index : nil
    }
}
