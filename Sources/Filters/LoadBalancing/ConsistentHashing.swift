internal import Bytes

/// `consistentHashKey`: what `consistentHash` balances by instead of the client's address.
final class ConsistentHashKey: Filter, @unchecked Sendable {
    private let key: TemplateText

    init(_ arguments: ArgumentReader) throws(FilterArgumentError) {
        key = try arguments.template(0)
    }

    /// A placeholder without a value leaves the default: half a key would gather strangers on one endpoint.
    override func request(_ context: FilterContext) -> FilterAction {
        context.settings.consistentHash = key.withExpansion(context, .request) { key, isResolved in
            isResolved ? XXHash64.hash(key) : nil
        }
        return .next
    }
}

/// `consistentHashBalanceFactor`: how far above the average an endpoint's load may be before its keys go elsewhere.
final class ConsistentHashBalanceFactor: Filter, @unchecked Sendable {
    private let factor: Double

    init(_ arguments: ArgumentReader) throws(FilterArgumentError) {
        factor = try arguments.number(0)
        // Below 1 all endpoints can be above the bound at once.
        guard factor >= 1 else { throw arguments.refusal(0, "a number from 1") }
    }

    override func request(_ context: FilterContext) -> FilterAction {
        context.settings.balanceFactor = factor
        return .next
    }
}
