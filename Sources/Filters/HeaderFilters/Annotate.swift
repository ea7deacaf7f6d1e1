/// `annotate`: a note about the route that later filters read; of several with one key the last counts.
final class Annotate: Filter, @unchecked Sendable {
    private let key: String
    private let value: String
    /// Shared by every exchange whose only note this is.
    private let alone: [String: String]

    init(_ arguments: ArgumentReader) throws(FilterArgumentError) {
        key = try arguments.text(0)
        value = try arguments.text(1)
        alone = [key: value]
    }

    override func request(_ context: FilterContext) -> FilterAction {
        if context.settings.annotations.isEmpty {
            context.settings.annotations = alone
        } else {
            context.settings.annotations[key] = value
        }
        return .next
    }
}
