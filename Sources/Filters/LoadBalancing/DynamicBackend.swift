internal import Bytes
internal import HTTP

/// The filters that choose the server of a `<dynamic>` backend.
///
/// What is empty or names no server is passed over, as if the filter were not there; the proxy answers 500 when no
/// filter has named a host. Fields come from clients unless the operator saw to it: whoever may set them may reach
/// any server that the proxy can.
final class DynamicBackend: Filter, @unchecked Sendable {
    enum Part: Sendable {
        case scheme, host
        /// Scheme and host; beats both, in whatever order the filters stand.
        case url
    }

    enum Source: Sendable {
        case constant([UInt8])
        case field(FieldName)
    }

    private let part: Part
    private let source: Source

    init(_ part: Part, _ source: Source) {
        self.part = part
        self.source = source
    }

    override func request(_ context: FilterContext) -> FilterAction {
        switch source {
        case .constant(let bytes): bytes.withUnsafeBytes { set($0, context) }
        case .field(let name): if let value = context.value(.request, name) { set(value, context) }
        }
        return .next
    }

    private func set(_ value: BorrowedBytes, _ context: FilterContext) {
        switch part {
        case .scheme: setScheme(value, context)
        case .host: setHost(value, context)
        case .url: setURL(value, context)
        }
    }

    private func setScheme(_ value: BorrowedBytes, _ context: FilterContext) {
        if Origin.Scheme(value) != nil { context.settings.dynamicScheme = context.request.headers.add(value) }
    }

    private func setHost(_ value: BorrowedBytes, _ context: FilterContext) {
        guard Origin.isAuthority(value) else { return }
        let host = context.request.headers.add(value)
        context.settings.dynamicHost = host
        context.state.pointee.outgoingHost = host
    }

    private func setURL(_ value: BorrowedBytes, _ context: FilterContext) {
        guard let parts = try? Origin.split(value) else { return }
        // The copy may move the block that the value lies in, so of the parts only their offsets are used.
        let copy = Int(context.request.headers.add(value).start)
        func range(_ part: BorrowedBytes) -> ByteRange {
            let start = copy + (part.baseAddress.unsafelyUnwrapped - value.baseAddress.unsafelyUnwrapped)
            return ByteRange(start, start + part.count)
        }
        let url = (scheme: range(parts.schemeBytes), host: range(parts.authority))
        context.settings.dynamicURL = url
        context.state.pointee.outgoingHost = url.host
    }
}
