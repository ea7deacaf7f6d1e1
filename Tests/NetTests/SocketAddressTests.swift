import Bytes
@testable import Net
import TestSupport
import Testing

@Suite("Socket addresses")
struct SocketAddressTests {
    @Test("read as people write them", arguments: [
        ("127.0.0.1", 80, "127.0.0.1:80"), ("::1", 65_535, "[::1]:65535"), ("::ffff:10.0.0.1", 1, "10.0.0.1:1"), ("2001:db8::", 0, "[2001:db8::]:0"),
    ] as [(String, UInt16, String)])
    func text(address: String, port: UInt16, text: String) {
        #expect(SocketAddress(IPAddress(address)!, port: port).description == text)
    }

    /// Whatever the kernel says of a socket is what it was told.
    @Test("survive the kernel's form", arguments: ["127.0.0.1", "127.9.8.7", "0.0.0.0"] + (Loopback.hasIPv6 ? ["::1", "::"] : []))
    func bound(address: String) throws {
        let asked = SocketAddress(IPAddress(address)!, port: 0)
        let socket = try Sockets.listen(asked)
        let local = try #require(Sockets.localAddress(socket.number))
        #expect(local.address == asked.address && local.port > 0)
        #expect(throws: SystemError.addressInUse) { _ = try Sockets.listen(local) }
    }

    @Test("the accepted side and the connecting side agree on who is who", arguments: ["127.0.0.1"] + (Loopback.hasIPv6 ? ["::1"] : []))
    func connected(address: String) throws {
        let listener = try Sockets.listen(SocketAddress(IPAddress(address)!, port: 0))
        let local = try #require(Sockets.localAddress(listener.number))
        let client = FileDescriptor(owning: try Sockets.connect(local).descriptor)
        let accepted = try SocketAddressTests.accepted(listener.number)
        let server = FileDescriptor(owning: accepted.descriptor)
        #expect(accepted.peer == Sockets.localAddress(client.number))
        #expect(Sockets.localAddress(server.number) == local)
    }

    @Test("IPv4 clients of a listener for both families are seen under their IPv4 address", .enabled(if: Loopback.hasIPv6))
    func dualStack() throws {
        let listener = try Sockets.listen(SocketAddress(.unspecifiedV6, port: 0))
        let port = try #require(Sockets.localAddress(listener.number)).port
        let client = FileDescriptor(owning: try Sockets.connect(SocketAddress(.loopbackV4, port: port)).descriptor)
        let accepted = try SocketAddressTests.accepted(listener.number)
        let server = FileDescriptor(owning: accepted.descriptor)
        #expect(accepted.peer?.address == .loopbackV4)
        #expect(server.number != client.number)
    }

    /// What is connected to the listener, once the kernel has it there.
    private static func accepted(_ listener: Int32) throws -> (descriptor: Int32, peer: SocketAddress?) {
        var accepted: (descriptor: Int32, peer: SocketAddress?)?
        try Patience.wait(for: "the connection") {
            accepted = try Sockets.accept(listener)
            return accepted != nil
        }
        return accepted!
    }

    @Test("a descriptor without an address has none")
    func none() throws {
        #expect(Sockets.localAddress(-1) == nil)
    }
}
