public import Bytes

/// Takes the chunked coding off a body in place, RFC 9112 §7.1. Strict: a size line that two programs could read in
/// two ways is refused.
public struct ChunkedDecoder: ~Copyable {
    private enum State {
        case size(value: UInt64, digits: Int)
        case lineExtension
        case sizeLineFeed
        case data(left: UInt64)
        case dataCarriageReturn
        case dataLineFeed
        case trailerStart
        case trailerName
        case trailerValue
        case trailerLineFeed
        case endLineFeed
        case complete
    }

    private var state = State.size(value: 0, digits: 0)
    private var chunkSize: UInt64 = 0
    /// Of chunk extensions so far, beyond one for each byte of data: what only an attack has many of.
    private var excessBytes = 0
    /// The trailer section's lines, CRLF included, without the empty line; empty for nearly all messages.
    public private(set) var trailers = ByteBuffer()
    /// Where the name of the line at hand begins in `trailers`.
    private var nameStart = 0

    public init() {}

    public var isComplete: Bool {
        if case .complete = state { return true }
        return false
    }

    /// Decodes as far as the bytes go; the data are moved together to where the first of them stands.
    ///
    /// - Returns: how many bytes were used up and where the data lie; behind the end of the body nothing is used.
    public mutating func decode(_ bytes: UnsafeMutableRawBufferPointer) throws(HTTPError) -> (consumed: Int, data: Range<Int>) {
        var index = 0
        var dataStart = 0
        var dataEnd = 0
        while index < bytes.count, !isComplete {
            if case .data(let left) = state {
                let count = Int(min(left, UInt64(bytes.count - index)))
                if dataEnd == dataStart {
                    dataStart = index
                    dataEnd = index
                }
                if dataEnd != index { (bytes.baseAddress! + dataEnd).copyMemory(from: bytes.baseAddress! + index, byteCount: count) }
                dataEnd += count
                index += count
                state = left == UInt64(count) ? .dataCarriageReturn : .data(left: left - UInt64(count))
            } else {
                try step(bytes[index])
                index += 1
            }
        }
        return (index, dataStart..<dataEnd)
    }

    private mutating func step(_ byte: UInt8) throws(HTTPError) {
        switch state {
        case .size(let value, let digits): try stepSize(byte, value, digits)
        case .lineExtension:
            excessBytes += 1
            if byte == 0x0D { state = .sizeLineFeed } else if byte < 0x20 && byte != 0x09 || byte == 0x7F { throw .malformedChunkSize }
            if excessBytes > Limits.chunkLineBytesMax { throw .malformedChunkSize }
        case .sizeLineFeed:
            guard byte == 0x0A else { throw .malformedChunkSize }
            excessBytes = max(0, excessBytes - Int(min(chunkSize, UInt64(Limits.chunkLineBytesMax))))
            state = chunkSize == 0 ? .trailerStart : .data(left: chunkSize)
        case .dataCarriageReturn:
            guard byte == 0x0D else { throw .malformedChunk }
            state = .dataLineFeed
        case .dataLineFeed:
            guard byte == 0x0A else { throw .malformedChunk }
            state = .size(value: 0, digits: 0)
        case .trailerStart, .trailerName, .trailerValue, .trailerLineFeed, .endLineFeed: try stepTrailer(byte)
        case .data, .complete: break
        }
    }

    private mutating func stepSize(_ byte: UInt8, _ value: UInt64, _ digits: Int) throws(HTTPError) {
        if let digit = ASCII.hexValue(byte) {
            // 15 digits are 2^60 bytes; leading zeros count, so that a size line cannot be endless.
            guard digits < 15 else { throw .malformedChunkSize }
            state = .size(value: value << 4 | UInt64(digit), digits: digits + 1)
            return
        }
        guard digits > 0 else { throw .malformedChunkSize }
        chunkSize = value
        if byte == 0x0D {
            state = .sizeLineFeed
        } else if byte == UInt8(ascii: ";") {
            state = .lineExtension
        } else {
            throw .malformedChunkSize
        }
    }

    private mutating func stepTrailer(_ byte: UInt8) throws(HTTPError) {
        switch state {
        case .trailerStart where byte == 0x0D:
            state = .endLineFeed
            return
        case .endLineFeed:
            guard byte == 0x0A else { throw .bareCarriageReturn }
            state = .complete
            return
        case .trailerLineFeed:
            guard byte == 0x0A else { throw .bareCarriageReturn }
            state = .trailerStart
        default: try stepTrailerLine(byte)
        }
        guard trailers.count < Limits.trailerBytesMax else { throw .trailerTooLarge }
        trailers.append(byte)
    }

    /// Field lines by the rules of heads: they go on as they are.
    private mutating func stepTrailerLine(_ byte: UInt8) throws(HTTPError) {
        if byte == 0x0A { throw .bareLineFeed }
        if case .trailerValue = state {
            if byte == 0x0D { state = .trailerLineFeed } else if byte < 0x20 && byte != 0x09 || byte == 0x7F { throw .malformedFieldValue }
            return
        }
        if case .trailerStart = state {
            if ASCII.isBlank(byte) { throw .obsoleteFold }
            nameStart = trailers.count
        }
        if ASCII.isToken(byte) {
            state = .trailerName
        } else {
            guard byte == UInt8(ascii: ":"), trailers.count > nameStart else { throw .malformedFieldName }
            let name = KnownField(name: trailers.readable.slice(nameStart, trailers.count))
            guard !ChunkedDecoder.forbidden.contains(name) || name == .other else { throw .forbiddenTrailer }
            state = .trailerValue
        }
    }

    /// A receiver that merged these into the head would read another message, RFC 9110 §6.5.1.
    private static let forbidden = KnownFieldSet(.transferEncoding, .contentLength, .host, .connection, .upgrade, .trailer, .te)
}
