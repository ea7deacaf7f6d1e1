import HTTP

/// `setPath`: another path; placeholders without a value become nothing.
final class SetPath: Filter, @unchecked Sendable {
    private let path: TemplateText

    init(_ arguments: ArgumentReader) throws(FilterArgumentError) { path = try arguments.template(0) }

    override func request(_ context: FilterContext) -> FilterAction {
        path.withExpansion(context, .request) { path, _ in context.request.setPath(decoded: path) }
        return .next
    }
}

/// `rfcPath`: reserved characters that came percent-encoded stay so in the path that filters and routes see.
final class RFCPath: Filter, @unchecked Sendable {
    override func request(_ context: FilterContext) -> FilterAction {
        context.request.keepReservedEncoded()
        return .next
    }
}
