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

    private static let proxies = [
        FilterSpec("backendIsProxy") { _, _ in .filter(BackendIsProxy()) },
        FilterSpec("backendProxyProtocol", "(\"v2\" or \"off\")", 1) { (reader) throws(FilterArgumentError) in
            let word = try reader.text(0)
            guard word == "v2" || word == "off" else { throw reader.refusal(0, "\"v2\" or \"off\"") }
            return BackendProxyProtocol(isSent: word == "v2")
        },
    ]

    private static func trait(
        _ name: String, _ usage: StaticString, _ counts: ClosedRange<Int>,
        _ make: @escaping @Sendable (ArgumentReader) throws(FilterArgumentError) -> RouteTrait
    ) -> FilterSpec {
        FilterSpec(name) { (arguments, _) throws(FilterArgumentError) in
            .trait(try make(try ArgumentReader(arguments, usage, counts)))
        }
    }
}

/// `backendProxyProtocol`, our own: connections to the backend begin with a PROXY header that names the client.
final class BackendProxyProtocol: Filter, @unchecked Sendable {
    private let isSent: Bool

    init(isSent: Bool) { self.isSent = isSent }

    override func request(_ context: FilterContext) -> FilterAction {
        context.settings.sendsProxyHeader = isSent
        return .next
    }
}

/// `backendIsProxy`: the backend is a forward proxy, through which the request goes to the host it names itself.
final class BackendIsProxy: Filter, @unchecked Sendable {
    override func request(_ context: FilterContext) -> FilterAction {
        context.settings.backendIsProxy = true
        return .next
    }
}
