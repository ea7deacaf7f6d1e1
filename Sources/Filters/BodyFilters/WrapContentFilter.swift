internal import Bytes
internal import HTTP

/// `wrapContent`, `wrapContentHex`: the response's body between two texts.
final class WrapContentFilter: Filter, @unchecked Sendable {
    private let prefix: [UInt8]
    private let suffix: [UInt8]

    init(text reader: ArgumentReader) throws(FilterArgumentError) {
        prefix = try reader.bytes(0)
        suffix = try reader.bytes(1)
    }

    init(hex reader: ArgumentReader) throws(FilterArgumentError) {
        prefix = try reader.hexBytes(0)
        suffix = try reader.hexBytes(1)
    }

    /// Empty bodies are wrapped too, and the answer to a HEAD tells the length a GET would have.
    override func response(_ context: FilterContext) -> FilterAction {
        guard !Status.forbidsBody(context.response.status) else { return .next }
        context.transformResponseBody(WrappedBody(prefix: prefix, suffix: suffix))
        return .next
    }
}

/// A body between two texts.
final class WrappedBody: BodyTransform {
    private let prefix: [UInt8]
    private let suffix: [UInt8]
    private var isPrefixOut = false
    /// Bytes of the prefix or suffix that are out.
    private var written = 0

    init(prefix: [UInt8], suffix: [UInt8]) {
        self.prefix = prefix
        self.suffix = suffix
    }

    var lengthChange: Int? { prefix.count + suffix.count }

    func transform(_ input: BorrowedBytes, isLast: Bool, limit: Int, into output: inout ByteBuffer) -> BodyTransformation {
        if !isPrefixOut {
            guard write(prefix, limit, &output) else { return .consumed(0, isFlushed: false) }
            isPrefixOut = true
        }
        let count = min(input.count, max(0, limit - output.count))
        output.append(input.slice(0, count))
        guard isLast, count == input.count else { return .consumed(count, isFlushed: count == input.count) }
        return .consumed(count, isFlushed: write(suffix, limit, &output))
    }

    /// Appends what fits; true when all is out.
    private func write(_ text: [UInt8], _ limit: Int, _ output: inout ByteBuffer) -> Bool {
        let count = min(text.count - written, max(0, limit - output.count))
        text.withUnsafeBytes { output.append($0.slice(written, written + count)) }
        written += count
        guard written == text.count else { return false }
        written = 0
        return true
    }
}
