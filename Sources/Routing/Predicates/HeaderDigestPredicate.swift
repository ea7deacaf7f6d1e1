import Bytes
import Crypto
import Eskip
import Filters
import HTTP

/// `HeaderSHA256`: the SHA-256 of the field's first value is one of these.
final class HeaderDigestPredicate: Predicate, @unchecked Sendable {
    private let field: FieldName
    private let digests: [[UInt8]]

    init(_ field: FieldName, _ digests: [[UInt8]]) {
        self.field = field
        self.digests = digests
    }

    override func matches(_ context: FilterContext) -> Bool {
        guard field.known != .host, let value = context.request.headers.first(field), !value.isEmpty else { return false }
        let digest = SHA256.digest(value)
        // All are compared in full, so that the time tells nothing about how near a guess came.
        var isEqual = false
        digest.withBytes { digest in
            for wanted in digests where wanted.withUnsafeBytes({ ConstantTime.equals(digest, $0) }) { isEqual = true }
        }
        return isEqual
    }
}

extension PredicateRegistry {
    static let digestPredicates = [
        PredicateSpec("HeaderSHA256") { arguments, _ throws(PredicateArgumentError) in
            try arguments.require(atLeast: 2, "a header's name and SHA-256 hashes in hex")
            let name = try arguments.requiredString(0, "the name")
            var digests: [[UInt8]] = []
            for position in 1..<arguments.count {
                let text = try arguments.requiredString(position, "the hash")
                guard let digest = Hex.decode(text), digest.count == 32 else {
                    throw PredicateArgumentError("a SHA-256 hash has 64 hex digits, found \"\(text)\"")
                }
                digests.append(digest)
            }
            return HeaderDigestPredicate(FieldName(name), digests)
        },
    ]
}
