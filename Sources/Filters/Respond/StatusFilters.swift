internal import Bytes
internal import HTTP

/// `status`, and `healthcheck` of old: the response's status, whatever it was.
final class StatusFilter: Filter, @unchecked Sendable {
    private let status: UInt16

    init(status: UInt16) { self.status = status }

    /// An interim status ends no response: what follows it in Skipper is a 200.
    convenience init(_ reader: ArgumentReader) throws(FilterArgumentError) {
        let status = UInt16(try reader.integer(0, in: 100...999))
        self.init(status: status >= 200 || status == 101 ? status : 200)
    }

    override func response(_ context: FilterContext) -> FilterAction {
        context.response.status = status
        return .next
    }
}

/// `loopbackIfStatus`: a response of this status is dropped and the request routed again with another path.
final class LoopbackIfStatusFilter: Filter, @unchecked Sendable {
    private let status: UInt16
    private let path: [UInt8]

    /// A third argument is tolerated and ignored, as Skipper does.
    init(_ reader: ArgumentReader) throws(FilterArgumentError) {
        status = UInt16(try reader.integer(0, in: 100...599))
        path = try reader.bytes(1)
    }

    override func response(_ context: FilterContext) -> FilterAction {
        guard context.response.status == status else { return .next }
        path.withUnsafeBytes { context.request.setPath(decoded: $0) }
        return .reroute
    }
}
