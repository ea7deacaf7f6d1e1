import Bytes
import HTTP

/// `setRequestHeaderFromSecret`, `bearerinjector`: a header from a secret that may change while routes stay.
final class SecretHeader: Filter, @unchecked Sendable {
    private let name: FieldName
    private let secret: Secret
    private let prefix: [UInt8]
    private let suffix: [UInt8]

    init(_ name: FieldName, _ secret: Secret, prefix: [UInt8] = [], suffix: [UInt8] = []) {
        self.name = name
        self.secret = secret
        self.prefix = prefix
        self.suffix = suffix
    }

    override func request(_ context: FilterContext) -> FilterAction {
        guard let value = secret.value else { return .next }
        context.withScratch { field in
            field += prefix
            field += value
            field += suffix
            field.withUnsafeBytes { context.setValue(.request, name, $0) }
        }
        return .next
    }
}

extension SecretHeader {
    static let specs: [FilterSpec] = [
        FilterSpec("setRequestHeaderFromSecret") { (arguments, environment) throws(FilterArgumentError) in
            let reader = try ArgumentReader(arguments, "(header, secret, [prefix], [suffix])", 2...4)
            return .filter(SecretHeader(
                try reader.fieldName(0), environment.secrets.secret(named: try reader.nonEmptyText(1)),
                prefix: reader.count > 2 ? try reader.bytes(2) : [], suffix: reader.count > 3 ? try reader.bytes(3) : []))
        },
        FilterSpec("bearerinjector") { (arguments, environment) throws(FilterArgumentError) in
            let reader = try ArgumentReader(arguments, "(secret)", 1)
            let secret = environment.secrets.secret(named: try reader.nonEmptyText(0))
            return .filter(SecretHeader(FieldName("Authorization"), secret, prefix: Array("Bearer ".utf8)))
        },
    ]
}
