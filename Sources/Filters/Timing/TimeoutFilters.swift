internal import HTTP

/// `backendTimeout`, `readTimeout`, `writeTimeout`: limits of the route in place of the proxy's own.
final class TimeoutFilter: Filter, @unchecked Sendable {
    enum Limit: Sendable { case backend, read, write }

    private let limit: Limit
    private let nanoseconds: UInt64

    init(_ limit: Limit, _ reader: ArgumentReader) throws(FilterArgumentError) {
        self.limit = limit
        nanoseconds = try reader.duration(0)
    }

    override func request(_ context: FilterContext) -> FilterAction {
        switch limit {
        case .backend: context.settings.backendTimeout = nanoseconds
        case .write: context.settings.writeTimeout = nanoseconds
        case .read:
            // Skipper's rule: bodies of unknown length may take their time.
            if case .length(let count) = context.request.framing, count > 0 { context.settings.readTimeout = nanoseconds }
        }
        return .next
    }
}
