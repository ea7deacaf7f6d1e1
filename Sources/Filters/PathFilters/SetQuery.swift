import Bytes
import HTTP

/// `setQuery(key, value)`: one parameter instead of all of this name; placeholders without a value become nothing.
final class SetQuery: Filter, @unchecked Sendable {
    private let key: TemplateText
    private let value: TemplateText

    init(_ arguments: ArgumentReader) throws(FilterArgumentError) {
        key = try arguments.template(0)
        value = try arguments.template(1)
    }

    override func request(_ context: FilterContext) -> FilterAction {
        context.withScratch { text in
            _ = key.append(context, .request, to: &text)
            let keyEnd = text.count
            _ = value.append(context, .request, to: &text)
            text.withUnsafeBytes { text in
                context.request.setQueryParameter(text.slice(0, keyEnd), text.slice(keyEnd, text.count))
            }
        }
        return .next
    }
}

/// `setQuery(query)`: another raw query.
final class SetRawQuery: Filter, @unchecked Sendable {
    private let query: TemplateText

    init(_ query: TemplateText) { self.query = query }

    override func request(_ context: FilterContext) -> FilterAction {
        query.withExpansion(context, .request) { query, _ in context.request.setQuery(raw: query) }
        return .next
    }
}

/// `dropQuery`: without the parameter.
final class DropQuery: Filter, @unchecked Sendable {
    private let key: TemplateText

    init(_ arguments: ArgumentReader) throws(FilterArgumentError) { key = try arguments.template(0) }

    override func request(_ context: FilterContext) -> FilterAction {
        key.withExpansion(context, .request) { key, _ in context.request.setQueryParameter(key, nil) }
        return .next
    }
}

/// `stripQuery`: no query; its values may go on as `X-Query-Param-<name>`.
final class StripQuery: Filter, @unchecked Sendable {
    private static let prefix: StaticString = "X-Query-Param-"
    private let preserves: Bool

    init(_ arguments: ArgumentReader) throws(FilterArgumentError) {
        preserves = arguments.count == 1 ? try arguments.text(0).lowercased() == "true" : false
    }

    override func request(_ context: FilterContext) -> FilterAction {
        if preserves { copyToHeaders(context) }
        context.request.setQuery(BorrowedBytes(start: nil, count: 0))
        return .next
    }

    private func copyToHeaders(_ context: FilterContext) {
        context.withScratch { text in
            // Fields grow the block that the query stands in.
            text += context.request.query
            text.withUnsafeBytes { query in
                QueryString.forEachPair(query) { key, value in appendHeader(context, key, value) }
            }
        }
    }

    private func appendHeader(_ context: FilterContext, _ key: BorrowedBytes, _ value: BorrowedBytes) {
        let prefix = BorrowedBytes(StripQuery.prefix)
        withUnsafeTemporaryAllocation(byteCount: prefix.count + key.count, alignment: 1) { name in
            name.copyMemory(from: prefix)
            let decoded = UnsafeMutableRawBufferPointer(rebasing: name[prefix.count...])
            let count = StripQuery.reduce(decoded, QueryString.decode(key, into: decoded))
            guard prefix.count + count <= Limits.fieldNameBytesMax else { return }
            withUnsafeTemporaryAllocation(byteCount: max(1, value.count), alignment: 1) { text in
                let text = BorrowedBytes(rebasing: text[..<QueryString.decode(value, into: text)])
                context.appendValue(.request, named: BorrowedBytes(rebasing: name[..<(prefix.count + count)]), text)
            }
        }
    }

    /// Keeps letters, digits and `-`.
    private static func reduce(_ name: UnsafeMutableRawBufferPointer, _ count: Int) -> Int {
        var kept = 0
        for byte in name[..<count] where ASCII.isLetter(byte) || ASCII.isDigit(byte) || byte == UInt8(ascii: "-") {
            name[kept] = byte
            kept += 1
        }
        return kept
    }
}
