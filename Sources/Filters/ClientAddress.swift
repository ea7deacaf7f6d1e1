public import Bytes
import HTTP

/// Who the client is if X-Forwarded-For is believed; where trusted proxies are configured, who they say it is.
///
/// All lines of the field count as one list (predicates.md): whoever adds a line of its own can thus not hide the
/// element that a load balancer appended.
public enum ClientAddress {
    /// The list's first element if it is an address, with or without port; else the TCP peer.
    public static func first(_ context: FilterContext) -> IPAddress {
        if let client = context.trustedClient { return client }
        guard let list = context.request.headers.first(.xForwardedFor) else { return context.peer }
        let end = list.firstIndex(of: UInt8(ascii: ","), from: 0) ?? list.count
        return parse(list.slice(0, end)) ?? context.peer
    }

    /// The list's last element if it is an address, with or without port; else the TCP peer.
    public static func last(_ context: FilterContext) -> IPAddress {
        if let client = context.trustedClient { return client }
        var last: BorrowedBytes?
        context.request.headers.forEachValue(.xForwardedFor) {
            last = $0
            return true
        }
        guard let list = last else { return context.peer }
        var start = list.count
        while start > 0, list[start - 1] != UInt8(ascii: ",") { start -= 1 }
        return parse(list.slice(start, list.count).trimmed) ?? context.peer
    }

    /// The connection's peer, unless trusted proxies are configured.
    public static func nearest(_ context: FilterContext) -> IPAddress { context.trustedClient ?? context.peer }

    /// An address, or `address:port`, `[address]:port`.
    static func parse(_ element: BorrowedBytes) -> IPAddress? {
        if let address = IPAddress(element) { return address }
        guard let authority = HostPort(element) else { return nil }
        return IPAddress(element.slice(authority.host.lowerBound, authority.host.upperBound))
    }
}
