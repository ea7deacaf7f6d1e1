import Bytes
@testable import Downstream
import HTTP
@testable import Net
import Testing

/// A batch of sends holds a message when its connection is told to end: it goes out first, and if it cannot, the
/// connection neither waits for ever nor is forgotten.
@Suite("Connections that end while a batch holds their bytes")
struct GatheredEndTests {
    /// Answers each request with a head, which a batch takes, and then does what the test says.
    private final class Handler: ServerHandler {
        var streams: [ServerStream] = []
        var failures: [ServerFailure] = []
        var whenFailed: (ServerStream) -> Void = { _ in }

        func requestReceived(_ head: UnsafeMutablePointer<RequestHead>, on stream: ServerStream, refusal: HTTPError?) {
            stream.attach(Unmanaged.passUnretained(self).toOpaque())
            streams.append(stream)
            var response = ResponseHead()
            response.framing = .length(8)
            _ = stream.respond(response, framing: .length(8), .empty, isLast: false)
        }

        func requestBody(_ exchange: UnsafeMutableRawPointer, _ piece: BodyPiece, isLast: Bool, trailers: TrailerLines) {}
        func requestStalled(_ exchange: UnsafeMutableRawPointer) {}
        func clientWritable(_ exchange: UnsafeMutableRawPointer) {}

        func requestFailed(_ exchange: UnsafeMutableRawPointer, _ failure: ServerFailure) {
            failures.append(failure)
            if let stream = streams.last { whenFailed(stream) }
        }
    }

    private let time = UnsafeMutablePointer<UInt64>.allocate(capacity: 1)
    private let loop = UnsafeMutablePointer<EventLoop>.allocate(capacity: 1)
    private let server = UnsafeMutablePointer<Server>.allocate(capacity: 1)
    private let handler = Handler()

    init() throws {
        time.initialize(to: 1_000_000_000)
        loop.initialize(to: try EventLoop(clock: .manual(time)))
        server.initialize(to: Server(loop: loop, options: ServerOptions(), handler: handler))
    }

    /// What ends the response, from a turn's events, of which there are several.
    enum Ending: CaseIterable {
        /// The upstream broke off.
        case abort
        /// A malformed body refuses the connection's further requests, and the response is ended as it is.
        case refusal
    }

    /// A turn in which a response begins and ends.
    private func turn(_ ending: Ending, _ peer: NarrowPeer) {
        loop.pointee.sends.open()
        handler.whenFailed = { stream in _ = stream.write(.empty, isLast: true) }
        server.accept(peer.transport, peer: SocketAddress(.loopbackV4, port: 1))
        if ending == .abort { #expect(peer.taken.isEmpty, "the batch has it") }
        if ending == .abort { handler.streams.last?.abort() }
        loop.pointee.sends.sendAll()
        loop.turn()
    }

    private func peer(_ ending: Ending) -> NarrowPeer {
        let head = "GET / HTTP/1.1\r\nHost: a.test\r\n"
        return NarrowPeer(ending == .abort ? head + "\r\n" : "POST" + head.dropFirst(3) + "Transfer-Encoding: chunked\r\n\r\nx\r\n")
    }

    private func pass(seconds: UInt64) {
        time.pointee += seconds * 1_000_000_000
        for _ in 0..<3 { loop.turn() }
    }

    @Test("a client that takes everything gets it, then the end", arguments: Ending.allCases) func taken(ending: Ending) {
        let peer = peer(ending)
        turn(ending, peer)
        #expect(peer.text.hasPrefix("HTTP/1.1 200 OK\r\n") && peer.text.hasSuffix("\r\n\r\n"))
        #expect(peer.isShut || peer.isClosed)
        pass(seconds: 60)
        #expect(peer.isClosed && server.pointee.counters.active == 0)
    }

    @Test("a client that takes nothing, or too little, is let go when its time is over", arguments: Ending.allCases, [0, 10]) func blocked(ending: Ending, room: Int) {
        let peer = peer(ending)
        peer.room = room
        turn(ending, peer)
        #expect(peer.taken.count == room && !peer.isShut && !peer.isClosed)
        pass(seconds: 30)
        #expect(!peer.isClosed && server.pointee.counters.active == 1)
        pass(seconds: 60)
        #expect(peer.isClosed && server.pointee.counters.active == 0)
    }

    @Test("a client that has gone is forgotten at once", arguments: Ending.allCases) func gone(ending: Ending) {
        let peer = peer(ending)
        peer.isGone = true
        turn(ending, peer)
        #expect(peer.isClosed && peer.taken.isEmpty && server.pointee.counters.active == 0)
    }
}
