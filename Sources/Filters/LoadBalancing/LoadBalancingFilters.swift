/// Filters that have a say in which server a request goes to, filters.md §5.
public enum LoadBalancingFilters {
    public static var specs: [FilterSpec] { fading + hashing + dynamicBackends + proxies }

    private static let fading = [
        trait("fadeIn", "(duration, [exponent])", 1...2, EndpointAge.fadeIn),
        trait("endpointCreated", "(address, time)", 2...2, EndpointAge.created),
    ]

    private static let hashing = [
        FilterSpec("consistentHashKey", "(key)", 1, ConsistentHashKey.init),
        FilterSpec("consistentHashBalanceFactor", "(factor)", 1, ConsistentHashBalanceFactor.init),
    ]

    private static let dynamicBackends = [
        FilterSpec("setDynamicBackendHost", "(host)", 1) { (reader) throws(FilterArgumentError) in
            DynamicBackend(.host, .constant(try reader.bytes(0)))
        },
        FilterSpec("setDynamicBackendScheme", "(scheme)", 1) { (reader) throws(FilterArgumentError) in
            DynamicBackend(.scheme, .constant(try reader.bytes(0)))
        },
        FilterSpec("setDynamicBackendUrl", "(url)", 1) { (reader) throws(FilterArgumentError) in
            DynamicBackend(.url, .constant(try reader.bytes(0)))
        },
        FilterSpec("setDynamicBackendHostFromHeader", "(header)", 1) { (reader) throws(FilterArgumentError) in
            DynamicBackend(.host, .field(try reader.fieldName(0)))
        },
        FilterSpec("setDynamicBackendSchemeFromHeader", "(header)", 1) { (reader) throws(FilterArgumentError) in
            DynamicBackend(.scheme, .field(try reader.fieldName(0)))
        },
        FilterSpec("setDynamicBackendUrlFromHeader", "(header)", 1) { (reader) throws(FilterArgumentError) in
            DynamicBackend(.url, .field(try reader.fieldName(0)))
        },
    ]

    private static let proxies = [FilterSpec("backendIsProxy") { _, _ in .filter(BackendIsProxy()) }]

    private static func trait(
        _ name: String, _ usage: StaticString, _ counts: ClosedRange<Int>,
        _ make: @escaping @Sendable (ArgumentReader) throws(FilterArgumentError) -> RouteTrait
    ) -> FilterSpec {
        FilterSpec(name) { (arguments, _) throws(FilterArgumentError) in
            .trait(try make(try ArgumentReader(arguments, usage, counts)))
        }
    }
}

/// `backendIsProxy`: the backend is a forward proxy, through which the request goes to the host it names itself.
final class BackendIsProxy: Filter, @unchecked Sendable {
    override func request(_ context: FilterContext) -> FilterAction {
        context.settings.backendIsProxy = true
        return .next
    }
}
