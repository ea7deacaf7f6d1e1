import Bytes
import Eskip
import Filters
import HTTP
import Regexp

/// The cookies of a request, RFC 6265 §4.2: over all Cookie lines, quotes around values stripped, malformed ones left out.
enum RequestCookies {
    /// The first cookie of this name; names are case-sensitive.
    static func first(_ name: [UInt8], in headers: borrowing Headers) -> BorrowedBytes? {
        name.withUnsafeBytes { wanted in
            var line = headers.index(of: .cookie)
            while let index = line {
                if let value = value(of: wanted, in: headers.value(at: index)) { return value }
                line = headers.index(of: .cookie, from: index + 1)
            }
            return nil
        }
    }

    private static func value(of name: BorrowedBytes, in line: BorrowedBytes) -> BorrowedBytes? {
        var start = 0
        while start < line.count {
            let end = line.firstIndex(of: UInt8(ascii: ";"), from: start) ?? line.count
            let pair = line.slice(start, end).trimmed
            start = end + 1
            let equals = pair.firstIndex(of: UInt8(ascii: "="), from: 0) ?? pair.count
            guard pair.slice(0, equals).trimmed.equals(name) else { continue }
            let value = unquoted(pair.slice(min(equals + 1, pair.count), pair.count))
            if value.allSatisfy({ isValueByte($0) }) { return value }
        }
        return nil
    }

    private static func unquoted(_ value: BorrowedBytes) -> BorrowedBytes {
        guard value.count >= 2, value.first == UInt8(ascii: "\""), value.last == UInt8(ascii: "\"") else { return value }
        return value.slice(1, value.count - 1)
    }

    private static func isValueByte(_ byte: UInt8) -> Bool {
        byte >= 0x20 && byte < 0x7f && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "\\")
    }
}

/// `Cookie`: the first cookie of this name matches.
final class CookiePredicate: Predicate, @unchecked Sendable {
    private let name: [UInt8]
    private let regexp: CompiledRegexp

    init(_ name: [UInt8], _ regexp: CompiledRegexp) {
        self.name = name
        self.regexp = regexp
    }

    override func matches(_ context: FilterContext) -> Bool {
        guard let value = RequestCookies.first(name, in: context.request.headers) else { return false }
        return regexp.matches(value)
    }
}

extension PredicateRegistry {
    static let cookiePredicates = [
        PredicateSpec("Cookie") { arguments, _ throws(PredicateArgumentError) in
            try arguments.require(2...2, "a name and a regexp")
            return CookiePredicate(Array(try arguments.requiredString(0, "the name").utf8), try arguments.requiredRegexp(1))
        }
    ]
}
