import Bytes
import Downstream
import Filters
import HTTP

extension UnsafeMutablePointer where Pointee == Exchange {
    /// The origin that filters chose for a `<dynamic>` backend; nil without a host, since the request's own would make
    /// an open proxy of the route (eskip.md §5). Where they named no scheme it is the client's.
    func dynamicOrigin() -> Origin? {
        let settings = pointee.filter.settings
        let scheme: ByteRange?
        let host: ByteRange
        if let url = settings.dynamicURL {
            scheme = url.scheme
            host = url.host
        } else {
            guard let chosen = settings.dynamicHost else { return nil }
            scheme = settings.dynamicScheme
            host = chosen
        }
        guard !host.isEmpty else { return nil }
        let name = scheme.map { pointee.filter.request.headers.slice($0) } ?? BorrowedBytes(pointee.server.isEncrypted ? "https" : "http")
        guard let kind = Origin.Scheme(name) else { return nil }
        return try? Origin.make(scheme: kind, authority: pointee.filter.request.headers.slice(host))
    }
}
