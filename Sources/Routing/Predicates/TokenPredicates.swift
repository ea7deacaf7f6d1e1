import Bytes
import Crypto
import Eskip
import Filters
import HTTP
import Regexp

/// `JWTPayload…KV…`: some claim, or all of them, are strings that equal or match.
final class ClaimsPredicate: Predicate, @unchecked Sendable {
    enum Expectation: Sendable {
        case equal([UInt8])
        case matching(CompiledRegexp)

        func holds(_ value: BorrowedBytes) -> Bool {
            switch self {
            case .equal(let wanted): wanted.withUnsafeBytes { value.equals($0) }
            case .matching(let regexp): regexp.matches(value)
            }
        }
    }

    struct Claim: Sendable {
        let name: [UInt8]
        let expectation: Expectation
    }

    private let claims: [Claim]
    private let needsAll: Bool

    init(_ claims: [Claim], needsAll: Bool) {
        self.claims = claims
        self.needsAll = needsAll
    }

    override func matches(_ context: FilterContext) -> Bool {
        BearerClaims.withPayload(of: context) { payload in
            for claim in claims {
                let holds = BearerClaims.claim(claim.name, in: payload) { claim.expectation.holds($0) }
                if holds != needsAll { return holds }
            }
            return needsAll
        } ?? false
    }

    static func make(_ arguments: Arguments, needsAll: Bool, isRegexp: Bool) throws(PredicateArgumentError) -> Predicate {
        let shape = isRegexp ? "pairs of a claim and a regexp" : "pairs of a claim and a value"
        let count = try arguments.requiredStrings(shape).count
        guard count.isMultiple(of: 2) else { throw PredicateArgumentError("takes \(shape), found \(arguments.countText)") }
        var claims: [Claim] = []
        for position in stride(from: 0, to: count, by: 2) {
            let value = try arguments.requiredString(position + 1, "the value")
            claims.append(Claim(
                name: Array(try arguments.requiredString(position, "the claim").utf8),
                expectation: isRegexp ? .matching(try arguments.requiredRegexp(position + 1)) : .equal(Array(value.utf8))))
        }
        return ClaimsPredicate(claims, needsAll: needsAll)
    }
}

extension PredicateRegistry {
    static let tokenPredicates = [
        PredicateSpec("JWTPayloadAnyKV") { arguments, _ throws(PredicateArgumentError) in
            try ClaimsPredicate.make(arguments, needsAll: false, isRegexp: false)
        },
        PredicateSpec("JWTPayloadAllKV") { arguments, _ throws(PredicateArgumentError) in
            try ClaimsPredicate.make(arguments, needsAll: true, isRegexp: false)
        },
        PredicateSpec("JWTPayloadAnyKVRegexp") { arguments, _ throws(PredicateArgumentError) in
            try ClaimsPredicate.make(arguments, needsAll: false, isRegexp: true)
        },
        PredicateSpec("JWTPayloadAllKVRegexp") { arguments, _ throws(PredicateArgumentError) in
            try ClaimsPredicate.make(arguments, needsAll: true, isRegexp: true)
        },
    ]
}
