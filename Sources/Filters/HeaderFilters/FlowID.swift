import Bytes
import HTTP

/// `flowId`: gives the request an X-Flow-Id that joins the logs of all it passes through.
final class FlowID: Filter, @unchecked Sendable {
    /// 64 characters, so that six random bits choose one.
    private static let alphabet: StaticString = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ+-"
    private static let members = ByteSet("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ+-")
    private static let generatedCount = 16
    private static let validCounts = 8...64
    private let reuses: Bool

    init(_ arguments: ArgumentReader) throws(FilterArgumentError) {
        reuses = arguments.count > 0 ? try arguments.text(0).lowercased() == "reuse" : false
    }

    override func request(_ context: FilterContext) -> FilterAction {
        if reuses, let id = context.request.headers.first(.xFlowID), FlowID.isValid(id) { return .next }
        withUnsafeTemporaryAllocation(byteCount: FlowID.generatedCount, alignment: 1) { id in
            FlowID.generate(into: id, context.services)
            context.request.headers.set(.xFlowID, BorrowedBytes(id))
        }
        return .next
    }

    static func isValid(_ id: BorrowedBytes) -> Bool {
        validCounts.contains(id.count) && id.allSatisfy { members.contains($0) }
    }

    private static func generate(into id: UnsafeMutableRawBufferPointer, _ services: FilterServices) {
        var bits: UInt64 = 0
        for index in id.indices {
            // A word holds ten characters' bits.
            if index % 10 == 0 { bits = services.randomWord() }
            id[index] = alphabet.utf8Start[Int(bits & 63)]
            bits >>= 6
        }
    }
}
