internal import Bytes
internal import HTTP

/// `blockContent`, `blockContentHex`: a request whose body contains one of these texts is answered 400.
final class BlockContentFilter: Filter, @unchecked Sendable {
    private let scanner: PatternScanner

    private init(_ reader: ArgumentReader, _ patterns: [[UInt8]]) throws(FilterArgumentError) {
        if let position = patterns.firstIndex(where: \.isEmpty) { throw reader.refusal(position, "a text that is not empty") }
        guard let scanner = PatternScanner(patterns) else {
            throw FilterArgumentError("the texts are too long together: \(patterns.joined().count) bytes")
        }
        self.scanner = scanner
    }

    convenience init(text reader: ArgumentReader) throws(FilterArgumentError) {
        try self.init(reader, try reader.texts().map { Array($0.utf8) })
    }

    convenience init(hex reader: ArgumentReader) throws(FilterArgumentError) {
        var patterns: [[UInt8]] = []
        for position in 0..<reader.count { patterns.append(try reader.hexBytes(position)) }
        try self.init(reader, patterns)
    }

    override func request(_ context: FilterContext) -> FilterAction {
        if !context.request.framing.isEmpty { context.transformRequestBody(BlockedBody(scanner, context.services)) }
        return .next
    }
}

/// Lets a body pass until it contains a forbidden text, whose last piece is never passed on.
final class BlockedBody: BodyTransform {
    private let scanner: PatternScanner
    private let services: FilterServices
    private var state = PatternScanner.State.start

    init(_ scanner: PatternScanner, _ services: FilterServices) {
        self.scanner = scanner
        self.services = services
    }

    func transform(_ input: BorrowedBytes, isLast: Bool, limit: Int, into output: inout ByteBuffer) -> BodyTransformation {
        let count = min(input.count, max(0, limit - output.count))
        let piece = input.slice(0, count)
        guard scanner.firstEnd(in: piece, &state) == nil else {
            services.count("blocked.requests", by: 1)
            return .failed(status: 400)
        }
        output.append(piece)
        return .consumed(count, isFlushed: count == input.count)
    }
}
