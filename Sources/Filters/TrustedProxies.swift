public import Bytes
import HTTP

/// Which proxies in front are believed when they say who the client is: `-trusted-proxies`, `-trusted-hops`.
///
/// With it a request has one client address, which predicates, limits, logs and forwarded headers share. Each proxy appends
/// the address it was reached from to X-Forwarded-For, so the list is read from its end as far as it can be believed.
public struct TrustedProxies: Sendable {
    /// Proxies by address; empty if only hops are counted.
    public var addresses = AddressSet()
    /// At most so many proxies, the peer among them; 0 = any number of `addresses`.
    public var hops = 0

    public init?(addresses: AddressSet, hops: Int) {
        if addresses.isEmpty, hops == 0 { return nil }
        self.addresses = addresses
        self.hops = hops
    }

    /// The client's address: what the outermost believed proxy saw.
    public func client(_ context: FilterContext) -> IPAddress {
        var address = context.peer
        var left = hops > 0 ? hops : Limits.forwardedElementsMax
        forEachFromLast(context) { element in
            guard left > 0, isTrusted(address), let next = ClientAddress.parse(element) else { return false }
            left -= 1
            address = next
            return true
        }
        return address
    }

    public func isTrusted(_ address: IPAddress) -> Bool { addresses.isEmpty || addresses.contains(address) }

    /// The elements of all lines, the last one first, until `body` answers false.
    private func forEachFromLast(_ context: FilterContext, _ body: (BorrowedBytes) -> Bool) {
        for index in context.request.headers.indices.reversed() {
            guard context.request.headers.isPresent(index), context.request.headers.known(at: index) == .xForwardedFor else { continue }
            let line = context.request.headers.value(at: index)
            var end = line.count
            while true {
                var start = end
                while start > 0, line[start - 1] != UInt8(ascii: ",") { start -= 1 }
                guard body(line.slice(start, end).trimmed) else { return }
                if start == 0 { break }
                end = start - 1
            }
        }
    }
}
