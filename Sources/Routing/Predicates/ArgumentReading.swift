import Eskip
import Regexp

/// What predicates ask of their arguments, with the messages for those who wrote others.
extension Arguments {
    /// - Parameter shape: what is allowed, such as `"a name and a regexp"`.
    func require(_ counts: ClosedRange<Int>, _ shape: String) throws(PredicateArgumentError) {
        guard counts.contains(count) else { throw PredicateArgumentError("takes \(shape), found \(countText)") }
    }

    func require(atLeast minimum: Int, _ shape: String) throws(PredicateArgumentError) {
        guard count >= minimum else { throw PredicateArgumentError("takes \(shape), found \(countText)") }
    }

    func requiredString(_ position: Int, _ what: String) throws(PredicateArgumentError) -> String {
        guard let string = string(at: position) else { throw wrongType(position, what, "a string") }
        return string
    }

    func requiredNumber(_ position: Int, _ what: String) throws(PredicateArgumentError) -> Double {
        guard let number = number(at: position) else { throw wrongType(position, what, "a number") }
        return number
    }

    func requiredStrings(_ shape: String) throws(PredicateArgumentError) -> [String] {
        try require(atLeast: 1, shape)
        guard let strings = allStrings() else { throw PredicateArgumentError("takes \(shape), found a number") }
        return strings
    }

    func requiredRegexp(_ position: Int) throws(PredicateArgumentError) -> CompiledRegexp {
        let pattern = try requiredString(position, "the pattern")
        do throws(RegexpError) {
            return try CompiledRegexp.shared(pattern)
        } catch {
            throw PredicateArgumentError(error.description)
        }
    }

    private func wrongType(_ position: Int, _ what: String, _ type: String) -> PredicateArgumentError {
        let found = position < count ? (number(at: position) == nil ? "a string" : "a number") : "nothing"
        return PredicateArgumentError("\(what) (argument \(position + 1)) must be \(type), found \(found)")
    }

    var countText: String { count == 1 ? "1 argument" : "\(count) arguments" }
}
