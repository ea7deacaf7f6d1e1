import Bytes
import CLinux
import COpenSSL
import Net
import TestSupport
import Testing
@testable import TLS

/// Two ends of one connection within the process, driven by turns; the server's may be encrypted by the kernel.
final class Pair {
    private static let authority = try! TestAuthority()
    private static let certificate = try! authority.issue(["DNS:a.test"])

    private let loop: UnsafeMutablePointer<EventLoop>
    private let scratch: UnsafeMutablePointer<RecordScratch>
    private let contexts: (server: TLSServerContext, client: TLSClientContext)
    let server: UnsafeMutablePointer<TLSConnection>
    let client: UnsafeMutablePointer<TLSConnection>

    /// - Parameters:
    ///   - family: of the sockets; the kernel encrypts on TCP only.
    ///   - session: what the client would go on with.
    ///   - other: whose loop both ends share, and with it the memory for records.
    init(
        _ kernel: KernelTLS = .none, family: Int32 = AF_INET, maxVersion: Int32 = TLS1_3_VERSION, tickets: TicketKeys = TicketKeys(),
        session: TLSSession? = nil, beside other: Pair? = nil
    ) throws {
        if let other {
            loop = other.loop
            scratch = other.scratch
        } else {
            loop = UnsafeMutablePointer<EventLoop>.allocate(capacity: 1)
            loop.initialize(to: try EventLoop())
            scratch = RecordScratch.make(loop)
        }
        var options = TLSServerOptions()
        options.kernel = kernel
        var clientOptions = TLSClientOptions()
        clientOptions.verifies = false
        contexts = (
            try TLSServerContext([source(Pair.certificate)], options: options, tickets: tickets), try TLSClientContext(clientOptions))
        let ends = try family == AF_UNIX ? Pair.unixSockets() : Pair.sockets()
        server = try #require(contexts.server.accept(Transport(socket: ends.0), scratch: scratch))
        client = try #require(contexts.client.connect(Transport(socket: ends.1), name: "a.test", isAddress: false, session: session, scratch: scratch))
        SSL_ctrl(client.pointee.ssl, SSL_CTRL_SET_MAX_PROTO_VERSION, Int(maxVersion), nil)
        var steps = (client: client.handshake(), server: server.handshake())
        try Patience.wait(for: "both handshakes") {
            if steps.client == .waiting { steps.client = client.handshake() }
            if steps.server == .waiting { steps.server = server.handshake() }
            return steps.client != .waiting && steps.server != .waiting
        }
        try #require(steps == (.done, .done))
    }

    deinit {
        server.close(silently: true)
        // OpenSSL forgets sessions of connections that were not ended.
        client.close(silently: false)
    }

    private static func unixSockets() throws -> (Int32, Int32) {
        var ends: [Int32] = [0, 0]
        try #require(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue), 0, &ends) == 0)
        return (ends[0], ends[1])
    }

    private static func sockets() throws -> (Int32, Int32) {
        let here = clinux_address(high: 0, low: 0xffff_7f00_0001, port: 0, is_ip: 1)
        let listener = clinux_socket(AF_INET)
        defer { _ = clinux_close(listener) }
        try #require(clinux_bind(listener, here) == 0 && clinux_listen(listener, 1) == 0)
        let client = clinux_socket(AF_INET)
        _ = clinux_connect(client, clinux_local_address(listener))
        var peer = clinux_address()
        try Patience.wait(for: "a connection") { clinux_is_writable(client) != 0 }
        return (clinux_accept(listener, &peer), client)
    }

    /// What the server reads next.
    func serverReads() throws -> IOResult {
        var buffer = [UInt8](repeating: 0, count: 1024)
        var result = IOResult.wouldBlock
        try Patience.wait(for: "bytes from the client") {
            result = buffer.withUnsafeMutableBytes { server.transport.receive(into: $0) }
            return result != .wouldBlock
        }
        return result
    }

    /// What the client can read at present, and how it ended.
    func clientReads() -> (bytes: [UInt8], last: IOResult) {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 64 * 1024)
        while true {
            let result = buffer.withUnsafeMutableBytes { client.transport.receive(into: $0) }
            guard case .bytes(let count) = result else { return (bytes, result) }
            bytes += buffer[..<count]
        }
    }

    /// Sends from the server until the socket is full.
    func fill(_ bytes: [UInt8], from start: Int = 0) -> Int {
        bytes.withUnsafeBytes { all in
            var sent = start
            while sent < all.count, case .bytes(let count) = server.transport.send(UnsafeRawBufferPointer(rebasing: all[sent...])) { sent += count }
            return sent
        }
    }
}
