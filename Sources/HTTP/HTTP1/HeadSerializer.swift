public import Bytes

/// Heads as HTTP/1 text. Fields nobody edited are copied in whole runs; those that belong to one connection only are
/// left out and written anew (RFC 9110 §7.6.1).
public enum HeadSerializer {
    // Computed: a stored one would be asked for by a call per head.
    @inline(__always)
    static var hopByHop: KnownFieldSet {
        KnownFieldSet(bits: KnownField.connection.bit | KnownField.keepAlive.bit | KnownField.proxyConnection.bit
            | KnownField.proxyAuthenticate.bit | KnownField.proxyAuthorization.bit | KnownField.te.bit | KnownField.transferEncoding.bit
            | KnownField.upgrade.bit | KnownField.http2Settings.bit | KnownField.contentLength.bit)
    }

    /// What a head has beside the bytes of its block: methods and reasons that have no bytes there, the fields written anew.
    private static let constantBytesMax = 512

    /// How the message that is written ends and what becomes of the connection.
    public struct Framing: Sendable {
        public var body: BodyFraming
        /// `Connection: close` is added.
        public var closes: Bool
        /// `Connection: keep-alive` is added, which HTTP/1.0 needs to be told.
        public var keepsAlive = false
        /// Connection and Upgrade pass, RFC 9110 §7.8.
        public var upgrades: Bool
        /// The target is written in absolute form with this scheme, as a forward proxy is asked (RFC 9112 §3.2.2).
        public var scheme: StaticString?
        /// A forward proxy is asked for a tunnel: the target stays in authority form (RFC 9112 §3.2.3).
        public var asksForTunnel = false

        public init(body: BodyFraming, closes: Bool = false, upgrades: Bool = false) {
            self.body = body
            self.closes = closes
            self.upgrades = upgrades
        }

        /// Whether a received Content-Length says what the message that is written has. Where there is no body, as in 204
        /// and 1xx, it says something else (RFC 9110 §8.6).
        @inline(__always)
        func passesLength(of received: BodyFraming) -> Bool {
            if case .length = body { body == received } else { false }
        }
    }

    /// - Parameter host: the Host field's value; the head's own Host fields are left out.
    public static func write(_ head: borrowing RequestHead, host: BorrowedBytes, framing: Framing, to buffer: inout ByteBuffer) {
        _ = buffer.append(upTo: head.headers.writtenBytesMax + 2 * host.count + constantBytesMax) { room in
            var output = HeadWriter(room)
            write(head, host: host, framing: framing, to: &output)
            return output.count
        }
    }

    @inline(__always)
    private static func write(_ head: borrowing RequestHead, host: BorrowedBytes, framing: Framing, to output: inout HeadWriter) {
        output.append(short: head.methodBytes)
        output.append(0x20)
        if framing.asksForTunnel { output.append(head.target) } else { writeTarget(head, host: host, scheme: framing.scheme, to: &output) }
        output.append(" HTTP/1.1\r\nHost: ")
        output.append(short: host)
        output.append("\r\n")
        let acceptsTrailers = head.headers.mayContain(.te) && head.headers.containsToken(.te, "trailers")
        let isLengthWritten = writeFields(head.headers, skipping: hopByHop.bits | KnownField.host.bit, passesLength: framing.passesLength(of: head.framing), to: &output)
        if acceptsTrailers { output.append("TE: trailers\r\n") }
        if framing.upgrades { writeUpgrade(head.headers, to: &output) } else if acceptsTrailers { output.append("Connection: te\r\n") }
        writeFraming(framing, isLengthWritten, to: &output)
    }

    @inline(__always)
    private static func writeTarget(_ head: borrowing RequestHead, host: BorrowedBytes, scheme: StaticString?, to output: inout HeadWriter) {
        if let scheme {
            output.append(scheme)
            output.append("://")
            output.append(host)
        }
        if head.isAsterisk { output.append("*") } else { output.append(short: head.path) }
        if head.hasQuery {
            output.append(UInt8(ascii: "?"))
            output.append(head.query)
        }
    }

    /// - Parameter date: the Date field's value if the response has none.
    public static func write(_ head: borrowing ResponseHead, framing: Framing, date: BorrowedBytes, to buffer: inout ByteBuffer) {
        _ = buffer.append(upTo: head.headers.writtenBytesMax + constantBytesMax) { room in
            var output = HeadWriter(room)
            write(head, framing: framing, date: date, to: &output)
            return output.count
        }
    }

    @inline(__always)
    private static func write(_ head: borrowing ResponseHead, framing: Framing, date: BorrowedBytes, to output: inout HeadWriter) {
        output.append("HTTP/1.1 ")
        output.append(UInt8(truncatingIfNeeded: 0x30 + head.status / 100))
        output.append(UInt8(truncatingIfNeeded: 0x30 + head.status / 10 % 10))
        output.append(UInt8(truncatingIfNeeded: 0x30 + head.status % 10))
        output.append(0x20)
        output.append(short: head.reason)
        output.append("\r\n")
        let isLengthWritten = writeFields(head.headers, skipping: hopByHop.bits, passesLength: framing.passesLength(of: head.framing), to: &output)
        if head.status >= 200, head.headers.first(.date) == nil { writeField("Date: ", date, to: &output) }
        if framing.upgrades { writeUpgrade(head.headers, to: &output) }
        writeFraming(framing, isLengthWritten, to: &output)
    }

    private static func writeField(_ name: StaticString, _ value: BorrowedBytes, to output: inout HeadWriter) {
        output.append(name)
        output.append(value)
        output.append("\r\n")
    }

    private static func writeUpgrade(_ headers: borrowing Headers, to output: inout HeadWriter) {
        output.append("Connection: Upgrade\r\n")
        if let protocols = headers.first(.upgrade) { writeField("Upgrade: ", protocols, to: &output) }
    }

    private static func writeFraming(_ framing: Framing, _ isLengthWritten: Bool, to output: inout HeadWriter) {
        switch framing.body {
        case .none, .untilClose: break
        case .length where isLengthWritten: break
        case .length(let count):
            output.append("Content-Length: ")
            output.append(decimal: Int(truncatingIfNeeded: count))
            output.append("\r\n")
        case .chunked: output.append("Transfer-Encoding: chunked\r\n")
        }
        if framing.closes { output.append("Connection: close\r\n") } else if framing.keepsAlive { output.append("Connection: keep-alive\r\n") }
        output.append("\r\n")
    }

    /// - Parameters:
    ///   - skipping: bits of known fields, never of `.other`.
    ///   - passesLength: the body has the framing that the received fields give it: a Content-Length among them may stay.
    /// - Returns: whether it has.
    private static func writeFields(_ headers: borrowing Headers, skipping: UInt64, passesLength: Bool, to output: inout HeadWriter) -> Bool {
        guard let fields = headers.fields else { return false }
        let (wireCount, wireEnd) = (headers.wireCount, UInt32(truncatingIfNeeded: headers.wireEnd))
        var skipping = passesLength ? skipping & ~KnownField.contentLength.bit : skipping
        // Of the lines that stay as they were received, one behind the other.
        var runStart = UInt32.max
        var index = 0
        while index < wireCount {
            let field = fields[index]
            let stays = skipping & field.known.bit == 0 && !field.isRemoved && field.valueStart < wireEnd
            if stays, field.known != .contentLength || isCanonicalNumber(headers.value(at: index)) {
                // One is enough.
                if field.known == .contentLength { skipping |= KnownField.contentLength.bit }
                if runStart == .max { runStart = field.nameStart }
            } else {
                if runStart != .max { output.append(headers.slice(ByteRange(Int(runStart), Int(field.nameStart)))) }
                runStart = .max
                writeField(headers, index, field, skipping, to: &output)
            }
            index &+= 1
        }
        if runStart != .max { output.append(headers.slice(ByteRange(Int(runStart), Int(wireEnd)))) }
        while index < headers.fieldCount {
            writeField(headers, index, fields[index], skipping, to: &output)
            index &+= 1
        }
        return passesLength && skipping & KnownField.contentLength.bit != 0
    }

    /// Whether no reader takes a number for another one: leading zeros make it octal to some.
    private static func isCanonicalNumber(_ digits: BorrowedBytes) -> Bool { digits.count == 1 || digits.first != UInt8(ascii: "0") }

    /// Writes a field that is no longer, or never was, a line of the received head.
    @inline(__always)
    private static func writeField(_ headers: borrowing Headers, _ index: Int, _ field: Headers.Field, _ skipping: UInt64, to output: inout HeadWriter) {
        if field.isRemoved || (skipping | KnownField.contentLength.bit) & field.known.bit != 0 { return }
        output.append(headers.name(at: index))
        output.append(": ")
        output.append(headers.value(at: index))
        output.append("\r\n")
    }
}

/// Writes behind one another the parts of a head into room that was measured before.
struct HeadWriter {
    private let room: UnsafeMutableRawBufferPointer
    private(set) var count = 0

    init(_ room: UnsafeMutableRawBufferPointer) { self.room = room }

    @inline(__always)
    mutating func append(_ bytes: BorrowedBytes) {
        guard bytes.count > 0, let source = bytes.baseAddress else { return }
        precondition(count + bytes.count <= room.count, "a head outgrew its room")
        (room.baseAddress.unsafelyUnwrapped + count).copyMemory(from: source, byteCount: bytes.count)
        count += bytes.count
    }

    /// The same of what is most often some bytes only, without a call then.
    @inline(__always)
    mutating func append(short bytes: BorrowedBytes) {
        guard bytes.count <= 16, bytes.count > 0, let source = bytes.baseAddress else { return append(bytes) }
        precondition(count + bytes.count <= room.count, "a head outgrew its room")
        let target = room.baseAddress.unsafelyUnwrapped + count
        count &+= bytes.count
        if bytes.count >= 8 {
            HeadWriter.copyEnds(source, target, bytes.count, UInt64.self)
        } else if bytes.count >= 4 {
            HeadWriter.copyEnds(source, target, bytes.count, UInt32.self)
        } else {
            for index in 0..<bytes.count { target.storeBytes(of: source.load(fromByteOffset: index, as: UInt8.self), toByteOffset: index, as: UInt8.self) }
        }
    }

    /// Copies one to two words' bytes: the first word and the last, which overlap.
    @inline(__always)
    private static func copyEnds<Word: BitwiseCopyable>(_ source: UnsafeRawPointer, _ target: UnsafeMutableRawPointer, _ count: Int, _: Word.Type) {
        let last = count &- MemoryLayout<Word>.size
        let (head, tail) = (source.loadUnaligned(as: Word.self), source.loadUnaligned(fromByteOffset: last, as: Word.self))
        target.storeBytes(of: head, as: Word.self)
        target.storeBytes(of: tail, toByteOffset: last, as: Word.self)
    }

    @inline(__always)
    mutating func append(_ literal: StaticString) { append(BorrowedBytes(literal)) }

    @inline(__always)
    mutating func append(_ byte: UInt8) {
        precondition(count < room.count, "a head outgrew its room")
        room.baseAddress.unsafelyUnwrapped.storeBytes(of: byte, toByteOffset: count, as: UInt8.self)
        count += 1
    }

    mutating func append(decimal number: Int) {
        var digits = DecimalDigits(number)
        digits.withBytes { append(short: $0) }
    }
}
