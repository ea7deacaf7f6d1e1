/// Where Go's regexp syntax and that of the RE2 library differ.
///
/// Their defaults agree (Perl classes, `^` and `$` at the text's ends, leftmost-first), with two exceptions: Go reads
/// `(?<name>…)` as `(?P<name>…)`, which RE2 learned in 2023 only, and it has no `\C`, which in RE2 matches half a character.
enum GoDialect {
    /// The pattern as RE2 should read it; throws at `\C`.
    static func translate(_ pattern: String) throws(RegexpError) -> [UInt8] {
        let bytes = Array(pattern.utf8)
        var reader = Reader(bytes: bytes)
        guard let translated = reader.translate() else {
            throw RegexpError(pattern: pattern, reason: .badEscape, fragment: "\\C")
        }
        return translated
    }

    /// Whether every match must start at the beginning of the text: a leading `^` that no top-level `|` leaves behind.
    ///
    /// Conservative: `false` only costs speed.
    static func isAnchored(_ pattern: [UInt8]) -> Bool {
        guard pattern.first == UInt8(ascii: "^") else { return false }
        var depth = 0
        var reader = Reader(bytes: pattern)
        while let token = reader.next() {
            switch token {
            case .syntax(UInt8(ascii: "(")): depth += 1
            case .syntax(UInt8(ascii: ")")): depth -= 1
            case .syntax(UInt8(ascii: "|")) where depth == 0: return false
            // `^?` and `^*` make the anchor optional.
            case .syntax(UInt8(ascii: "?")), .syntax(UInt8(ascii: "*")), .syntax(UInt8(ascii: "{")):
                if reader.index == 2 { return false }
            default: break
            }
        }
        return true
    }

    /// Tells the bytes of a pattern that are syntax from those that are escaped, quoted or within a class.
    private struct Reader {
        enum Token {
            case syntax(UInt8)
            case escape(UInt8)
            case quoted
        }

        let bytes: [UInt8]
        var index = 0
        private var isInQuote = false
        private var isInClass = false

        init(bytes: [UInt8]) { self.bytes = bytes }

        mutating func next() -> Token? {
            guard index < bytes.count else { return nil }
            let byte = bytes[index]
            index += 1
            if byte == UInt8(ascii: "\\"), index < bytes.count { return escape() }
            if isInQuote { return .quoted }
            if isInClass {
                if byte == UInt8(ascii: "]") { isInClass = false }
                // The `]` of `[:alpha:]` does not end the class around it.
                if byte == UInt8(ascii: "["), index < bytes.count, bytes[index] == UInt8(ascii: ":") { skipNamedClass() }
                return .quoted
            }
            if byte == UInt8(ascii: "[") { enterClass() }
            return .syntax(byte)
        }

        private mutating func escape() -> Token {
            let escaped = bytes[index]
            if isInQuote {
                guard escaped == UInt8(ascii: "E") else { return .quoted }
                isInQuote = false
            } else if escaped == UInt8(ascii: "Q"), !isInClass {
                isInQuote = true
            }
            index += 1
            return isInClass ? .quoted : .escape(escaped)
        }

        private mutating func enterClass() {
            isInClass = true
            if index < bytes.count, bytes[index] == UInt8(ascii: "^") { index += 1 }
            // A `]` that comes first is a member.
            if index < bytes.count, bytes[index] == UInt8(ascii: "]") { index += 1 }
        }

        private mutating func skipNamedClass() {
            var end = index + 1
            while end + 1 < bytes.count, bytes[end] != UInt8(ascii: "]") {
                if bytes[end] == UInt8(ascii: ":"), bytes[end + 1] == UInt8(ascii: "]") {
                    index = end + 2
                    return
                }
                end += 1
            }
        }

        mutating func translate() -> [UInt8]? {
            var translated: [UInt8] = []
            translated.reserveCapacity(bytes.count + 8)
            var start = 0
            while let token = next() {
                if case .escape(UInt8(ascii: "C")) = token { return nil }
                translated += bytes[start..<index]
                if case .syntax(UInt8(ascii: "(")) = token, opensNamedGroup {
                    translated += "?P".utf8
                    index += 1
                }
                start = index
            }
            return translated
        }

        /// What follows is `?<` and neither of the look-behinds `?<=` and `?<!`.
        private var opensNamedGroup: Bool {
            index + 2 < bytes.count && bytes[index] == UInt8(ascii: "?") && bytes[index + 1] == UInt8(ascii: "<")
                && bytes[index + 2] != UInt8(ascii: "=") && bytes[index + 2] != UInt8(ascii: "!")
        }
    }
}
