import Bytes
import CLinux

/// Making sockets.
public enum Sockets {
    /// A listening socket. `TCP_NODELAY` is inherited by the accepted ones, and that the kernel asks whether silent peers are there:
    /// tunnels of clients that vanished would stay for ever.
    public static func listen(_ address: SocketAddress, backlog: Int32 = 4096) throws(SystemError) -> FileDescriptor {
        let socket = FileDescriptor(owning: try check(clinux_socket(address.family)))
        _ = clinux_set_option(socket.number, SOL_SOCKET, SO_REUSEADDR, 1)
        _ = clinux_set_option(socket.number, Int32(IPPROTO_TCP), TCP_NODELAY, 1)
        keepAlive(socket.number, seconds: Limits.clientProbeSeconds)
        // `[::]` serves IPv4 too, as users of `:9090` expect.
        if !address.address.isIPv4 { _ = clinux_set_option(socket.number, Int32(IPPROTO_IPV6), IPV6_V6ONLY, 0) }
        _ = try check(clinux_bind(socket.number, address.kernel))
        _ = try check(clinux_listen(socket.number, backlog))
        return socket
    }

    /// Another descriptor of the same listening socket.
    public static func duplicate(_ socket: borrowing FileDescriptor) throws(SystemError) -> FileDescriptor {
        FileDescriptor(owning: try check(clinux_duplicate(socket.number)))
    }

    /// Starts a connection; it is established when the descriptor becomes writable without an error.
    ///
    /// - Returns: the descriptor and whether it is connected already (loopback).
    public static func connect(_ address: SocketAddress) throws(SystemError) -> (descriptor: Int32, isConnected: Bool) {
        let descriptor = try check(clinux_socket(address.family))
        _ = clinux_set_option(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, 1)
        let result = clinux_connect(descriptor, address.kernel)
        if result == 0 { return (descriptor, true) }
        if result == -EINPROGRESS { return (descriptor, false) }
        _ = clinux_close(descriptor)
        throw SystemError(-result)
    }

    /// Has the kernel probe a peer that has been silent for `seconds`, and again after as many, so that a connection whose peer vanished
    /// is found dead.
    public static func keepAlive(_ descriptor: Int32, seconds: Int32) {
        _ = clinux_set_option(descriptor, SOL_SOCKET, SO_KEEPALIVE, 1)
        _ = clinux_set_option(descriptor, Int32(IPPROTO_TCP), TCP_KEEPIDLE, seconds)
        _ = clinux_set_option(descriptor, Int32(IPPROTO_TCP), TCP_KEEPINTVL, seconds)
    }

    /// The error of a failed connection attempt, nil if it is established.
    public static func connectionError(_ descriptor: Int32) -> SystemError? {
        let result = clinux_socket_error(descriptor)
        return result == 0 ? nil : SystemError(-result)
    }

    /// - Returns: nil when nobody is waiting.
    public static func accept(_ listener: Int32) throws(SystemError) -> (descriptor: Int32, peer: SocketAddress?)? {
        var peer = clinux_address()
        let result = clinux_accept(listener, &peer)
        if result >= 0 { return (result, SocketAddress(peer)) }
        // Errors of one connection that was gone before it was accepted say nothing about the next.
        if result == -EAGAIN { return nil }
        throw SystemError(-result)
    }

    /// The address a socket is bound to.
    public static func localAddress(_ descriptor: Int32) -> SocketAddress? {
        SocketAddress(clinux_local_address(descriptor))
    }

    /// Whether the kernel knows a way to an address; nothing is sent.
    static func hasRoute(to address: IPAddress) -> Bool {
        let target = SocketAddress(address, port: 53)
        let number = clinux_datagram_socket(target.family)
        guard number >= 0 else { return false }
        let socket = FileDescriptor(owning: number)
        // Connecting a datagram socket looks the route up and does no more.
        return clinux_connect(socket.number, target.kernel) == 0
    }
}
