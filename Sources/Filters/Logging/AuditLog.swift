import Bytes
import HTTP

/// `auditLog`: one JSON line per exchange with the beginning of the request's body.
final class AuditLog: Filter, @unchecked Sendable {
    private let bodyBytesMax: Int

    /// - Parameter bodyBytesMax: bytes of the body that are logged.
    init(bodyBytesMax: Int) { self.bodyBytesMax = bodyBytesMax }

    /// Requests that the proxy refuses are audited too.
    override var handlesErrors: Bool { true }

    override func request(_ context: FilterContext) -> FilterAction {
        if bodyBytesMax > 0, !context.request.framing.isEmpty {
            context.transformRequestBody(BodyCopy(of: self, bytesMax: bodyBytesMax))
        }
        return .next
    }

    override func response(_ context: FilterContext) -> FilterAction {
        context.withScratch { line in
            append(context, to: &line)
            line.withUnsafeBytes { context.services.audit($0) }
        }
        return .next
    }

    private func append(_ context: FilterContext, to line: inout [UInt8]) {
        line += BorrowedBytes("{\"method\":")
        JSONText.appendString(context.request.methodBytes, to: &line)
        line += BorrowedBytes(",\"path\":")
        JSONText.appendString(receivedPath(context), to: &line)
        line += BorrowedBytes(",\"status\":")
        var status = DecimalDigits(Int(context.response.status))
        status.withBytes { line += $0 }
        appendAuthStatus(context, to: &line)
        if let copy = copy(context), !copy.bytes.isEmpty {
            line += BorrowedBytes(",\"requestBody\":")
            copy.bytes.withUnsafeBytes { JSONText.appendString($0, to: &line) }
        }
        line += BorrowedBytes("}\n")
    }

    /// What authenticating filters left in the state bag, if any ran.
    private func appendAuthStatus(_ context: FilterContext, to line: inout [UInt8]) {
        let user = context.bag["auth-user"]
        let reason = context.bag["auth-reject-reason"]
        guard user != nil || reason != nil else { return }
        line += BorrowedBytes(",\"authStatus\":{")
        if let user {
            line += BorrowedBytes("\"user\":")
            user.withBytes { JSONText.appendString($0, to: &line) }
            line.append(UInt8(ascii: ","))
        }
        line += reason == nil ? BorrowedBytes("\"rejected\":false") : BorrowedBytes("\"rejected\":true,\"reason\":")
        reason?.withBytes { JSONText.appendString($0, to: &line) }
        line.append(UInt8(ascii: "}"))
    }

    private func receivedPath(_ context: FilterContext) -> BorrowedBytes {
        let target = context.request.target
        return target.slice(0, target.firstIndex(of: UInt8(ascii: "?"), from: 0) ?? target.count)
    }

    private func copy(_ context: FilterContext) -> BodyCopy? {
        for transform in context.state.pointee.requestTransforms {
            if let copy = transform as? BodyCopy, copy.owner === self { return copy }
        }
        return nil
    }
}

/// Lets a body pass and keeps its beginning.
private final class BodyCopy: BodyTransform {
    unowned let owner: AuditLog
    private let bytesMax: Int
    private(set) var bytes: [UInt8] = []

    init(of owner: AuditLog, bytesMax: Int) {
        self.owner = owner
        self.bytesMax = bytesMax
    }

    var lengthChange: Int? { 0 }

    func transform(_ input: BorrowedBytes, isLast: Bool, limit: Int, into output: inout ByteBuffer) -> BodyTransformation {
        if bytes.count < bytesMax { bytes += input.prefix(bytesMax - bytes.count) }
        output.append(input)
        return .consumed(input.count, isFlushed: true)
    }
}
