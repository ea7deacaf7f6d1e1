import Glibc
import Synchronization

/// A DNS server on 127.0.0.1, over UDP and TCP, that answers what a test says and keeps what it was asked.
public final class LoopbackNameServer: Sendable {
    public struct Question: Sendable, Equatable {
        public let name: String
        /// 1 = A, 28 = AAAA.
        public let type: UInt16
        public let isStream: Bool
    }

    public struct Record: Sendable {
        let name: String, type: UInt16, lifetime: UInt32, data: [UInt8]

        /// - Parameter address: IPv4 or IPv6 text.
        public static func address(_ name: String, _ address: String, lifetime: UInt32 = 300) -> Record {
            let isV6 = address.contains(":")
            var data = [UInt8](repeating: 0, count: isV6 ? 16 : 4)
            precondition(inet_pton(isV6 ? AF_INET6 : AF_INET, address, &data) == 1, "no address: \(address)")
            return Record(name: name, type: isV6 ? 28 : 1, lifetime: lifetime, data: data)
        }

        public static func alias(_ name: String, _ target: String, lifetime: UInt32 = 300) -> Record {
            Record(name: name, type: 5, lifetime: lifetime, data: LoopbackNameServer.encode(target))
        }
    }

    public enum Reply: Sendable {
        /// The records of the asked type and all aliases.
        case records([Record])
        /// 2 = SERVFAIL, 3 = no such name, 5 = refused.
        case code(UInt8)
        /// Too long for a datagram.
        case truncated
        case silence
        /// Sent behind the question's number.
        case garbage([UInt8])
    }

    public let port: UInt16
    private let datagrams: BlockingSocket
    private let streams: BlockingSocket
    private let asked = Mutex<[Question]>([])
    private let reply: @Sendable (Question) -> Reply

    public init(_ reply: @escaping @Sendable (Question) -> Reply) throws {
        self.reply = reply
        (datagrams, streams) = try LoopbackNameServer.bindBoth()
        port = datagrams.port
        // The threads hold this object only while they answer, so that its end is theirs.
        onThread { [datagrams, weak self] in
            while let datagram = datagrams.receiveDatagram(), let answer = self?.answer(datagram.bytes, isStream: false) {
                if !answer.isEmpty { datagrams.send(answer, to: datagram.peer) }
            }
        }
        onThread { [streams, weak self] in
            while let connection = streams.accept() {
                guard let question = LoopbackNameServer.readQuestion(connection) else { continue }
                guard let answer = self?.answer(question, isStream: true) else { return }
                try? connection.send([UInt8(answer.count >> 8), UInt8(answer.count & 255)] + answer)
            }
        }
    }

    deinit {
        streams.shutdown()
        // A datagram socket without a peer cannot be shut down: an empty datagram wakes its thread.
        datagrams.send([], to: DatagramPeer(port: port))
    }

    public var questions: [Question] { asked.withLock { $0 } }

    private static func bindBoth() throws -> (BlockingSocket, BlockingSocket) {
        var attempt = 0
        while true {
            let datagrams = try BlockingSocket.listening(.datagram)
            if let streams = try? BlockingSocket.listening(.stream, port: datagrams.port) { return (datagrams, streams) }
            attempt += 1
            if attempt == 20 { throw SocketFailure("a port for both UDP and TCP") }
        }
    }

    private static func readQuestion(_ connection: BlockingSocket) -> [UInt8]? {
        guard let prefix = try? connection.receive(upTo: 2, what: { "the length of a question" }), prefix.count == 2 else { return nil }
        return try? connection.receive(what: { "a question" })
    }

    /// - Returns: empty for silence.
    private func answer(_ bytes: [UInt8], isStream: Bool) -> [UInt8] {
        guard let (question, end) = LoopbackNameServer.parse(bytes, isStream: isStream) else { return [] }
        asked.withLock { $0.append(question) }
        switch reply(question) {
        case .silence: return []
        case .garbage(let garbage): return Array(bytes[..<2]) + garbage
        case .code(let code): return LoopbackNameServer.message(bytes, end, flags: 0x8180 | UInt16(code), [])
        case .truncated: return LoopbackNameServer.message(bytes, end, flags: 0x8380, [])
        case .records(let records):
            return LoopbackNameServer.message(bytes, end, flags: 0x8180, records.filter { $0.type == question.type || $0.type == 5 })
        }
    }

    private static func parse(_ bytes: [UInt8], isStream: Bool) -> (Question, end: Int)? {
        guard bytes.count > 16 else { return nil }
        var labels: [String] = []
        var index = 12
        while index < bytes.count, bytes[index] > 0 {
            let count = Int(bytes[index])
            guard index + count + 5 < bytes.count else { return nil }
            labels.append(String(decoding: bytes[(index + 1)...(index + count)], as: UTF8.self))
            index += count + 1
        }
        let type = UInt16(bytes[index + 1]) << 8 | UInt16(bytes[index + 2])
        return (Question(name: labels.joined(separator: ".").lowercased(), type: type, isStream: isStream), index + 5)
    }

    private static func message(_ question: [UInt8], _ end: Int, flags: UInt16, _ records: [Record]) -> [UInt8] {
        var message = Array(question[..<2])
        for word in [flags, 1, UInt16(records.count), 0, 0] { message += bytes(word) }
        message += question[12..<end]
        for record in records {
            message += encode(record.name)
            message += bytes(record.type) + bytes(1) + bytes(UInt16(record.lifetime >> 16)) + bytes(UInt16(record.lifetime & 0xffff))
            message += bytes(UInt16(record.data.count)) + record.data
        }
        return message
    }

    private static func bytes(_ word: UInt16) -> [UInt8] { [UInt8(word >> 8), UInt8(word & 255)] }

    private static func encode(_ name: String) -> [UInt8] {
        name.split(separator: ".").flatMap { [UInt8($0.utf8.count)] + Array($0.utf8) } + [0]
    }
}
