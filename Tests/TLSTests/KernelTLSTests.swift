import Bytes
import CLinux
import COpenSSL
import Net
import TestSupport
import Testing
@testable import TLS

/// Asked once; most build machines have none.
private let offered: KernelTLS = (try? KernelTLS.offered()) ?? .none

private let numbers: [UInt8] = (0..<5_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 9) }

@Suite("Records made by the kernel, or not")
struct KernelTLSTests {
    @Test("a socket that refuses the key is left to OpenSSL, and nobody notices", arguments: [TLS1_2_VERSION, TLS1_3_VERSION])
    func refused(version: Int32) throws {
        let pair = try Pair(.all, family: AF_UNIX, maxVersion: version)
        #expect(!pair.server.isSentByKernel && SSL_version(pair.client.pointee.ssl) == version)
        var sent = 0
        var read: [UInt8] = []
        while sent < numbers.count {
            sent = pair.fill(numbers, from: sent)
            read += pair.clientReads().bytes
        }
        pair.server.transport.shutdownWrite()
        let rest = pair.clientReads()
        #expect(read + rest.bytes == numbers && rest.last == .end && !pair.client.transport.isCutShort)
    }

    @Test("a kernel is not asked for what it does not have") func unoffered() throws {
        let pair = try Pair(.none)
        #expect(!pair.server.isSentByKernel && pair.fill(Array("hello".utf8)) == 5)
        var read: [UInt8] = []
        try Patience.wait(for: "all bytes") {
            read += pair.clientReads().bytes
            return read.count >= 5
        }
        #expect(read == Array("hello".utf8))
        #expect(KernelTLS.none.description == "" && KernelTLS.all.description.contains("TLS 1.3 AES-128-GCM"))
    }

    @Test("what the kernel encrypts arrives whole and ends in order", .enabled(if: offered != .none, "this kernel has no TLS"), arguments: [TLS1_2_VERSION, TLS1_3_VERSION])
    func sentByKernel(version: Int32) throws {
        let pair = try Pair(offered, maxVersion: version)
        #expect(pair.server.isSentByKernel && !pair.client.isSentByKernel)
        var sent = 0
        var read: [UInt8] = []
        try Patience.wait(for: "all bytes") {
            sent = pair.fill(numbers, from: sent)
            read += pair.clientReads().bytes
            return read.count == numbers.count && sent == numbers.count
        }
        pair.server.transport.shutdownWrite()
        try Patience.wait(for: "the end") { pair.clientReads().last == .end }
        #expect(read == numbers && !pair.client.transport.isCutShort)
    }

    @Test("an end that the full socket does not take follows the data", .enabled(if: offered != .none, "this kernel has no TLS")) func keptEnd() throws {
        let pair = try Pair(offered)
        let sent = pair.fill(numbers)
        #expect(sent < numbers.count)
        pair.server.transport.shutdownWrite()
        #expect(pair.server.pointee.output.count > 0)
        var read: [UInt8] = []
        try Patience.wait(for: "the end") {
            let part = pair.clientReads()
            read += part.bytes
            // What the caller would do at an edge.
            _ = pair.server.transport.send(BorrowedBytes(start: nil, count: 0))
            return part.last == .end
        }
        // The last byte may have been sent but not counted.
        #expect(numbers.starts(with: read) && (sent...sent + 1).contains(read.count) && !pair.client.transport.isCutShort)
    }

    @Test("a peer's new key is taken; asked for one of ours, the connection ends", .enabled(if: offered != .none, "this kernel has no TLS")) func newKeys() throws {
        let pair = try Pair(offered)
        let hello = Array("hello".utf8)
        func clientSends() -> IOResult { hello.withUnsafeBytes { pair.client.transport.send($0) } }
        #expect(SSL_key_update(pair.client.pointee.ssl, SSL_KEY_UPDATE_NOT_REQUESTED) == 1)
        #expect(try clientSends() == .bytes(5) && pair.serverReads() == .bytes(5) && pair.fill(hello) == 5)
        #expect(SSL_key_update(pair.client.pointee.ssl, SSL_KEY_UPDATE_REQUESTED) == 1)
        #expect(try clientSends() == .bytes(5) && pair.serverReads() == .bytes(5))
        #expect(try pair.serverReads() == .failed(.connectionReset) && pair.fill(hello) == 0 && pair.server.failureReason?.contains("new key") == true)
        var read: [UInt8] = []
        try Patience.wait(for: "the alert") {
            let part = pair.clientReads()
            read += part.bytes
            return part.last == .failed(.connectionReset)
        }
        #expect(read == hello && pair.client.failureReason == "tlsv1 alert internal error")
    }
}
