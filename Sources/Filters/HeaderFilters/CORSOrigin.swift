import Bytes
import HTTP

/// `corsOrigin`: answers which origins may read the response. Preflight requests are the backend's.
final class CORSOrigin: Filter, @unchecked Sendable {
    private static let field = FieldName("Access-Control-Allow-Origin")
    private let origins: [[UInt8]]

    init(_ arguments: ArgumentReader) throws(FilterArgumentError) {
        origins = try arguments.texts().map { Array($0.utf8) }
    }

    override func response(_ context: FilterContext) -> FilterAction {
        if origins.isEmpty {
            context.setValue(.response, CORSOrigin.field, BorrowedBytes("*"))
            return .next
        }
        // What the response says depends on the Origin even where it names none: a cache must not mix them up.
        addVary(context)
        guard let origin = context.request.headers.first(.origin) else { return .next }
        if origins.contains(where: { $0.withUnsafeBytes { origin.equals($0) } }) {
            context.setValue(.response, CORSOrigin.field, origin)
        }
        return .next
    }

    private func addVary(_ context: FilterContext) {
        if context.response.headers.containsToken(.vary, "origin") || context.response.headers.containsToken(.vary, "*") { return }
        context.response.headers.append(.vary, BorrowedBytes("Origin"))
    }
}
