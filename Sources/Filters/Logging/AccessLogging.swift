/// `enableAccessLog`, `disableAccessLog`, `accessLogDisabled`: whether the exchange gets a line in the access log.
final class AccessLogging: Filter, @unchecked Sendable {
    private let choice: AccessLogChoice

    init(_ choice: AccessLogChoice) { self.choice = choice }

    override func request(_ context: FilterContext) -> FilterAction {
        context.settings.accessLog = choice
        return .next
    }
}

/// `maskAccessLogQuery`: the access log shows hashes of these parameters' values. As in Skipper it also has the
/// exchange logged, whatever was decided before.
final class MaskAccessLogQuery: Filter, @unchecked Sendable {
    private let parameters: [[UInt8]]

    init(_ arguments: ArgumentReader) throws(FilterArgumentError) {
        parameters = try arguments.texts().map { Array($0.utf8) }
    }

    override func request(_ context: FilterContext) -> FilterAction {
        context.settings.accessLog = .always
        if context.settings.maskedQueryParameters.isEmpty {
            context.settings.maskedQueryParameters = parameters
        } else {
            context.settings.maskedQueryParameters += parameters
        }
        return .next
    }
}
