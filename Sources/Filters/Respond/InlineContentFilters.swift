internal import Bytes
internal import HTTP

/// A body that a route carries in its definition, shared by all its exchanges.
struct InlineContent: Sendable {
    let body: [UInt8]
    let mediaType: [UInt8]

    /// Takes the body at `position` and the media type behind it; without one the body tells.
    init(_ reader: ArgumentReader, body position: Int) throws(FilterArgumentError) {
        body = try reader.bytes(position)
        guard reader.count > position + 1 else {
            mediaType = Array(BorrowedBytes(ContentSniffer.mediaType(of: body)))
            return
        }
        mediaType = try reader.bytes(position + 1)
        guard mediaType.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) else { throw reader.refusal(position + 1, "a media type") }
    }

    func setMediaType(_ context: FilterContext) {
        mediaType.withUnsafeBytes { context.response.headers.set(.contentType, $0) }
    }
}

/// `inlineContent`: answers 200 with a text of the route's.
final class InlineContentFilter: Filter, @unchecked Sendable {
    private let content: InlineContent

    init(_ reader: ArgumentReader) throws(FilterArgumentError) {
        content = try InlineContent(reader, body: 0)
    }

    override func request(_ context: FilterContext) -> FilterAction {
        context.respond(status: 200, body: .bytes(content.body))
        content.setMediaType(context)
        return .serve
    }
}

/// `inlineContentIfStatus`: puts a text of the route's in place of the body of responses with this status.
final class InlineContentIfStatusFilter: Filter, @unchecked Sendable {
    private let status: UInt16
    private let content: InlineContent

    init(_ reader: ArgumentReader) throws(FilterArgumentError) {
        status = UInt16(try reader.integer(0, in: 100...599))
        content = try InlineContent(reader, body: 1)
    }

    override func response(_ context: FilterContext) -> FilterAction {
        guard context.response.status == status else { return .next }
        context.replaceBody(.bytes(content.body))
        content.setMediaType(context)
        context.response.headers.removeAll(.contentEncoding)
        return .next
    }
}
