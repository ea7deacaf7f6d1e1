public import Bytes
public import HTTP

/// The pairs of Cookie fields, RFC 6265 §4.2.1, read as leniently as Go does: blanks around names and quotes around
/// values do not belong to them; pairs without a token as name are passed over.
public enum CookiePairs {
    /// The first value of the cookie, without quotes.
    public static func value(_ name: BorrowedBytes, in headers: borrowing Headers) -> BorrowedBytes? {
        var found: BorrowedBytes?
        headers.forEachValue(.cookie) { line in
            var rest = line
            while found == nil, let pair = nextPair(&rest) {
                if pair.name.equals(name) { found = pair.value }
            }
            return found == nil
        }
        return found
    }

    /// Whether some cookie of this name has this value.
    public static func contains(_ name: BorrowedBytes, _ value: BorrowedBytes, in headers: borrowing Headers) -> Bool {
        var isFound = false
        headers.forEachValue(.cookie) { line in
            var rest = line
            while !isFound, let pair = nextPair(&rest) {
                isFound = pair.name.equals(name) && pair.value.equals(value)
            }
            return !isFound
        }
        return isFound
    }

    struct Pair {
        let name: BorrowedBytes
        let value: BorrowedBytes
        /// Both as they stand in the line.
        let text: BorrowedBytes
    }

    /// Takes the next pair off the front of a line.
    static func nextPair(_ rest: inout BorrowedBytes) -> Pair? {
        while !rest.isEmpty {
            let end = rest.firstIndex(of: UInt8(ascii: ";"), from: 0) ?? rest.count
            let text = rest.slice(0, end).trimmed
            rest = rest.slice(min(end + 1, rest.count), rest.count)
            let middle = text.firstIndex(of: UInt8(ascii: "="), from: 0) ?? text.count
            let name = text.slice(0, middle).trimmed
            guard !name.isEmpty, name.allSatisfy({ ASCII.isToken($0) }) else { continue }
            return Pair(name: name, value: unquoted(text.slice(min(middle + 1, text.count), text.count)), text: text)
        }
        return nil
    }

    static func unquoted(_ value: BorrowedBytes) -> BorrowedBytes {
        let quote = UInt8(ascii: "\"")
        guard value.count > 1, value.first == quote, value.last == quote else { return value }
        return value.slice(1, value.count - 1)
    }
}
