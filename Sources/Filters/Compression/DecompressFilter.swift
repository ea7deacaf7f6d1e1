internal import Bytes
internal import HTTP

/// `decompress`: takes response bodies out of their codings, so that other filters and old clients can read them.
final class DecompressFilter: Filter, @unchecked Sendable {
    /// What a later filter finds in the state bag when the codings were not all known.
    static let notPossibleKey = "filter::decompress::not-possible"

    override func response(_ context: FilterContext) -> FilterAction {
        guard context.response.headers.index(of: .contentEncoding) != nil else { return .next }
        guard let codings = DecompressFilter.codings(context), !codings.isEmpty else {
            context.bag[DecompressFilter.notPossibleKey] = "true"
            return .next
        }
        if context.hasResponseBody {
            for coding in codings.reversed() { context.transformResponseBody(CodedBody(coding.decoder())) }
        }
        context.response.headers.removeAll(.contentLength)
        context.response.headers.removeAll(.contentEncoding)
        context.response.headers.removeAll(.vary)
        return .next
    }

    /// The codings in the order they were applied; nil if one is unknown or they are too many.
    private static func codings(_ context: FilterContext) -> [ContentCoding]? {
        var codings: [ContentCoding] = []
        var isKnown = true
        context.response.headers.forEachValue(.contentEncoding) { value in
            forEachListElement(value) { name in
                guard let coding = ContentCoding(name), codings.count < StreamCodecLimits.stackedCodingsMax else { isKnown = false; return }
                codings.append(coding)
            }
            return isKnown
        }
        return isKnown ? codings : nil
    }
}
