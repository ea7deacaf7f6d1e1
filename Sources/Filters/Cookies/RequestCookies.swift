import Bytes
import HTTP

/// `requestCookie`: one more cookie for the backend.
final class RequestCookie: Filter, @unchecked Sendable {
    private let pair: [UInt8]

    init(_ arguments: ArgumentReader) throws(FilterArgumentError) {
        pair = try arguments.cookieName(0) + [UInt8(ascii: "=")] + arguments.cookieValue(1)
    }

    override func request(_ context: FilterContext) -> FilterAction {
        context.withScratch { line in
            let index = context.request.headers.index(of: .cookie)
            if let index, case let old = context.request.headers.value(at: index), !old.isEmpty {
                line += old
                line += BorrowedBytes("; ")
            }
            line += pair
            line.withUnsafeBytes { line in
                if let index { context.request.headers.replaceValue(at: index, line) } else { context.request.headers.append(.cookie, line) }
            }
        }
        return .next
    }
}

/// `dropRequestCookie`: the backend does not see the cookie; the others stay as they were sent.
final class DropRequestCookie: Filter, @unchecked Sendable {
    private let name: [UInt8]

    init(_ arguments: ArgumentReader) throws(FilterArgumentError) { name = try arguments.bytes(0) }

    override func request(_ context: FilterContext) -> FilterAction {
        var next = context.request.headers.index(of: .cookie)
        while let index = next {
            if holdsCookie(context.request.headers.value(at: index)) { rewriteLine(index, context) }
            next = context.request.headers.index(of: .cookie, from: index + 1)
        }
        return .next
    }

    private func holdsCookie(_ line: BorrowedBytes) -> Bool {
        var rest = line
        while let pair = CookiePairs.nextPair(&rest) { if isDropped(pair) { return true } }
        return false
    }

    private func isDropped(_ pair: CookiePairs.Pair) -> Bool { name.withUnsafeBytes { pair.name.equals($0) } }

    private func rewriteLine(_ index: Int, _ context: FilterContext) {
        context.withScratch { line in
            var rest = context.request.headers.value(at: index)
            while let pair = CookiePairs.nextPair(&rest) {
                if isDropped(pair) { continue }
                if !line.isEmpty { line += BorrowedBytes("; ") }
                line += pair.text
            }
            if line.isEmpty {
                context.request.headers.remove(at: index)
            } else {
                line.withUnsafeBytes { context.request.headers.replaceValue(at: index, $0) }
            }
        }
    }
}
