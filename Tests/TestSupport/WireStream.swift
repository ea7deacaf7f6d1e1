import Glibc

/// Raw bytes out, messages or raw bytes in, over one connection. For one thread at a time.
public class WireStream {
    let socket: BlockingSocket
    /// Received and not yet read.
    private var buffer: [UInt8] = []
    private var isEnded = false

    init(_ socket: BlockingSocket) { self.socket = socket }

    // MARK: Out

    public func send(_ text: String) throws { try socket.send(Array(text.utf8)[...]) }

    public func send(_ bytes: [UInt8]) throws { try socket.send(bytes[...]) }

    /// Sends from another thread, in small segments as far as the kernel keeps them apart, while this one reads.
    public func sendSlowly(_ text: String, pieces: Int = 1) { sendSlowly(Array(text.utf8), pieces: pieces) }

    public func sendSlowly(_ bytes: [UInt8], pieces: Int) {
        onThread { [socket] in
            var rest = bytes[...]
            while !rest.isEmpty {
                do { try socket.send(rest.prefix(pieces)) } catch { return }
                rest = rest.dropFirst(pieces)
                usleep(200)
            }
        }
    }

    /// Sends what the peer takes without waiting, at most `limit` bytes.
    ///
    /// - Parameter piece: sent again and again.
    /// - Returns: how many bytes it took before it stayed full for a tenth of a second.
    public func sendUntilFull(limit: Int, of piece: [UInt8] = [UInt8](repeating: UInt8(ascii: "x"), count: 64 * 1024)) throws -> Int {
        var sent = 0
        var pauses = 0
        while sent < limit, pauses < 10 {
            let start = sent % piece.count
            let count = try socket.sendAvailable(Array(piece[start..<min(piece.count, start + limit - sent)]))
            sent += count
            pauses = count > 0 ? 0 : pauses + 1
            if count == 0 { usleep(10_000) }
        }
        return sent
    }

    /// Says that nothing more will be sent.
    public func finish() { socket.shutdownWrite() }

    /// Breaks the connection with a reset.
    public func reset() { socket.reset() }

    /// Ends both directions with a reset, while another thread may be in a call.
    func abort() { socket.abort() }

    /// Ends both directions.
    public func close() { socket.shutdown() }

    // MARK: In

    /// Everything up to the end of the connection.
    public func readToEnd(limit: Int = .max) throws -> [UInt8] {
        while !isEnded, buffer.count < limit { try receive { "the end of the connection" } }
        defer { buffer = [] }
        return buffer
    }

    public func readExactly(_ count: Int) throws -> [UInt8] {
        while buffer.count < count {
            guard !isEnded else { throw WireError.cutShort(text) }
            try receive { "\(count - self.buffer.count) more bytes" }
        }
        defer { buffer.removeFirst(count) }
        return Array(buffer[..<count])
    }

    /// At least one byte; none at the end.
    func readSome(upTo count: Int) throws -> [UInt8] {
        while buffer.isEmpty, !isEnded { try receive { "bytes" } }
        let bytes = Array(buffer.prefix(count))
        buffer.removeFirst(bytes.count)
        return bytes
    }

    /// Everything up to and with `marker`.
    public func read(through marker: String) throws -> String {
        String(decoding: try readBytes(through: Array(marker.utf8)), as: UTF8.self)
    }

    func readBytes(through marker: [UInt8]) throws -> [UInt8] {
        var searched = 0
        while true {
            if let end = buffer[max(0, searched - marker.count)...].firstRange(of: marker)?.upperBound {
                defer { buffer.removeFirst(end) }
                return Array(buffer[..<end])
            }
            searched = buffer.count
            guard !isEnded else { throw WireError.cutShort(text) }
            try receive { String(decoding: marker, as: UTF8.self).debugDescription }
        }
    }

    /// Reads and forgets `count` bytes, in small pieces with pauses if the reader is to be slow.
    public func discard(_ count: Int, pieces: Int = 64 * 1024, pauseMicroseconds: UInt32 = 0) throws {
        var left = count - min(count, buffer.count)
        buffer.removeFirst(count - left)
        while left > 0 {
            let bytes = try socket.receive(upTo: min(left, pieces)) { "\(left) more bytes" }
            guard !bytes.isEmpty else { throw WireError.cutShort("\(count - left) of \(count) bytes") }
            left -= bytes.count
            if pauseMicroseconds > 0 { usleep(pauseMicroseconds) }
        }
    }

    /// Whether nothing has come and the connection is open, after a moment in which something should have.
    public func isQuiet(milliseconds: Int32 = 200) -> Bool {
        guard buffer.isEmpty, !isEnded else { return false }
        return socket.isQuiet(milliseconds: milliseconds)
    }

    /// Whether the peer has closed and nothing more came before that; waits for it.
    public func endsCleanly() throws -> Bool {
        while !isEnded {
            guard buffer.isEmpty else { return false }
            try receive { "the end of the connection" }
        }
        return buffer.isEmpty
    }

    private func receive(_ what: () -> String) throws {
        do {
            let bytes = try socket.receive { "\(what()), after \(self.text.debugDescription)" }
            if bytes.isEmpty { isEnded = true }
            buffer += bytes
        } catch let failure as SocketFailure where failure.number == ECONNRESET {
            throw WireError.reset(text)
        }
    }

    /// The start of what has come and was not read.
    private var text: String { String(decoding: buffer.prefix(2000), as: UTF8.self) }

    // MARK: Messages

    /// - Returns: nil if the connection ended before the first byte.
    func readHead() throws -> RawMessage? {
        while buffer.isEmpty {
            guard !isEnded else { return nil }
            try receive { "a head" }
        }
        return try RawMessage(head: readBytes(through: Array("\r\n\r\n".utf8)))
    }

    func readBody(of message: inout RawMessage, toEndIfUnknown: Bool) throws {
        switch message.framing {
        case .length(let count): message.body = try readExactly(count)
        case .chunked: try readChunks(of: &message)
        case .unknown: if toEndIfUnknown { message.body = try readToEnd() }
        }
    }

    private func readChunks(of message: inout RawMessage) throws {
        while true {
            let line = try read(through: "\r\n").dropLast(1)
            guard let size = Int(line.prefix { $0 != ";" }, radix: 16) else { throw WireError.malformed(String(line)) }
            guard size > 0 else { break }
            message.chunkSizes.append(size)
            message.body += try readExactly(size)
            guard try readExactly(2) == [0x0D, 0x0A] else { throw WireError.malformed("a chunk without its CRLF") }
        }
        while true {
            let line = try read(through: "\r\n")
            if line == "\r\n" { return }
            message.trailers.append(try RawMessage.field(String(line.dropLast(1))))
        }
    }
}
