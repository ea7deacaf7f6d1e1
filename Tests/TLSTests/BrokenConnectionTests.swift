import Glibc
import Net
import Testing
@testable import TLS

private let hello = Array("hello".utf8)

@Suite("Encrypted connections that break")
struct BrokenConnectionTests {
    /// A server's tickets wait for its first bytes; here they and an alert are still in hand when those cannot be encrypted.
    @Test("nothing of it goes to another connection of the loop") func sharedMemory() throws {
        let broken = try Pair(family: AF_UNIX)
        let other = try Pair(family: AF_UNIX, beside: broken)
        #expect(hello.withUnsafeBytes { broken.client.transport.send($0) } == .bytes(5))
        let garbage: [UInt8] = [23, 3, 3, 0, 32] + [UInt8](repeating: 0, count: 32)
        #expect(garbage.withUnsafeBytes { broken.client.pointee.socket.send($0) } == .bytes(37))
        #expect(try broken.serverReads() == .bytes(5))
        #expect(broken.fill(hello) == 0)
        #expect(other.fill(hello) == 5)
        let read = other.clientReads()
        #expect(read.bytes == hello && read.last == .wouldBlock)
    }

    @Test("what the peer said before it stopped listening is read, and its end without a word known as such") func failedWrite() throws {
        let pair = try Pair(family: AF_UNIX)
        #expect(pair.fill(hello) == 5)
        shutdown(pair.server.pointee.socket.descriptor, Int32(SHUT_RD))
        for _ in 0..<2 { #expect(hello.withUnsafeBytes { pair.client.transport.send($0) } == .failed(.brokenPipe)) }
        let read = pair.clientReads()
        #expect(read.bytes == hello && read.last == .wouldBlock)
        pair.server.pointee.socket.shutdownWrite()
        #expect(pair.clientReads().last == .end && pair.client.transport.isCutShort)
    }
}
