import Bytes
import HTTP

/// `headerToQuery`: a query parameter becomes the header's first value, or empty without the header.
final class HeaderToQuery: Filter, @unchecked Sendable {
    private let header: FieldName
    private let parameter: [UInt8]

    init(_ arguments: ArgumentReader) throws(FilterArgumentError) {
        header = try arguments.fieldName(0)
        parameter = try arguments.bytes(1)
    }

    override func request(_ context: FilterContext) -> FilterAction {
        // The value moves out of the head's block first, which the new query may outgrow.
        context.withScratch { value in
            if let field = context.value(.request, header) { value += field }
            value.withUnsafeBytes { value in
                parameter.withUnsafeBytes { context.request.setQueryParameter($0, value) }
            }
        }
        return .next
    }
}

/// `queryToHeader`: a header that the request lacks becomes a query parameter's value, set into a format with one `%s`.
final class QueryToHeader: Filter, @unchecked Sendable {
    private let parameter: [UInt8]
    private let header: FieldName
    private let prefix: [UInt8]
    private let suffix: [UInt8]

    init(_ arguments: ArgumentReader) throws(FilterArgumentError) {
        parameter = try arguments.bytes(0)
        header = try arguments.fieldName(1)
        let format = arguments.count > 2 ? try arguments.bytes(2) : Array("%s".utf8)
        guard let place = format.withUnsafeBytes({ $0.firstRange(of: BorrowedBytes("%s")) }) else {
            throw arguments.refusal(2, "a format with %s where the value goes")
        }
        prefix = Array(format[..<place])
        suffix = Array(format[(place + 2)...])
    }

    override func request(_ context: FilterContext) -> FilterAction {
        if let value = context.value(.request, header), !value.isEmpty { return .next }
        context.withScratch { value in
            value += prefix
            let isFound = parameter.withUnsafeBytes { QueryString.appendFirst($0, of: context.request.query, to: &value) }
            guard isFound else { return }
            value += suffix
            value.withUnsafeBytes { context.setValue(.request, header, $0) }
        }
        return .next
    }
}
