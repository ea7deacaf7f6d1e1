import Bytes
import HTTP

/// `xforward`, `xforwardFirst`: adds the TCP peer to X-Forwarded-For and says in X-Forwarded-Host what was asked for.
final class ForwardedFor: Filter, @unchecked Sendable {
    enum Place { case first, last }

    private let place: Place

    init(_ place: Place) { self.place = place }

    override func request(_ context: FilterContext) -> FilterAction {
        context.withScratch { list in
            if place == .first { append(context.peer, to: &list) }
            // All lines become one, so that the element the peer's proxy added stays where it belongs.
            context.request.headers.forEachValue(.xForwardedFor) {
                append($0, to: &list)
                return true
            }
            if place == .last { append(context.peer, to: &list) }
            list.withUnsafeBytes { context.request.headers.set(.xForwardedFor, $0) }
        }
        context.request.headers.set(.xForwardedHost, context.request.host)
        return .next
    }

    private func append(_ element: BorrowedBytes, to list: inout [UInt8]) {
        if element.isEmpty { return }
        if !list.isEmpty { list += BorrowedBytes(", ") }
        list += element
    }

    private func append(_ address: IPAddress, to list: inout [UInt8]) {
        withUnsafeTemporaryAllocation(byteCount: IPAddress.textBytesMax, alignment: 1) { text in
            append(BorrowedBytes(rebasing: text[..<address.write(into: text)]), to: &list)
        }
    }
}
