internal import Bytes
internal import HTTP

/// `bandwidth`, `chunks` and their `backend…` forms: bodies in pieces with pauses.
final class ThrottleFilter: Filter, @unchecked Sendable {
    enum Side: Sendable { case request, response }

    private let side: Side
    private let pieceBytes: Int
    private let pause: UInt64

    /// - Parameters:
    ///   - pieceBytes: at least 1.
    ///   - pause: between two pieces, nanoseconds.
    init(_ side: Side, pieceBytes: Int, pause: UInt64) {
        self.side = side
        self.pieceBytes = pieceBytes
        self.pause = pause
    }

    override func request(_ context: FilterContext) -> FilterAction {
        guard side == .request, !context.request.framing.isEmpty else { return .next }
        context.transformRequestBody(ThrottledBody(pieceBytes: pieceBytes, pause: pause, context.services))
        return .next
    }

    override func response(_ context: FilterContext) -> FilterAction {
        guard side == .response, context.hasResponseBody else { return .next }
        context.transformResponseBody(ThrottledBody(pieceBytes: pieceBytes, pause: pause, context.services))
        return .next
    }

    /// The piece that `bandwidth` lets pass at a time.
    static let bandwidthPieceBytes = 512

    static func bandwidth(_ side: Side, _ reader: ArgumentReader) throws(FilterArgumentError) -> ThrottleFilter {
        let kilobytesPerSecond = try reader.number(0)
        let pause = Double(bandwidthPieceBytes) * 1_000_000 / kilobytesPerSecond
        guard kilobytesPerSecond > 0, pause < Double(Int64.max / 2) else { throw reader.refusal(0, "a number above 0") }
        return ThrottleFilter(side, pieceBytes: bandwidthPieceBytes, pause: UInt64(pause))
    }

    static func chunks(_ side: Side, _ reader: ArgumentReader) throws(FilterArgumentError) -> ThrottleFilter {
        let pieceBytes = try reader.integer(0, in: 1...Int(Int32.max))
        return ThrottleFilter(side, pieceBytes: pieceBytes, pause: try reader.duration(1, numbersAre: 1_000_000))
    }
}

/// Lets a body pass in pieces, each some time after the one before. Bytes are never held back to fill a piece.
final class ThrottledBody: BodyTransform {
    /// Pauses shorter than what timers can tell are made good by several pieces at once, at most for this long back.
    static let catchUp: UInt64 = 10_000_000

    private let pieceBytes: Int
    private let pause: UInt64
    private let services: FilterServices
    private var pieceLeft: Int
    /// When the next piece may begin.
    private var due: UInt64

    init(pieceBytes: Int, pause: UInt64, _ services: FilterServices) {
        self.pieceBytes = pieceBytes
        self.pause = pause
        self.services = services
        pieceLeft = pieceBytes
        due = services.now
    }

    var lengthChange: Int? { 0 }

    func transform(_ input: BorrowedBytes, isLast: Bool, limit: Int, into output: inout ByteBuffer) -> BodyTransformation {
        var taken = 0
        while taken < input.count, output.count < limit {
            if pieceLeft == 0 {
                if services.now < due { return .paused(taken, due - services.now) }
                pieceLeft = pieceBytes
            }
            let count = min(pieceLeft, input.count - taken, limit - output.count)
            output.append(input.slice(taken, taken + count))
            taken += count
            pieceLeft -= count
            if pieceLeft == 0 { due = max(due, earliest) + pause }
        }
        return .consumed(taken, isFlushed: taken == input.count)
    }

    private var earliest: UInt64 {
        pause < ThrottledBody.catchUp && services.now > ThrottledBody.catchUp ? services.now - ThrottledBody.catchUp : services.now
    }
}
