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
        case trailerLine
        case trailerLineFeed
        case endLineFeed
        case complete
    }

    private var state = State.size(value: 0, digits: 0)
    private var chunkSize: UInt64 = 0
    private var extensionBytes = 0
    /// The trailer section's lines, CRLF included, without the empty line; empty for nearly all messages.
    public private(set) var trailers = ByteBuffer()

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
        while index < bytes.count {
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
                if isComplete { break }
            }
        }
        return (index, dataStart..<dataEnd)
    }

    private mutating func step(_ byte: UInt8) throws(HTTPError) {
        switch state {
        case .size(let value, let digits): try stepSize(byte, value, digits)
        case .lineExtension:
            extensionBytes += 1
            if byte == 0x0D { state = .sizeLineFeed } else if byte < 0x20 && byte != 0x09 || byte == 0x7F { throw .malformedChunkSize }
            if extensionBytes > Limits.chunkLineBytesMax { throw .malformedChunkSize }
        case .sizeLineFeed:
            guard byte == 0x0A else { throw .malformedChunkSize }
            state = chunkSize == 0 ? .trailerStart : .data(left: chunkSize)
        case .dataCarriageReturn:
            guard byte == 0x0D else { throw .malformedChunk }
            state = .dataLineFeed
        case .dataLineFeed:
            guard byte == 0x0A else { throw .malformedChunk }
            state = .size(value: 0, digits: 0)
        case .trailerStart, .trailerLine, .trailerLineFeed, .endLineFeed: try stepTrailer(byte)
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
        case .trailerStart where byte == 0x0D: state = .endLineFeed
        case .endLineFeed:
            guard byte == 0x0A else { throw .malformedChunk }
            state = .complete
        case .trailerLineFeed:
            guard byte == 0x0A else { throw .bareCarriageReturn }
            trailers.append(byte)
            state = .trailerStart
        default:
            guard byte != 0x0A else { throw .bareLineFeed }
            guard trailers.count < Limits.trailerBytesMax else { throw .trailerTooLarge }
            trailers.append(byte)
            state = byte == 0x0D ? .trailerLineFeed : .trailerLine
        }
    }
}
