/// Every filter that routes may name, by family.
public enum BuiltInFilters {
    public static var specs: [FilterSpec] { stateless.map { $0.stateless() } }

    /// Families whose filters keep nothing from one request to the next. One that counts or remembers stays out of this list.
    private static var stateless: [FilterSpec] {
        HeaderFilters.specs
            + PathFilters.specs
            + RespondFilters.specs
            + BodyFilters.specs
            + CompressionFilters.specs
            + TimingFilters.specs
            + CookieFilters.specs
            + LoggingFilters.specs
            + LoadBalancingFilters.specs
            + BackendTLSFilters.specs
            + ClientCertificateFilters.specs
    }
}

extension FilterRegistry {
    /// A registry with all built-in filters.
    public static func builtIn(_ environment: FilterEnvironment = FilterEnvironment()) -> FilterRegistry {
        var registry = FilterRegistry(environment: environment)
        registry.register(BuiltInFilters.specs)
        return registry
    }
}
