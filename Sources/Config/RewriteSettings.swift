/// `-edit-route` and `-clone-route`: a regular expression and what replaces its matches.
public struct TextEdit: Sendable, Hashable {
    public var separator: Character
    public var pattern: String
    /// Groups are written `$1`, `${1}` or `${name}`.
    public var replacement: String

    /// Reads `/regex/replacement/`; the first character is the separator, which cannot be escaped.
    init?(_ text: String) {
        guard let separator = text.first else { return nil }
        let parts = text.split(separator: separator, omittingEmptySubsequences: false)
        guard parts.count == 4, parts[3].isEmpty else { return nil }
        self.separator = separator
        pattern = String(parts[1])
        replacement = String(parts[2])
    }
}

/// What objects with an annotation get besides: `key=value=filters` or `key=value=predicates`.
public struct AnnotationRule: Sendable, Hashable {
    public var key: String
    public var value: String
    /// Eskip.
    public var text: String

    init?(_ text: String) {
        let parts = text.split(separator: "=", maxSplits: 2, omittingEmptySubsequences: false)
        guard parts.count == 3, !parts[0].isEmpty, !parts[2].isEmpty else { return nil }
        key = String(parts[0])
        value = String(parts[1])
        self.text = String(parts[2])
    }
}

/// `-forwarded-headers`: which `X-Forwarded-*` fields are set before routing.
public struct ForwardedHeaderSettings: Sendable, Hashable {
    public enum Port: Sendable, Hashable {
        /// The port the request came to.
        case auto
        case fixed(UInt16)
    }

    public enum Scheme: String, CaseIterable, Sendable {
        case http, https
        /// That of the connection.
        case auto
    }

    /// Appends the peer's address.
    public var isForSet = false
    public var isHostSet = false
    public var isMethodSet = false
    public var isURISet = false
    public var port: Port?
    public var scheme: Scheme?

    public init() {}

    static let names = [
        "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Method", "X-Forwarded-Uri", "X-Forwarded-Port=", "X-Forwarded-Proto=",
    ]

    /// Takes one element of the comma list; returns what is wrong with it.
    mutating func take(_ option: String) -> String? {
        let parts = option.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        let name = parts[0].lowercased()
        switch (name, parts.count > 1 ? String(parts[1]) : nil) {
        case ("x-forwarded-for", nil): isForSet = true
        case ("x-forwarded-host", nil): isHostSet = true
        case ("x-forwarded-method", nil): isMethodSet = true
        case ("x-forwarded-uri", nil): isURISet = true
        case ("x-forwarded-port", let value?): return takePort(value)
        case ("x-forwarded-proto", let value?): return takeScheme(value)
        case ("x-forwarded-port", nil): return "X-Forwarded-Port takes a value: X-Forwarded-Port=auto or =443"
        case ("x-forwarded-proto", nil): return "X-Forwarded-Proto takes a value: X-Forwarded-Proto=auto, =http or =https"
        case ("x-forwarded-for", _), ("x-forwarded-host", _), ("x-forwarded-method", _), ("x-forwarded-uri", _):
            return "\(parts[0]) takes no value"
        default:
            let hint = NearestName.hint(for: option, among: Self.names)
            return "\"\(option)\" is no forwarded header\(hint); there are \(Self.names.joined(separator: ", "))"
        }
        return nil
    }

    private mutating func takePort(_ value: String) -> String? {
        if value == "auto" {
            port = .auto
        } else if case .success(let number) = ValueText.int(value, in: 1...65535) {
            port = .fixed(UInt16(number))
        } else {
            return "X-Forwarded-Port takes auto or a port within 1...65535, found \"\(value)\""
        }
        return nil
    }

    private mutating func takeScheme(_ value: String) -> String? {
        scheme = Scheme(rawValue: value)
        return scheme == nil ? "X-Forwarded-Proto takes auto, http or https, found \"\(value)\"" : nil
    }
}
