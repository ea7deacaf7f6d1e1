internal import Bytes
internal import Eskip
internal import HTTP

/// `compress`: puts response bodies into a coding that the client accepts.
final class CompressFilter: Filter, @unchecked Sendable {
    private let level: Int
    private let mediaTypes: [[UInt8]]
    private let preference: CodingPreference

    static let defaultLevel = 1
    static let defaultMediaTypes = [
        "text/plain", "text/html", "application/json", "application/javascript", "application/x-javascript", "text/javascript",
        "text/css", "image/svg+xml", "application/octet-stream",
    ]

    init(_ reader: ArgumentReader, _ environment: FilterEnvironment) throws(FilterArgumentError) {
        let hasLevel = reader.count > 0 && reader.arguments.number(at: 0) != nil
        level = hasLevel ? try CompressFilter.level(reader) : CompressFilter.defaultLevel
        var names = try reader.texts(from: hasLevel ? 1 : 0)
        if names.isEmpty { names = ["..."] }
        // `...` at the first place adds to the default types, anything else replaces them.
        if names[0] == "..." { names = CompressFilter.defaultMediaTypes + names.dropFirst() }
        mediaTypes = names.map { Array($0.utf8) }
        preference = CodingPreference(names: environment.compressEncodings)
    }

    /// Unlike other integers, a level with a fraction is refused.
    private static func level(_ reader: ArgumentReader) throws(FilterArgumentError) -> Int {
        guard let level = Int(exactly: try reader.number(0)), EncoderKind.levels.contains(level) else {
            throw reader.refusal(0, "a whole number from \(EncoderKind.levels.lowerBound) to \(EncoderKind.levels.upperBound)")
        }
        return level
    }

    override func response(_ context: FilterContext) -> FilterAction {
        guard let coding = coding(context) else { return .next }
        context.response.headers.removeAll(.contentLength)
        context.response.headers.set(.contentEncoding, BorrowedBytes(coding.name))
        if !context.response.headers.containsToken(.vary, "accept-encoding") {
            context.response.headers.append(.vary, BorrowedBytes("Accept-Encoding"))
        }
        context.transformResponseBody(CodedBody(EncoderKind(coding: coding, level: level).encoder(), statusWhenBroken: 500))
        return .next
    }

    /// The coding for this response, nil if it stays as it is. The answer to a HEAD looks like that to a GET.
    private func coding(_ context: FilterContext) -> ContentCoding? {
        guard let accepted = context.request.headers.first(.acceptEncoding), !accepted.isEmpty,
            context.hasResponseBody || context.request.method == .head && !Status.forbidsBody(context.response.status),
            isIdentity(context), !context.response.headers.containsToken(.cacheControl, "no-transform"),
            hasMediaType(context.response.headers.first(.contentType)), !isPart(context)
        else { return nil }
        return preference.best(for: accepted)
    }

    private func isIdentity(_ context: FilterContext) -> Bool {
        guard context.response.headers.mayContain(.contentEncoding) else { return true }
        var isIdentity = true
        context.response.headers.forEachValue(.contentEncoding) { value in
            isIdentity = isIdentity && (value.isEmpty || value.equalsIgnoringCase("identity"))
            return isIdentity
        }
        return isIdentity
    }

    /// Ranges count bytes of the selected representation (RFC 9110 §14.1): a part of a plain one is none of a compressed one.
    private func isPart(_ context: FilterContext) -> Bool {
        context.response.status == 206 && context.response.headers.contains(CompressFilter.contentRange)
    }

    private static let contentRange = FieldName("Content-Range")

    private func hasMediaType(_ contentType: BorrowedBytes?) -> Bool {
        guard let contentType else { return false }
        let end = contentType.firstIndex(of: UInt8(ascii: ";"), from: 0) ?? contentType.count
        let mediaType = contentType.slice(0, end).trimmed
        return mediaTypes.contains { $0.withUnsafeBytes { mediaType.equalsIgnoringCase($0) } }
    }
}
