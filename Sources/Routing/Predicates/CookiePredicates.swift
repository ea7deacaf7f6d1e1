import Bytes
import Eskip
import Filters
import HTTP
import Regexp

/// `Cookie`: the first cookie of this name matches.
final class CookiePredicate: Predicate, @unchecked Sendable {
    private let name: [UInt8]
    private let regexp: CompiledRegexp

    init(_ name: [UInt8], _ regexp: CompiledRegexp) {
        self.name = name
        self.regexp = regexp
    }

    override func matches(_ context: FilterContext) -> Bool {
        let value = name.withUnsafeBytes { CookiePairs.value($0, in: context.request.headers) }
        return value.map { regexp.matches($0) } ?? false
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
