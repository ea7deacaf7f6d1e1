internal import Bytes

/// What may follow a literal host for it to count.
struct HostForms: OptionSet, Hashable, Sendable {
    let rawValue: UInt8

    /// `example.org`
    static let plain = HostForms(rawValue: 1)
    /// `example.org.`
    static let dot = HostForms(rawValue: 2)
    /// `example.org:8080`
    static let port = HostForms(rawValue: 4)
    /// `example.org.:8080`
    static let dotPort = HostForms(rawValue: 8)

    /// The same with a dot behind the name.
    var dotted: HostForms { (contains(.plain) ? HostForms.dot : []).union(contains(.port) ? .dotPort : []) }
}

/// A literal, or what follows a wildcard, and the forms in which it counts.
struct HostLiteral: Hashable, Sendable {
    /// The bytes before a literal: at least `minimum` of a class.
    struct Wildcard: Hashable, Sendable {
        let members: ByteClass
        let minimum: Int

        static let anything = Wildcard(members: ByteClass().complement, minimum: 0)
    }

    let wildcard: Wildcard?
    var text: [UInt8]
    var forms: HostForms

    /// Whether the table can find what follows the wildcard: whole labels, and no more of them than it looks at.
    var isSuffix: Bool {
        guard wildcard != nil, text.first == UInt8(ascii: ".") else { return false }
        return text.count { $0 == UInt8(ascii: ".") } <= RoutingLimits.suffixLabelsMax
    }

    /// Whether a host is this, regexp or no regexp.
    func matches(_ host: BorrowedBytes) -> Bool {
        for (base, form) in HostBases(host) where forms.contains(form) {
            if matches(base: base) { return true }
        }
        return false
    }

    private func matches(base: BorrowedBytes) -> Bool {
        text.withUnsafeBytes { text in
            guard let wildcard else { return base.equals(text) }
            let rest = base.count - text.count
            guard rest >= wildcard.minimum, base.slice(rest, base.count).equals(text) else { return false }
            return base.slice(0, rest).allSatisfy { wildcard.members.contains($0) }
        }
    }
}

/// The literals that a host may stand for, each with the form in which it then comes: at most three.
struct HostBases: Sequence, IteratorProtocol {
    private let host: BorrowedBytes
    private var step = 0
    /// The end without port; the whole length if there is none.
    private let nameEnd: Int

    init(_ host: BorrowedBytes) {
        self.host = host
        var start = host.count
        while start > 0, ASCII.isDigit(host[start - 1]) { start -= 1 }
        nameEnd = start > 0 && start < host.count && host[start - 1] == UInt8(ascii: ":") ? start - 1 : host.count
    }

    /// Whether a host that ends with this byte may have a port or a final dot.
    @inline(__always)
    static func mayHaveMore(_ last: UInt8) -> Bool { ASCII.isDigit(last) || last == UInt8(ascii: ".") }

    mutating func next() -> (base: BorrowedBytes, form: HostForms)? {
        step += 1
        let hasPort = nameEnd < host.count
        let hasDot = nameEnd > 0 && host[nameEnd - 1] == UInt8(ascii: ".")
        switch step {
        case 1: return (host, .plain)
        case 2 where hasPort: return (host.slice(0, nameEnd), .port)
        case 2 where hasDot, 3 where hasPort && hasDot: return (host.slice(0, nameEnd - 1), hasPort ? .dotPort : .dot)
        default: return nil
        }
    }
}

/// A set of bytes.
struct ByteClass: Hashable, Sendable {
    private var words: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)

    init() {}

    func contains(_ byte: UInt8) -> Bool {
        let word = switch byte >> 6 {
        case 0: words.0
        case 1: words.1
        case 2: words.2
        default: words.3
        }
        return word >> UInt64(byte & 63) & 1 != 0
    }

    mutating func insert(_ byte: UInt8) {
        let bit: UInt64 = 1 << UInt64(byte & 63)
        switch byte >> 6 {
        case 0: words.0 |= bit
        case 1: words.1 |= bit
        case 2: words.2 |= bit
        default: words.3 |= bit
        }
    }

    var complement: ByteClass {
        var complement = ByteClass()
        for byte in UInt8.min ... .max where !contains(byte) { complement.insert(byte) }
        return complement
    }

    static func == (left: ByteClass, right: ByteClass) -> Bool { left.words == right.words }

    func hash(into hasher: inout Hasher) {
        hasher.combine(words.0)
        hasher.combine(words.1)
        hasher.combine(words.2)
        hasher.combine(words.3)
    }
}

/// Recognises the regexps of `Host` that stand for a few literals, so that no automaton is needed for them and they can be
/// indexed: `^(a[.]example[.]org[.]?(:[0-9]+)?)$`, alternations and optional parts, and one wildcard at the front of a name,
/// `^[^.]+[.]example[.]org$`.
///
/// What it recognises it understands exactly; everything else is left to the regexp.
struct HostPatternReader {
    /// Literals of one pattern before those that differ in their form only are joined: 512 hosts of the usual form.
    private static let literalsMax = 2048

    /// A literal while it is read.
    private struct Partial: Hashable {
        var wildcard: HostLiteral.Wildcard?
        var text: [UInt8] = []
        var hasPort = false
        var isEmpty: Bool { wildcard == nil && text.isEmpty && !hasPort }
    }

    private let pattern: BorrowedBytes
    private var index = 0

    /// The literals that the pattern stands for; nil if it is another kind of pattern. None: it matches nothing.
    static func read(_ pattern: BorrowedBytes) -> [HostLiteral]? {
        if let usual = usualForm(pattern) { return [usual] }
        var reader = HostPatternReader(pattern: pattern)
        guard reader.take("^"), let partials = reader.sequence(), reader.take("$"), reader.index == pattern.count else { return nil }
        return merged(partials)
    }

    private init(pattern: BorrowedBytes) { self.pattern = pattern }

    /// `^name$`, `^(name)$` and `^(name[.]?(:[0-9]+)?)$`, which most routes have, without the detour over a grammar.
    private static func usualForm(_ pattern: BorrowedBytes) -> HostLiteral? {
        var reader = HostPatternReader(pattern: pattern)
        guard reader.take("^") else { return nil }
        let hasGroup = reader.take("(")
        let text = reader.literalRun()
        let rest = pattern.slice(reader.index, pattern.count)
        if rest.equals(hasGroup ? ")$" : "$") { return HostLiteral(wildcard: nil, text: text, forms: .plain) }
        guard rest.equals(hasGroup ? "[.]?(:[0-9]+)?)$" : "[.]?(:[0-9]+)?$") else { return nil }
        // A dot at the end of the name takes its form from the general reader.
        return text.last == UInt8(ascii: ".") ? nil : HostLiteral(wildcard: nil, text: text, forms: [.plain, .dot, .port, .dotPort])
    }

    // MARK: Grammar

    private mutating func alternation() -> [Partial]? {
        guard var all = sequence() else { return nil }
        while take("|") {
            guard let more = sequence(), all.count + more.count <= Self.literalsMax else { return nil }
            all += more
        }
        return all
    }

    /// Elements one after the other, up to what ends them.
    private mutating func sequence() -> [Partial]? {
        var all = [Partial()]
        while let byte = peek, byte != UInt8(ascii: ")"), byte != UInt8(ascii: "|"), byte != UInt8(ascii: "$") {
            let run = literalRun()
            if !run.isEmpty {
                guard all.allSatisfy({ !$0.hasPort }) else { return nil }
                for index in all.indices { all[index].text += run }
                continue
            }
            guard let element = element(atFront: all == [Partial()], afterColon: all.allSatisfy { $0.text.last == UInt8(ascii: ":") }),
                let joined = join(all, element)
            else { return nil }
            all = joined
        }
        return all
    }

    private enum Element {
        case partials([Partial])
        /// Digits, one or more.
        case digits
    }

    private mutating func element(atFront: Bool, afterColon: Bool) -> Element? {
        var partials: [Partial]
        if take("(") {
            if take("?") { guard take(":") else { return nil } }
            guard let inner = alternation(), take(")") else { return nil }
            partials = inner
        } else {
            guard let members = characterClass() else { return nil }
            if take("+") || take("*") {
                let minimum = pattern[index - 1] == UInt8(ascii: "+") ? 1 : 0
                guard !isQuantifier(peek) else { return nil }
                if afterColon, minimum == 1, members == Self.digitClass { return .digits }
                return atFront ? .partials([Partial(wildcard: .init(members: members, minimum: minimum))]) : nil
            }
            guard let byte = members.onlyByte else { return nil }
            partials = [Partial(text: [byte])]
        }
        if take("?") { partials.append(Partial()) }
        return isQuantifier(peek) ? nil : .partials(partials)
    }

    private func isQuantifier(_ byte: UInt8?) -> Bool {
        guard let byte else { return false }
        return byte == UInt8(ascii: "?") || byte == UInt8(ascii: "*") || byte == UInt8(ascii: "+") || byte == UInt8(ascii: "{")
    }

    private func join(_ all: [Partial], _ element: Element) -> [Partial]? {
        switch element {
        case .digits:
            return all.map { partial in
                var partial = partial
                partial.text.removeLast()
                partial.hasPort = true
                return partial
            }
        case .partials(let ends):
            guard all.count * ends.count <= Self.literalsMax else { return nil }
            var joined: [Partial] = []
            for start in all {
                for end in ends {
                    guard end.isEmpty || !start.hasPort, end.wildcard == nil || start.isEmpty else { return nil }
                    joined.append(Partial(wildcard: start.wildcard ?? end.wildcard, text: start.text + end.text, hasPort: start.hasPort || end.hasPort))
                }
            }
            return joined
        }
    }

    // MARK: Characters

    private var peek: UInt8? { index < pattern.count ? pattern[index] : nil }

    private mutating func take(_ character: Unicode.Scalar) -> Bool {
        guard peek == UInt8(ascii: character) else { return false }
        index += 1
        return true
    }

    /// Literal bytes as far as they go, but for one with a quantifier behind it.
    private mutating func literalRun() -> [UInt8] {
        let plain = Self.plainBytes
        var run: [UInt8] = []
        run.reserveCapacity(pattern.count - index)
        while true {
            var end = index
            while end < pattern.count, plain.contains(pattern[end]) { end += 1 }
            let isQuantified = end > index && end < pattern.count && isQuantifier(pattern[end])
            if isQuantified { end -= 1 }
            run.append(contentsOf: pattern.slice(index, end))
            index = end
            if isQuantified { return run }
            guard let byte = literalByte(), !isQuantifier(peek) else {
                index = end
                return run
            }
            run.append(byte)
        }
    }

    /// A plain byte, an escaped one, or one in brackets.
    private mutating func literalByte() -> UInt8? {
        guard let byte = peek else { return nil }
        if Self.plainBytes.contains(byte) {
            index += 1
            return byte
        }
        guard index + 1 < pattern.count else { return nil }
        let next = pattern[index + 1]
        if byte == UInt8(ascii: "\\"), Self.isPunctuation(next) {
            index += 2
            return next
        }
        guard byte == UInt8(ascii: "["), index + 2 < pattern.count, pattern[index + 2] == UInt8(ascii: "]"),
            next == UInt8(ascii: ".") || Self.plainBytes.contains(next)
        else { return nil }
        index += 3
        return next
    }

    private static let plainBytes = ByteSet("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_:")

    private static func isPunctuation(_ byte: UInt8) -> Bool {
        byte > 0x20 && byte < 0x7f && !ASCII.isLetter(byte) && !ASCII.isDigit(byte)
    }

    private static let digitClass = ByteClass(UInt8(ascii: "0")...UInt8(ascii: "9"))

    /// A literal byte, an escaped one, `.`, `\d` or a bracket expression of bytes and ranges.
    private mutating func characterClass() -> ByteClass? {
        guard let byte = peek, byte < 0x80 else { return nil }
        index += 1
        switch byte {
        case UInt8(ascii: "["): return bracketExpression()
        case UInt8(ascii: "."): return ByteClass(UInt8(ascii: "\n")...UInt8(ascii: "\n")).complement
        case UInt8(ascii: "\\"): return escape()
        default: return Self.plainBytes.contains(byte) ? ByteClass(byte...byte) : nil
        }
    }

    private mutating func escape() -> ByteClass? {
        guard let byte = peek else { return nil }
        index += 1
        if byte == UInt8(ascii: "d") { return Self.digitClass }
        return Self.isPunctuation(byte) ? ByteClass(byte...byte) : nil
    }

    private mutating func bracketExpression() -> ByteClass? {
        let isNegated = take("^")
        var members = ByteClass()
        var isEmpty = true
        while let byte = peek, byte != UInt8(ascii: "]") {
            guard let first = bracketByte() else { return nil }
            var last = first
            // A hyphen at the end is one.
            if peek == UInt8(ascii: "-"), index + 1 < pattern.count, pattern[index + 1] != UInt8(ascii: "]") {
                index += 1
                guard let end = bracketByte(), end >= first else { return nil }
                last = end
            }
            for byte in first...last { members.insert(byte) }
            isEmpty = false
        }
        guard take("]"), !isEmpty else { return nil }
        // Bytes of longer characters are no members, and all are in a negated class, as every such character is.
        return isNegated ? members.complement : members
    }

    private mutating func bracketByte() -> UInt8? {
        guard let byte = peek, byte < 0x80, byte != UInt8(ascii: "["), byte != UInt8(ascii: "\\"), byte != UInt8(ascii: "&"), byte != UInt8(ascii: "^")
        else { return nil }
        index += 1
        return byte
    }

    // MARK: Literals

    /// Joins what differs only in its form.
    private static func merged(_ partials: [Partial]) -> [HostLiteral] {
        var forms: [HostLiteral.Wildcard?: [[UInt8]: HostForms]] = [:]
        for partial in partials {
            forms[partial.wildcard, default: [:]][partial.text, default: []].insert(partial.hasPort ? .port : .plain)
        }
        var literals: [HostLiteral] = []
        for (wildcard, texts) in forms {
            var kept: [[UInt8]: HostForms] = [:]
            for (text, own) in texts.sorted(by: { $0.key.count < $1.key.count }) {
                // `a.` in a form is `a` in the form with a dot, if `a` is among them.
                if text.last == UInt8(ascii: "."), let base = kept[Array(text.dropLast())] {
                    kept[Array(text.dropLast())] = base.union(own.dotted)
                } else {
                    kept[text] = own
                }
            }
            for (text, all) in kept { literals.append(HostLiteral(wildcard: wildcard, text: text, forms: all)) }
        }
        return literals.sorted { $0.text.lexicographicallyPrecedes($1.text) }
    }
}

extension ByteClass {
    init(_ range: ClosedRange<UInt8>) {
        for byte in range { insert(byte) }
    }

    /// The byte of a class of one.
    var onlyByte: UInt8? {
        let counts = words.0.nonzeroBitCount + words.1.nonzeroBitCount + words.2.nonzeroBitCount + words.3.nonzeroBitCount
        guard counts == 1 else { return nil }
        var index = 0
        for word in [words.0, words.1, words.2, words.3] {
            if word != 0 { return UInt8(index + word.trailingZeroBitCount) }
            index += 64
        }
        return nil
    }
}
