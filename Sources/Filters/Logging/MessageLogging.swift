import Bytes
import HTTP
import Telemetry

/// `logHeader`: start lines and fields in the application log; values that carry credentials are left out.
final class LogHeader: Filter, @unchecked Sendable {
    private let sides: Set<MessageSide>

    init(_ arguments: ArgumentReader) throws(FilterArgumentError) {
        var sides: Set<MessageSide> = []
        for position in 0..<arguments.count { sides.insert(try arguments.side(position)) }
        self.sides = sides.isEmpty ? [.request] : sides
    }

    override func request(_ context: FilterContext) -> FilterAction {
        guard sides.contains(.request) else { return .next }
        context.withScratch { message in
            message += BorrowedBytes("request: ")
            message += context.request.methodBytes
            message.append(0x20)
            message += context.request.path
            message += BorrowedBytes(context.request.hasQuery ? "?" : "")
            message += context.request.query
            append(context.request.headers, to: &message)
            context.services.log(String(decoding: message, as: UTF8.self))
        }
        return .next
    }

    override func response(_ context: FilterContext) -> FilterAction {
        guard sides.contains(.response) else { return .next }
        context.withScratch { message in
            message += BorrowedBytes("response: ")
            var status = DecimalDigits(Int(context.response.status))
            status.withBytes { message += $0 }
            append(context.response.headers, to: &message)
            context.services.log(String(decoding: message, as: UTF8.self))
        }
        return .next
    }

    private func append(_ headers: borrowing Headers, to message: inout [UInt8]) {
        for index in headers.indices where headers.isPresent(index) {
            message += BorrowedBytes("; ")
            message += headers.name(at: index)
            message += BorrowedBytes(": ")
            message += SecretFields.contains(headers.name(at: index)) ? BorrowedBytes(SecretFields.redacted) : headers.value(at: index)
        }
    }
}

/// `logBody`: a body's first bytes in the application log, piece by piece as they pass.
final class LogBody: Filter, @unchecked Sendable {
    private let side: MessageSide
    private let bytesMax: Int

    init(_ arguments: ArgumentReader) throws(FilterArgumentError) {
        side = try arguments.side(0)
        bytesMax = try arguments.integer(1, in: 0...Int.max)
    }

    override func request(_ context: FilterContext) -> FilterAction {
        if side == .request, bytesMax > 0, !context.request.framing.isEmpty {
            context.transformRequestBody(BodyLog(context, "request", bytesMax))
        }
        return .next
    }

    override func response(_ context: FilterContext) -> FilterAction {
        if side == .response, bytesMax > 0, context.hasResponseBody {
            context.transformResponseBody(BodyLog(context, "response", bytesMax))
        }
        return .next
    }
}

/// Lets a body pass and logs its beginning.
private final class BodyLog: BodyTransform {
    private unowned let services: FilterServices
    /// Of every message: side and flow id.
    private let prefix: [UInt8]
    private var bytesLeft: Int

    init(_ context: FilterContext, _ side: StaticString, _ bytesMax: Int) {
        services = context.services
        bytesLeft = bytesMax
        var prefix = Array(BorrowedBytes(side))
        prefix += BorrowedBytes(" body ")
        if let flowID = context.request.headers.first(.xFlowID) { prefix += flowID }
        self.prefix = prefix + BorrowedBytes(": ")
    }

    var lengthChange: Int? { 0 }

    func transform(_ input: BorrowedBytes, isLast: Bool, limit: Int, into output: inout ByteBuffer) -> BodyTransformation {
        let piece = input.slice(0, min(input.count, bytesLeft))
        if !piece.isEmpty {
            bytesLeft -= piece.count
            services.log(String(decoding: prefix + piece, as: UTF8.self))
        }
        output.append(input)
        return .consumed(input.count, isFlushed: true)
    }
}

extension ArgumentReader {
    fileprivate func side(_ position: Int) throws(FilterArgumentError) -> MessageSide {
        switch try text(position) {
        case "request": return .request
        case "response": return .response
        default: throw refusal(position, "\"request\" or \"response\"")
        }
    }
}
