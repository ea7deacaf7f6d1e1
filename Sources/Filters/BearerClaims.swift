public import Bytes
import HTTP

/// The claims of the JWT in `Authorization: Bearer …`, whose signature nobody has checked: they may route and label, not authorize.
public enum BearerClaims {
    /// Lends the payload's JSON text; nil without a token of three parts.
    ///
    /// Decoded anew by every predicate or filter that asks: that costs less than keeping decoded tokens by their text would.
    public static func withPayload<Result>(of context: FilterContext, _ body: (BorrowedBytes) -> Result) -> Result? {
        guard let value = context.request.headers.first(.authorization), value.hasPrefix("Bearer "),
            let payload = payload(ofToken: value.slice(7, value.count)),
            payload.count <= Limits.jwtPayloadBytesMax
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
    public static func claim(_ name: [UInt8], in payload: BorrowedBytes, satisfies test: (BorrowedBytes) -> Bool) -> Bool {
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
