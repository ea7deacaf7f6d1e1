import Bytes

/// Filters that set and drop cookies, filters.md §10.
public enum CookieFilters {
    public static var specs: [FilterSpec] {
        [
            FilterSpec("requestCookie", "(name, value)", 2, RequestCookie.init),
            setting("responseCookie", isScriptable: false),
            setting("jsCookie", isScriptable: true),
            FilterSpec("dropRequestCookie", "(name)", 1, DropRequestCookie.init),
            FilterSpec("dropResponseCookie", "(name)", 1, DropResponseCookie.init),
        ]
    }

    private static func setting(_ name: String, isScriptable: Bool) -> FilterSpec {
        FilterSpec(name, "(name, value, [maxAge], [\"change-only\"])", 2...4) { (reader) throws(FilterArgumentError) in
            try ResponseCookie(reader, isScriptable: isScriptable)
        }
    }
}

extension ArgumentReader {
    /// A cookie's name, RFC 6265 §4.1.1.
    func cookieName(_ position: Int) throws(FilterArgumentError) -> [UInt8] {
        let name = try bytes(position)
        guard !name.isEmpty, name.allSatisfy({ ASCII.isToken($0) }) else { throw refusal(position, "a cookie name") }
        return name
    }

    /// A cookie's value as it is written: without `"`, `;`, `\` and control characters, in quotes if a blank or a comma is left.
    func cookieValue(_ position: Int) throws(FilterArgumentError) -> [UInt8] {
        let removed = ByteSet("\";\\")
        let value = try bytes(position).filter { $0 >= 0x20 && $0 < 0x7F && !removed.contains($0) }
        let needsQuotes = value.contains(0x20) || value.contains(UInt8(ascii: ","))
        let quote = UInt8(ascii: "\"")
        return needsQuotes ? [quote] + value + [quote] : value
    }
}
