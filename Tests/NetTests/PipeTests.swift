import Bytes
import Glibc
@testable import Net
import Testing

/// Two ends of a stream, the first of which sends from an outbox; closed with it.
private final class Stream {
    let transport: Transport
    let peer: Int32

    init(sendBuffer: Int32? = nil) throws {
        var ends: [Int32] = [0, 0]
        try #require(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue), 0, &ends) == 0)
        if var size = sendBuffer { setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &size, 4) }
        transport = Transport(socket: ends[0])
        peer = ends[1]
    }

    deinit {
        close(transport.descriptor)
        close(peer)
    }

    func write(_ text: String) { #expect(Glibc.write(peer, text, text.utf8.count) == text.utf8.count) }

    func read() -> String {
        var bytes = [UInt8](repeating: 0, count: 1 << 20)
        let count = Glibc.read(peer, &bytes, bytes.count)
        return String(decoding: bytes.prefix(max(0, count)), as: UTF8.self)
    }
}

@Suite("Pipes between sockets")
struct PipeTests {
    private func filled(_ pool: PipePool, _ text: String, limit: Int = .max) throws -> Pipe {
        let source = try Stream()
        source.write(text)
        let pipe = try #require(pool.take())
        #expect(pipe.fill(from: source.transport, upTo: limit) == .bytes(min(limit, text.utf8.count)))
        return pipe
    }

    @Test("what comes in goes out, no more than was asked for, and the pipe serves again")
    func passed() throws {
        let pool = PipePool()
        let target = try Stream()
        var outbox = Outbox()
        let pipe = try filled(pool, "hello, world", limit: 5)
        guard case .flushed = outbox.send(pipe, over: target.transport) else { return #expect(Bool(false)) }
        #expect(target.read() == "hello" && pipe.count == 0 && outbox.isEmpty)
        #expect(pool.take() === pipe)
        pool.close()
    }

    @Test("a source without bytes, at its end")
    func empty() throws {
        let pool = PipePool()
        let pipe = try #require(pool.take())
        let source = try Stream()
        #expect(pipe.fill(from: source.transport, upTo: 10) == .wouldBlock && pipe.count == 0)
        shutdown(source.peer, Int32(SHUT_WR))
        #expect(pipe.fill(from: source.transport, upTo: 10) == .end && pipe.count == 0)
    }

    @Test("what a slow peer does not take waits in the pipe, and bytes behind it come behind it")
    func blocked() throws {
        let pool = PipePool()
        let target = try Stream(sendBuffer: 4096)
        var outbox = Outbox()
        let text = String(repeating: "0123456789", count: 10_000)
        guard case .blocked = outbox.send(try filled(pool, text), over: target.transport) else { return #expect(Bool(false)) }
        #expect(!outbox.isEmpty && outbox.count > 0)
        guard case .blocked = Array("tail".utf8).withUnsafeBytes({ outbox.send($0, over: target.transport) }) else { return #expect(Bool(false)) }
        var taken = ""
        while !outbox.isEmpty {
            taken += target.read()
            if case .failed(let error) = outbox.flush(over: target.transport) { throw error }
        }
        taken += target.read()
        #expect(taken == text + "tail")
    }

    @Test("behind kept bytes a pipe's are kept too, in order")
    func behind() throws {
        let pool = PipePool()
        let target = try Stream(sendBuffer: 4096)
        var outbox = Outbox()
        let first = String(repeating: "a", count: 300_000)
        guard case .blocked = Array(first.utf8).withUnsafeBytes({ outbox.send($0, over: target.transport) }) else { return #expect(Bool(false)) }
        let pipe = try filled(pool, "behind")
        guard case .blocked = outbox.send(pipe, over: target.transport) else { return #expect(Bool(false)) }
        #expect(pool.take() === pipe)
        var taken = ""
        while taken.utf8.count < first.utf8.count + 6 {
            taken += target.read()
            if case .failed(let error) = outbox.flush(over: target.transport) { throw error }
        }
        #expect(taken == first + "behind")
        pool.close()
    }

    @Test("a peer that is gone is an error, and a pipe with bytes is not used again")
    func gone() throws {
        let pool = PipePool()
        let target = try Stream()
        var outbox = Outbox()
        shutdown(target.peer, Int32(SHUT_RD))
        let pipe = try filled(pool, "lost")
        guard case .failed(.brokenPipe) = outbox.send(pipe, over: target.transport) else { return #expect(Bool(false)) }
        pipe.giveBack()
        #expect(pool.take() !== pipe)
    }

    @Test("there are only so many; those given up make room")
    func limit() throws {
        let pool = PipePool()
        var pipes = (0..<Limits.pipesMax).map { _ in pool.take() }
        #expect(pipes.allSatisfy { $0 != nil } && pool.take() == nil)
        pipes.removeLast(3)
        #expect(pool.take() != nil)
    }
}
