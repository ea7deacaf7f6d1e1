public import Bytes

/// Header fields whose values no log may show.
public enum SecretFields {
    public static let redacted: StaticString = "[redacted]"

    /// Whether the field carries credentials or session state; case-insensitive.
    public static func contains(_ name: BorrowedBytes) -> Bool {
        switch name.count {
        case 6: name.equalsIgnoringCase("cookie")
        case 10: name.equalsIgnoringCase("set-cookie")
        case 13: name.equalsIgnoringCase("authorization")
        case 19: name.equalsIgnoringCase("proxy-authorization")
        default: false
        }
    }

    public static func contains(_ name: String) -> Bool { name.withBytes { contains($0) } }
}
