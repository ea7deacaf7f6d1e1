import Bytes
import HTTP

/// `preserveHost`: whether the client's Host goes upstream, unless an earlier filter chose another.
final class PreserveHost: Filter, @unchecked Sendable {
    private let preserves: Bool

    init(_ arguments: ArgumentReader) throws(FilterArgumentError) {
        preserves = try arguments.flag(0)
    }

    override func request(_ context: FilterContext) -> FilterAction {
        guard isUndecided(context) else { return .next }
        context.state.pointee.outgoingHost = nil
        context.settings.preservesHost = preserves
        return .next
    }

    /// No filter chose a host, or the very one that this filter is to replace.
    private func isUndecided(_ context: FilterContext) -> Bool {
        guard let host = context.outgoingHost else { return true }
        if !preserves { return host.equals(context.request.host) }
        return context.route?.backendHost.withUnsafeBytes { host.equals($0) } ?? false
    }
}

/// `rfcHost`: takes the dot off the end of a fully qualified name in the Host that goes upstream.
final class RFCHost: Filter, @unchecked Sendable {
    override func request(_ context: FilterContext) -> FilterAction {
        if let host = context.outgoingHost ?? (context.settings.preservesHost ? context.request.host : nil) {
            strip(host, context)
        } else if let route = context.route {
            route.backendHost.withUnsafeBytes { strip($0, context) }
        }
        return .next
    }

    private func strip(_ host: BorrowedBytes, _ context: FilterContext) {
        let end = host.firstIndex(of: UInt8(ascii: ":"), from: 0) ?? host.count
        guard end > 0, host[end - 1] == UInt8(ascii: ".") else { return }
        withUnsafeTemporaryAllocation(byteCount: host.count - 1, alignment: 1) { short in
            short.copyBytes(from: host.slice(0, end - 1))
            UnsafeMutableRawBufferPointer(rebasing: short[(end - 1)...]).copyBytes(from: host.slice(end, host.count))
            context.setOutgoingHost(BorrowedBytes(short))
        }
    }
}
