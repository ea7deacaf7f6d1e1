internal import Bytes
internal import HTTP

/// `absorb`, `absorbSilent`: reads the request's body to its end, drops it and answers 200.
final class AbsorbFilter: Filter, @unchecked Sendable {
    private let isSilent: Bool

    init(isSilent: Bool) { self.isSilent = isSilent }

    override func request(_ context: FilterContext) -> FilterAction {
        if !isSilent, !context.request.framing.isEmpty {
            context.transformRequestBody(AbsorbedBody(context.services))
        }
        context.serveAfterRequestBody()
        context.respond(status: 200)
        return .serve
    }
}

/// Lets a body vanish and says so in the log, once a second and at the end.
final class AbsorbedBody: BodyTransform {
    private static let reportInterval: UInt64 = 1_000_000_000

    private let services: FilterServices
    private let start: UInt64
    private var reported: UInt64
    private var count = 0

    init(_ services: FilterServices) {
        self.services = services
        start = services.now
        reported = services.now
    }

    func transform(_ input: BorrowedBytes, isLast: Bool, limit: Int, into output: inout ByteBuffer) -> BodyTransformation {
        count += input.count
        if isLast {
            services.log("absorb: \(count) bytes in \((services.now - start) / 1_000_000) ms, complete")
        } else if services.now - reported >= AbsorbedBody.reportInterval {
            reported = services.now
            services.log("absorb: \(count) bytes so far")
        }
        return .consumed(input.count, isFlushed: true)
    }
}
