public import Eskip
public import Telemetry

/// Why a filter refuses its arguments: what was found and what is allowed.
public struct FilterArgumentError: Error, Equatable, Sendable {
    public let reason: String

    public init(_ reason: String) { self.reason = reason }
}

/// A kind of filter: its name and how an instance is made of arguments.
public struct FilterSpec: Sendable {
    public let name: String
    /// Filters of equal arguments do the same in all routes and keep nothing from one request to the next, so that
    /// one instance may serve them all.
    public private(set) var isStateless = false
    /// Of the name; `none` where nothing is measured.
    var label = MetricLabel.none
    let make: @Sendable (Arguments, FilterEnvironment) throws(FilterArgumentError) -> FilterInstance

    public init(
        _ name: String,
        _ make: @escaping @Sendable (Arguments, FilterEnvironment) throws(FilterArgumentError) -> FilterInstance
    ) {
        self.name = name
        self.make = make
    }

    /// The same kind, marked as one that keeps nothing.
    public func stateless() -> FilterSpec {
        var spec = self
        spec.isStateless = true
        return spec
    }
}

/// What filter factories need to know of the configuration.
public struct FilterEnvironment: Sendable {
    /// `-compress-encodings`, most preferred first.
    public var compressEncodings = ["gzip", "deflate", "br", "zstd"]
    /// `-max-audit-body`, bytes.
    public var auditBodyBytesMax = 1024
    /// Where the making of filters is measured, and whose labels filters have; nil if nobody asks.
    public var metrics: MetricRegistry?
    /// Secrets that filters put into requests.
    public var secrets: any SecretRegistry = NoSecrets()
    /// Where `backendTLS…` note what they ask for.
    public var backendTLS = BackendTLSRules()
    /// Whom `mtlsAuthn` trusts.
    public var clientTrust = ClientTrust()

    public init() {}
}
