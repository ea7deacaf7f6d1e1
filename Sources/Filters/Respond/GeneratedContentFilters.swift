internal import Bytes
internal import HTTP

/// `repeatContent`, `repeatContentHex`: answers 200 with a text over and over.
final class RepeatContentFilter: Filter, @unchecked Sendable {
    private let text: [UInt8]
    private let count: UInt64
    private let mediaType: StaticString

    init(text: [UInt8], count: UInt64) {
        self.text = text
        self.count = count
        var head: [UInt8] = []
        while head.count < min(ContentSniffer.bytesMax, Int(clamping: count)) { head += text }
        mediaType = ContentSniffer.mediaType(of: Array(head.prefix(Int(clamping: count))))
    }

    convenience init(text reader: ArgumentReader) throws(FilterArgumentError) {
        self.init(text: Array(try reader.nonEmptyText(0).utf8), count: UInt64(try reader.integer(1, in: 0...Int.max)))
    }

    convenience init(hex reader: ArgumentReader) throws(FilterArgumentError) {
        let text = try reader.hexBytes(0)
        guard !text.isEmpty else { throw reader.refusal(0, "hexadecimal digits") }
        self.init(text: text, count: UInt64(try reader.integer(1, in: 0...Int.max)))
    }

    override func request(_ context: FilterContext) -> FilterAction {
        context.respond(status: 200, body: .producer(RepeatedBody(text: text, count: count), length: count))
        context.response.headers.set(.contentType, BorrowedBytes(mediaType))
        return .serve
    }
}

/// `randomContent`: answers 200 with random characters.
final class RandomContentFilter: Filter, @unchecked Sendable {
    private let count: UInt64

    init(_ reader: ArgumentReader) throws(FilterArgumentError) { count = UInt64(try reader.integer(0, in: 0...Int.max)) }

    override func request(_ context: FilterContext) -> FilterAction {
        context.respond(status: 200, body: .producer(RandomBody(count: count, context.services), length: count))
        context.response.headers.set(.contentType, BorrowedBytes("text/plain; charset=utf-8"))
        return .serve
    }
}

/// `tarpit`: answers 200 with a body that never ends and hardly moves.
final class TarpitFilter: Filter, @unchecked Sendable {
    private let pause: UInt64

    init(_ reader: ArgumentReader) throws(FilterArgumentError) {
        pause = try reader.duration(0)
        guard pause > 0 else { throw reader.refusal(0, "a duration above 0") }
    }

    override func request(_ context: FilterContext) -> FilterAction {
        context.respond(status: 200, body: .producer(TrickledBody(pause: pause), length: nil))
        context.response.headers.set(.contentType, BorrowedBytes("text/plain; charset=utf-8"))
        return .serve
    }
}

extension ArgumentReader {
    /// The bytes that the argument's hexadecimal digits stand for, two digits each.
    func hexBytes(_ position: Int) throws(FilterArgumentError) -> [UInt8] {
        let digits = try bytes(position)
        var decoded: [UInt8] = []
        guard digits.count % 2 == 0 else { throw refusal(position, "an even number of hexadecimal digits") }
        for index in stride(from: 0, to: digits.count, by: 2) {
            guard let high = ASCII.hexValue(digits[index]), let low = ASCII.hexValue(digits[index + 1]) else {
                throw refusal(position, "hexadecimal digits")
            }
            decoded.append(high << 4 | low)
        }
        return decoded
    }
}
