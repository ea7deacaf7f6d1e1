import Bytes
import HTTP

/// `unverifiedAuditLog`: who the bearer token says its holder is, for the access log's last column. Nobody checked it.
final class UnverifiedAudit: Filter, @unchecked Sendable {
    /// The access log reads it, and it goes upstream.
    private static let field = FieldName("X-Unverified-Audit")
    private static let allowed = ByteSet("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_/:?=&%@.#-")
    private let claims: [[UInt8]]

    init(_ arguments: ArgumentReader) throws(FilterArgumentError) {
        let names = try arguments.texts().map { Array($0.utf8) }
        claims = names.isEmpty ? [Array("sub".utf8)] : names
    }

    override func request(_ context: FilterContext) -> FilterAction {
        // What a client writes there itself would pass for what its token says.
        context.removeValues(.request, UnverifiedAudit.field)
        context.withScratch { value in
            guard readClaim(context, into: &value) else { return }
            let isClean = value.allSatisfy { UnverifiedAudit.allowed.contains($0) }
            value.withUnsafeBytes {
                context.setValue(.request, UnverifiedAudit.field, isClean ? $0 : BorrowedBytes("<invalid-sub>"))
            }
        }
        return .next
    }

    /// The first of the claims that is text.
    private func readClaim(_ context: FilterContext, into value: inout [UInt8]) -> Bool {
        BearerClaims.withPayload(of: context) { payload in
            for claim in claims {
                let isText = BearerClaims.claim(claim, in: payload) { text in
                    value.removeAll(keepingCapacity: true)
                    value += text
                    return true
                }
                if isText { return true }
            }
            return false
        } ?? false
    }
}
