import Bytes
import Crypto
import Eskip
import Filters
import HTTP
import Regexp

/// The claims of the JWT in `Authorization: Bearer …`, whose signature nobody has checked: routing is not authorization.
enum BearerClaims {
    /// Lends the payload's JSON text; nil without a token of three parts.
    ///
    /// Decoded anew by every predicate that asks: that costs less than keeping decoded tokens by their text would.
    static func withPayload<Result>(of context: FilterContext, _ body: (BorrowedBytes) -> Result) -> Result? {
        guard let value = context.request.headers.first(.authorization), value.hasPrefix("Bearer "),
            let payload = payload(ofToken: value.slice(7, value.count)),
            payload.count <= RoutingLimits.jwtPayloadBytesMax
        else { return nil }
        return withUnsafeTemporaryAllocation(byteCount: payload.count / 4 * 3 + 2, alignment: 1) { buffer in
            guard let count = Base64.decode(payload, alphabet: .urlSafe, padding: .absent, into: buffer) else { return nil }
            return body(BorrowedBytes(buffer).slice(0, count))
        }
    }

    /// The second of three parts between dots, RFC 7515 §3.1.
    private static func payload(ofToken token: BorrowedBytes) -> BorrowedBytes? {
        let dot = UInt8(ascii: ".")
        guard let first = token.firstIndex(of: dot, from: 0), let second = token.firstIndex(of: dot, from: first + 1),
            token.firstIndex(of: dot, from: second + 1) == nil
        else { return nil }
        return token.slice(first + 1, second)
    }

    /// Whether the claim is a string that `test` accepts; of several members of the name the last one counts.
    static func claim(_ name: [UInt8], in payload: BorrowedBytes, satisfies test: (BorrowedBytes) -> Bool) -> Bool {
        var isSatisfied = false
        let isWellFormed = name.withUnsafeBytes { wanted in
            JSONText.forEachStringMember(payload) { member, value in
                guard member.withText({ $0.equals(wanted) }) else { return }
                isSatisfied = value?.withText(test) ?? false
            }
        }
        return isWellFormed && isSatisfied
    }
}

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
        guard count.isMultiple(of: 2) else { throw PredicateArgumentError("takes \(shape), found \(count) arguments") }
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
