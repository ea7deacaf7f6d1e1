/// Filters that set the rules for TLS towards a route's `https` backends; Skipper has them for the whole process only.
public enum BackendTLSFilters {
    public static let specs = [
        FilterSpec("backendTLSCA") { (arguments, environment) throws(FilterArgumentError) in
            let reader = try ArgumentReader(arguments, "(file)", 1)
            return try filter(.authorities(path: try reader.nonEmptyText(0)), environment)
        },
        FilterSpec("backendTLSServerName") { (arguments, environment) throws(FilterArgumentError) in
            let reader = try ArgumentReader(arguments, "(name)", 1)
            return try filter(.serverName(try serverName(reader)), environment)
        },
        FilterSpec("backendTLSClientCertificate") { (arguments, environment) throws(FilterArgumentError) in
            let reader = try ArgumentReader(arguments, "(certificate file, key file)", 2)
            return try filter(.certificate(path: try reader.nonEmptyText(0), keyPath: try reader.nonEmptyText(1)), environment)
        },
    ]

    private static func filter(_ wish: BackendTLSRules.Wish, _ environment: FilterEnvironment) throws(FilterArgumentError) -> FilterInstance {
        let (bits, mask) = try environment.backendTLS.bits(of: wish)
        return .filter(BackendTLSFilter(bits, mask))
    }

    private static func serverName(_ reader: ArgumentReader) throws(FilterArgumentError) -> String {
        let name = try reader.nonEmptyText(0).lowercased()
        let isName = name.utf8.count <= 253 && name.utf8.allSatisfy {
            (0x61...0x7a).contains($0) || (0x30...0x39).contains($0) || $0 == 0x2d || $0 == 0x2e || $0 == 0x5f
        }
        guard isName else { throw reader.refusal(0, "a DNS name") }
        return name
    }
}

/// Puts its wish into the exchange's word; of two of a kind the later one counts.
private final class BackendTLSFilter: Filter, @unchecked Sendable {
    private let bits: UInt64
    private let mask: UInt64

    init(_ bits: UInt64, _ mask: UInt64) {
        self.bits = bits
        self.mask = mask
    }

    override func request(_ context: FilterContext) -> FilterAction {
        context.settings.backendSecurity = context.settings.backendSecurity & ~mask | bits
        return .next
    }
}
