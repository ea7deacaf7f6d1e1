import Bytes
import Eskip
import Filters
import HTTP
import Regexp

/// The Forwarded field of a request, RFC 7239 §4, as far as predicates read it.
enum ForwardedField {
    /// The last non-empty value of a parameter in the first line; empty if the line has none; nil without the field.
    ///
    /// The parameter's name counts in lower case alone, as Skipper reads it and as all send it; RFC 7239 would have any case.
    static func last(_ parameter: StaticString, in headers: borrowing Headers) -> BorrowedBytes? {
        guard let line = headers.first(.forwarded) else { return nil }
        var found = BorrowedBytes("")
        var start = 0
        while start <= line.count {
            let end = line.firstIndex(where: start)
            let pair = line.slice(start, end).trimmed
            start = end + 1
            guard let equals = pair.firstIndex(of: UInt8(ascii: "="), from: 0),
                pair.slice(0, equals).equals(parameter) else { continue }
            let value = unquoted(pair.slice(equals + 1, pair.count))
            if !value.isEmpty { found = value }
        }
        return found
    }

    private static func unquoted(_ value: BorrowedBytes) -> BorrowedBytes {
        var start = 0
        var end = value.count
        if start < end, value[start] == UInt8(ascii: "\"") { start += 1 }
        if start < end, value[end - 1] == UInt8(ascii: "\"") { end -= 1 }
        return value.slice(start, end)
    }
}

extension BorrowedBytes {
    /// Offset of the next comma or semicolon, the end if there is none.
    fileprivate func firstIndex(where start: Int) -> Int {
        var index = start
        while index < count, self[index] != UInt8(ascii: ","), self[index] != UInt8(ascii: ";") { index += 1 }
        return index
    }
}

/// `ForwardedHost`: the host that the nearest proxy was asked for matches.
final class ForwardedHostPredicate: Predicate, @unchecked Sendable {
    private let regexp: CompiledRegexp

    init(_ regexp: CompiledRegexp) { self.regexp = regexp }

    override func matches(_ context: FilterContext) -> Bool {
        guard let host = ForwardedField.last("host", in: context.request.headers) else { return false }
        return regexp.matches(host)
    }
}

/// `ForwardedProtocol`: the scheme that the nearest proxy was asked by.
final class ForwardedProtocolPredicate: Predicate, @unchecked Sendable {
    private let isSecure: Bool

    init(isSecure: Bool) { self.isSecure = isSecure }

    override func matches(_ context: FilterContext) -> Bool {
        guard let scheme = ForwardedField.last("proto", in: context.request.headers) else { return false }
        return isSecure ? scheme.equals("https") : scheme.equals("http")
    }
}

/// `OTelBaggage`: the W3C `baggage` field has a member of this key, with this value if one is given.
final class BaggagePredicate: Predicate, @unchecked Sendable {
    private let key: [UInt8]
    private let value: [UInt8]?
    private let field = FieldName("baggage")

    init(_ key: [UInt8], _ value: [UInt8]?) {
        self.key = key
        self.value = value
    }

    override func matches(_ context: FilterContext) -> Bool {
        var isFound = false
        context.request.headers.forEachValue(field) { line in
            forEachListElement(line) { isFound = isFound || matches(member: $0) }
            return !isFound
        }
        return isFound
    }

    /// `key=value;property;property`, the value percent-encoded.
    private func matches(member: BorrowedBytes) -> Bool {
        let pair = member.slice(0, member.firstIndex(of: UInt8(ascii: ";"), from: 0) ?? member.count)
        guard let equals = pair.firstIndex(of: UInt8(ascii: "="), from: 0),
            key.withUnsafeBytes({ pair.slice(0, equals).trimmed.equals($0) }) else { return false }
        guard let value else { return true }
        return value.withUnsafeBytes { Self.decoded(pair.slice(equals + 1, pair.count).trimmed, equals: $0) }
    }

    private static func decoded(_ text: BorrowedBytes, equals wanted: BorrowedBytes) -> Bool {
        var index = 0
        var position = 0
        while index < text.count {
            var byte = text[index]
            if byte == UInt8(ascii: "%"), let escaped = PathNormalizer.escape(text, index) {
                byte = escaped
                index += 2
            }
            guard position < wanted.count, byte == wanted[position] else { return false }
            index += 1
            position += 1
        }
        return position == wanted.count
    }
}

extension PredicateRegistry {
    static let forwardedPredicates = [
        PredicateSpec("ForwardedHost") { arguments, _ throws(PredicateArgumentError) in
            try arguments.require(1...1, "a regexp")
            guard try !arguments.requiredString(0, "the pattern").isEmpty else {
                throw PredicateArgumentError("the pattern must not be empty")
            }
            return ForwardedHostPredicate(try arguments.requiredRegexp(0))
        },
        PredicateSpec("ForwardedProtocol") { arguments, _ throws(PredicateArgumentError) in
            try arguments.require(1...1, "\"http\" or \"https\"")
            let scheme = try arguments.requiredString(0, "the protocol")
            guard scheme == "http" || scheme == "https" else {
                throw PredicateArgumentError("takes \"http\" or \"https\", found \"\(scheme)\"")
            }
            return ForwardedProtocolPredicate(isSecure: scheme == "https")
        },
        PredicateSpec("OTelBaggage") { arguments, _ throws(PredicateArgumentError) in
            try arguments.require(1...2, "a key, and a value if it matters")
            let key = Array(try arguments.requiredString(0, "the key").utf8)
            guard !key.isEmpty else { throw PredicateArgumentError("the key must not be empty") }
            return BaggagePredicate(key, arguments.count == 2 ? Array(try arguments.requiredString(1, "the value").utf8) : nil)
        },
    ]
}
