internal import Bytes

/// Finds what every host that a regexp matches ends in, so that routes with regexps of their own are found by the end of a host's name and only
/// those few are matched: `^api-v[0-9]+[.]shop[.]example[.]org$` needs `.shop.example.org`.
///
/// What it does not understand for certain it gives up on; nil costs speed only.
struct HostEndingReader {
    /// Ways in which the text so far may end.
    private struct Ending: Hashable {
        /// The bytes since the last part that is no literal.
        var text: [UInt8] = []
        /// Whether anything may stand before.
        var isOpen = false
        var hasPort = false

        /// Of a text longer than any name of a host the last bytes are kept, so that a pattern does not cost the square of its length.
        func followed(by end: Ending) -> Ending {
            let whole = text + end.text
            let isCut = whole.count > HostEndingReader.textMax
            return Ending(text: isCut ? Array(whole.suffix(HostEndingReader.textMax)) : whole, isOpen: isOpen || isCut, hasPort: end.hasPort)
        }
    }

    private enum Element {
        case endings([Ending])
        /// One of the digits.
        case digit
    }

    private let pattern: BorrowedBytes
    private var index = 0
    private var depth = 0

    private static let endingsMax = 256
    /// Twice what DNS allows.
    private static let textMax = 512
    private static let depthMax = 32

    /// Names' ends from a dot on, one of which every host that matches has, port and final dot left aside.
    static func read(_ pattern: BorrowedBytes) -> [[UInt8]]? {
        var reader = HostEndingReader(pattern: pattern)
        guard let endings = reader.alternation(), reader.index == pattern.count else { return nil }
        var ends: Set<[UInt8]> = []
        for ending in endings {
            guard let end = labels(of: ending) else { return nil }
            ends.insert(end)
        }
        return ends.sorted { $0.lexicographicallyPrecedes($1) }
    }

    private init(pattern: BorrowedBytes) { self.pattern = pattern }

    /// Whole labels, as many as the table looks at.
    private static func labels(of ending: Ending) -> [UInt8]? {
        var text = ending.text[...]
        if text.last == UInt8(ascii: ".") { text = text.dropLast() }
        let dots = text.indices.filter { text[$0] == UInt8(ascii: ".") }
        guard let first = dots.suffix(RoutingLimits.suffixLabelsMax).first else { return nil }
        return Array(text[first...])
    }

    // MARK: Grammar

    private mutating func alternation() -> [Ending]? {
        guard depth < Self.depthMax else { return nil }
        depth += 1
        defer { depth -= 1 }
        guard var all = sequence() else { return nil }
        while take("|") {
            guard let more = sequence(), all.count + more.count <= Self.endingsMax else { return nil }
            all += more
        }
        return all
    }

    private mutating func sequence() -> [Ending]? {
        let start = index
        // Without an anchor anything may stand before; it changes no ending.
        if depth == 1 { _ = take("^") }
        var all: Set<Ending> = [Ending(isOpen: depth == 1 && index == start)]
        while let byte = peek, byte != UInt8(ascii: ")"), byte != UInt8(ascii: "|"), byte != UInt8(ascii: "$") {
            guard let element = element(), let joined = join(all, element) else { return nil }
            all = joined
        }
        // A host may go on behind what is not anchored.
        if depth == 1, !take("$") { return nil }
        if depth == 1, let byte = peek, byte != UInt8(ascii: "|") { return nil }
        return Array(all)
    }

    private mutating func element() -> Element? {
        guard let atom = atom() else { return nil }
        switch peek {
        case UInt8(ascii: "?"):
            index += 1
            _ = take("?")
            guard case .endings(let endings) = atom else { return open }
            return isQuantifier(peek) ? nil : .endings(endings + [Ending()])
        case UInt8(ascii: "+"), UInt8(ascii: "*"):
            let isDigits = if case .digit = atom { peek == UInt8(ascii: "+") } else { false }
            index += 1
            _ = take("?")
            if isQuantifier(peek) { return nil }
            return isDigits ? .digit : open
        case UInt8(ascii: "{"):
            guard skipRepetition(), !isQuantifier(peek) else { return nil }
            return open
        default:
            if case .digit = atom { return open }
            return atom
        }
    }

    /// Anything: what stood before is no ending any more.
    private var open: Element { .endings([Ending(isOpen: true)]) }

    private mutating func atom() -> Element? {
        guard let byte = peek, byte < 0x80 else { return nil }
        index += 1
        switch byte {
        case UInt8(ascii: "("):
            if take("?") { guard take(":") else { return nil } }
            guard let inner = alternation(), take(")") else { return nil }
            return .endings(inner)
        case UInt8(ascii: "["): return bracketExpression()
        case UInt8(ascii: "."): return open
        case UInt8(ascii: "\\"): return escape()
        case UInt8(ascii: "^"), UInt8(ascii: "*"), UInt8(ascii: "+"), UInt8(ascii: "?"), UInt8(ascii: "{"), UInt8(ascii: "}"), UInt8(ascii: "]"): return nil
        default: return byte > 0x20 ? .endings([Ending(text: [byte])]) : nil
        }
    }

    private mutating func escape() -> Element? {
        guard let byte = peek, byte > 0x20, byte < 0x7f else { return nil }
        index += 1
        switch byte {
        case UInt8(ascii: "d"): return .digit
        case UInt8(ascii: "w"), UInt8(ascii: "s"), UInt8(ascii: "D"), UInt8(ascii: "W"), UInt8(ascii: "S"): return open
        default: return ASCII.isLetter(byte) || ASCII.isDigit(byte) ? nil : .endings([Ending(text: [byte])])
        }
    }

    /// A class of one plain byte is that byte.
    private mutating func bracketExpression() -> Element? {
        let start = index
        while let byte = peek, byte != UInt8(ascii: "]") || index == start {
            // Named classes, escapes and a bracket at the beginning are read in more than one way.
            guard byte < 0x80, byte != UInt8(ascii: "["), byte != UInt8(ascii: "\\"), byte != UInt8(ascii: "]") else { return nil }
            index += 1
        }
        let members = pattern.slice(start, index)
        guard take("]"), members.first != UInt8(ascii: "^") || members.count > 1 else { return nil }
        if members.count == 1, members[0] != UInt8(ascii: "^") { return .endings([Ending(text: [members[0]])]) }
        return members.equals("0-9") ? .digit : open
    }

    /// `{2}`, `{2,}` or `{2,3}`.
    private mutating func skipRepetition() -> Bool {
        guard take("{") else { return false }
        let start = index
        while let byte = peek, ASCII.isDigit(byte) || byte == UInt8(ascii: ",") { index += 1 }
        let hasNumber = index > start && ASCII.isDigit(pattern[start])
        guard hasNumber, take("}") else { return false }
        _ = take("?")
        return true
    }

    private func join(_ all: Set<Ending>, _ element: Element) -> Set<Ending>? {
        var joined: Set<Ending> = []
        switch element {
        case .digit:
            for var ending in all {
                if ending.text.last == UInt8(ascii: ":"), !ending.hasPort {
                    ending.text.removeLast()
                    ending.hasPort = true
                    joined.insert(ending)
                } else {
                    joined.insert(Ending(isOpen: true))
                }
            }
        case .endings(let ends):
            for start in all {
                for end in ends {
                    if end.isOpen {
                        joined.insert(end)
                    } else if end.text.isEmpty, !end.hasPort {
                        joined.insert(start)
                    } else {
                        // A port ends the host.
                        if start.hasPort { return nil }
                        joined.insert(start.followed(by: end))
                    }
                }
            }
        }
        return joined.count <= Self.endingsMax ? joined : nil
    }

    // MARK: Characters

    private var peek: UInt8? { index < pattern.count ? pattern[index] : nil }

    private func isQuantifier(_ byte: UInt8?) -> Bool {
        byte == UInt8(ascii: "?") || byte == UInt8(ascii: "*") || byte == UInt8(ascii: "+") || byte == UInt8(ascii: "{")
    }

    private mutating func take(_ character: Unicode.Scalar) -> Bool {
        guard peek == UInt8(ascii: character) else { return false }
        index += 1
        return true
    }
}
