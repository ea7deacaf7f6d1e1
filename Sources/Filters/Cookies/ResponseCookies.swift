import Bytes
import HTTP

/// `responseCookie`, `jsCookie`: a cookie for the domain of the request's host and all paths, over TLS only.
final class ResponseCookie: Filter, @unchecked Sendable {
    private let name: [UInt8]
    private let value: [UInt8]
    /// What follows the domain.
    private let attributes: [UInt8]
    /// Browsers that hold the cookie with this value already are not told again.
    private let onlyChanges: Bool

    /// - Parameter isScriptable: scripts may read the cookie.
    init(_ arguments: ArgumentReader, isScriptable: Bool) throws(FilterArgumentError) {
        name = try arguments.cookieName(0)
        value = try arguments.cookieValue(1)
        var attributes = ""
        if arguments.count > 2 { attributes += "; Max-Age=\(max(0, try arguments.integer(2)))" }
        if !isScriptable { attributes += "; HttpOnly" }
        self.attributes = Array((attributes + "; Secure").utf8)
        onlyChanges = arguments.count > 3 ? try arguments.text(3) == "change-only" : false
    }

    override func response(_ context: FilterContext) -> FilterAction {
        if onlyChanges, isHeldByClient(context) { return .next }
        context.withScratch { line in
            line += name
            line.append(UInt8(ascii: "="))
            line += value
            line += BorrowedBytes("; Path=/")
            if let domain = CookieDomain.of(context.request.host) {
                line += BorrowedBytes("; Domain=")
                line += domain
            }
            line += attributes
            line.withUnsafeBytes { context.response.headers.append(.setCookie, $0) }
        }
        return .next
    }

    private func isHeldByClient(_ context: FilterContext) -> Bool {
        name.withUnsafeBytes { name in
            value.withUnsafeBytes { CookiePairs.contains(name, CookiePairs.unquoted($0), in: context.request.headers) }
        }
    }
}

/// The domain of a cookie that a host's siblings share.
enum CookieDomain {
    /// The host without port and, if two dots are left to name a site, without its first label; nil if that is no
    /// domain name (RFC 6265 §5.1.3 knows none for addresses).
    static func of(_ host: BorrowedBytes) -> BorrowedBytes? {
        let name = host.slice(0, host.firstIndex(of: UInt8(ascii: ":"), from: 0) ?? host.count)
        let dots = name.count { $0 == UInt8(ascii: ".") }
        let firstDot = name.firstIndex(of: UInt8(ascii: "."), from: 0) ?? 0
        let domain = dots >= 2 ? name.slice(firstDot + 1, name.count) : name
        return isDomainName(domain) ? domain : nil
    }

    private static func isDomainName(_ name: BorrowedBytes) -> Bool {
        guard !name.isEmpty, name.count <= 255, name.contains(where: { ASCII.isLetter($0) }) else { return false }
        var labelStart = 0
        while labelStart <= name.count {
            let end = name.firstIndex(of: UInt8(ascii: "."), from: labelStart) ?? name.count
            guard isLabel(name.slice(labelStart, end)) else { return false }
            labelStart = end + 1
        }
        return true
    }

    private static func isLabel(_ label: BorrowedBytes) -> Bool {
        let hyphen = UInt8(ascii: "-")
        guard !label.isEmpty, label.count <= 63, label.first != hyphen, label.last != hyphen else { return false }
        return label.allSatisfy { ASCII.isLetter($0) || ASCII.isDigit($0) || $0 == hyphen }
    }
}

/// `dropResponseCookie`: the client does not see the cookie; the others stay as they were sent.
final class DropResponseCookie: Filter, @unchecked Sendable {
    private let name: [UInt8]

    init(_ arguments: ArgumentReader) throws(FilterArgumentError) { name = try arguments.bytes(0) }

    override func response(_ context: FilterContext) -> FilterAction {
        var next = context.response.headers.index(of: .setCookie)
        while let index = next {
            if setsCookie(context.response.headers.value(at: index)) { context.response.headers.remove(at: index) }
            next = context.response.headers.index(of: .setCookie, from: index + 1)
        }
        return .next
    }

    private func setsCookie(_ line: BorrowedBytes) -> Bool {
        let end = line.firstIndex(of: UInt8(ascii: ";"), from: 0) ?? line.count
        guard let middle = line.slice(0, end).firstIndex(of: UInt8(ascii: "="), from: 0) else { return false }
        return name.withUnsafeBytes { line.slice(0, middle).trimmed.equals($0) }
    }
}
