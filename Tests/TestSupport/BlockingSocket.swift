import CLinux
import Glibc
import Synchronization

/// A call of the kernel's that did not do what a test relies on.
public struct SocketFailure: Error, CustomStringConvertible {
    public let call: String
    public let number: Int32

    init(_ call: String) {
        self.call = call
        number = errno
    }

    public var description: String { "\(call): \(String(cString: strerror(number)))" }
}

/// What OpenSSL says of an encrypted connection that broke.
public struct EncryptionFailure: Error, CustomStringConvertible {
    public let description: String

    init(_ description: String) { self.description = description }
}

/// Something awaited did not happen in time; the tests' only use of time.
public struct DeadlinePassed: Error, CustomStringConvertible {
    public let description: String

    public init(description: String) { self.description = description }
}

/// How long a test waits for what must come: far above what a loaded machine needs, so that it only ever ends hangs.
public enum Patience {
    public static let seconds = 90

    /// Asks again and again until `isTrue`.
    public static func wait(for what: @autoclosure () -> String, seconds: Int = Patience.seconds, until isTrue: () throws -> Bool) throws {
        let end = now() + UInt64(seconds) * 1_000_000_000
        while try !isTrue() {
            guard now() < end else { throw DeadlinePassed(description: "waited \(seconds) s for \(what())") }
            usleep(2_000)
        }
    }

    /// What `body` brings within a time that the proxy limits; a try that took longer, on a machine that stood still, does not count.
    public static func within<Value>(milliseconds: UInt64, _ body: () throws -> Value) throws -> Value {
        for _ in 0..<10 {
            let start = now()
            let result = Result { try body() }
            if now() - start < milliseconds * 1_000_000 { return try result.get() }
        }
        throw DeadlinePassed(description: "took more than \(milliseconds) ms ten times")
    }

    /// Lets time pass in which something must *not* happen.
    public static func pause(milliseconds: UInt32) { usleep(milliseconds * 1000) }

    static func now() -> UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }
}

/// Which loopback address a test uses.
public enum Loopback: Sendable {
    case ipv4, ipv6

    /// Containers often have no IPv6.
    public static let hasIPv6 = (try? BlockingSocket.listening(.stream, on: .ipv6)) != nil

    /// As it stands in an authority.
    public var host: String { self == .ipv4 ? "127.0.0.1" : "[::1]" }

    func withAddress<Result>(port: UInt16, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Result) -> Result {
        if self == .ipv4 {
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_port = port.bigEndian
            address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
            return withUnsafePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, socklen_t(MemoryLayout<sockaddr_in>.size)) }
            }
        }
        var address = sockaddr_in6()
        address.sin6_family = sa_family_t(AF_INET6)
        address.sin6_port = port.bigEndian
        address.sin6_addr = in6addr_loopback
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, socklen_t(MemoryLayout<sockaddr_in6>.size)) }
        }
    }
}

/// A socket whose calls wait, each with a deadline. Closed by the last holder if not before.
public final class BlockingSocket: Sendable {
    public enum Kind: Sendable {
        case stream, datagram
    }

    /// Locked while it is used by another thread than the one that closes: the next connection gets the same number.
    private let number: Mutex<Int32>
    private let encryption = Mutex<Encryption?>(nil)

    init(owning descriptor: Int32) { number = Mutex(descriptor) }

    /// Encrypts what is sent from here on; waits for the handshake.
    ///
    /// - Parameter pair: what a server shows; nil for a client, which takes any certificate.
    func encrypt(asServer pair: TestAuthority.Pair? = nil, takesHTTP2: Bool = false) throws {
        let encryption = try Encryption(descriptor, server: pair, takesHTTP2: takesHTTP2)
        while true {
            switch encryption.handshake() {
            case .bytes: return self.encryption.withLock { $0 = encryption }
            case .wants(let events): try waitUntil(events) { "a TLS handshake" }
            case .end: throw EncryptionFailure("closed in the handshake")
            case .failed(let reason): throw EncryptionFailure("handshake: \(reason)")
            }
        }
    }

    /// Whether the handshake has chosen HTTP/2.
    var choseHTTP2: Bool { encryption.withLock { $0?.choseHTTP2 ?? false } }

    deinit { close() }

    /// -1 once closed.
    var descriptor: Int32 { number.withLock { $0 } }

    /// By whoever uses it: no other thread may be in a call.
    func close() {
        number.withLock { number in
            let descriptor = number
            if descriptor >= 0 { ProcessStart.lock.withLock { _ in _ = Glibc.close(descriptor) } }
            number = -1
        }
    }

    public static func listening(_ kind: Kind, on loopback: Loopback = .ipv4, port: UInt16 = 0, backlog: Int32 = 256) throws -> BlockingSocket {
        let socket = try bound(kind, on: loopback, port: port)
        if kind == .stream, listen(socket.descriptor, backlog) != 0 { throw SocketFailure("listen") }
        return socket
    }

    /// Holds a port that is given by its number: nobody else gets it, and connecting to it is refused.
    static func bound(_ kind: Kind, on loopback: Loopback, port: UInt16) throws -> BlockingSocket {
        let socket = try make(kind, loopback)
        var one: Int32 = 1
        setsockopt(socket.descriptor, SOL_SOCKET, SO_REUSEADDR, &one, socklen_t(MemoryLayout<Int32>.size))
        guard loopback.withAddress(port: port, { bind(socket.descriptor, $0, $1) }) == 0 else { throw SocketFailure("bind \(port)") }
        return socket
    }

    public static func connected(to port: UInt16, on loopback: Loopback = .ipv4, receiveBuffer: Int32? = nil) throws -> BlockingSocket {
        let socket = try make(.stream, loopback)
        var one: Int32 = 1
        setsockopt(socket.descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &one, socklen_t(MemoryLayout<Int32>.size))
        // Set before connecting: the window is agreed on then.
        if var size = receiveBuffer { setsockopt(socket.descriptor, SOL_SOCKET, SO_RCVBUF, &size, socklen_t(MemoryLayout<Int32>.size)) }
        guard loopback.withAddress(port: port, { connect(socket.descriptor, $0, $1) }) == 0 else { throw SocketFailure("connect \(port)") }
        return socket
    }

    /// Starts a connection and does not wait for it.
    static func connecting(to port: UInt16) throws -> BlockingSocket {
        let socket = try make(.stream, .ipv4)
        _ = fcntl(socket.descriptor, F_SETFL, O_NONBLOCK)
        guard Loopback.ipv4.withAddress(port: port, { connect(socket.descriptor, $0, $1) }) == 0 || errno == EINPROGRESS else { throw SocketFailure("connect \(port)") }
        return socket
    }

    private static func make(_ kind: Kind, _ loopback: Loopback) throws -> BlockingSocket {
        let type = Int32(kind == .stream ? SOCK_STREAM.rawValue : SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        let descriptor = socket(loopback == .ipv4 ? AF_INET : AF_INET6, type, 0)
        guard descriptor >= 0 else { throw SocketFailure("socket") }
        return BlockingSocket(owning: descriptor)
    }

    public var port: UInt16 { BlockingSocket.port { getsockname(descriptor, $0, &$1) } }

    /// 0 if the peer has gone.
    var peerPort: UInt16 { BlockingSocket.port { getpeername(descriptor, $0, &$1) } }

    private static func port(_ name: (UnsafeMutablePointer<sockaddr>, inout socklen_t) -> Int32) -> UInt16 {
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        withUnsafeMutablePointer(to: &storage) { pointer in
            _ = pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { name($0, &length) }
        }
        // Both families have the port in bytes 2 and 3.
        return withUnsafeBytes(of: &storage) { UInt16(bigEndian: $0.loadUnaligned(fromByteOffset: 2, as: UInt16.self)) }
    }

    /// - Returns: nil once the socket has been shut down.
    func accept() -> BlockingSocket? {
        while true {
            // Processes that other tests start at this very moment must not inherit it: its end would not be told.
            var peer = clinux_address()
            let accepted = clinux_accept(descriptor, &peer)
            if accepted >= 0 {
                _ = fcntl(accepted, F_SETFL, 0)
                // What a script sends before it closes with bytes unread must be out by then.
                var one: Int32 = 1
                setsockopt(accepted, Int32(IPPROTO_TCP), TCP_NODELAY, &one, socklen_t(MemoryLayout<Int32>.size))
                return BlockingSocket(owning: accepted)
            }
            guard accepted == -EINTR || accepted == -ECONNABORTED else { return nil }
        }
    }

    /// What one read brings; empty at the end.
    func receive(upTo count: Int = 64 * 1024, what: () -> String) throws -> [UInt8] {
        if let encryption = encryption.withLock({ $0 }) { return try receive(upTo: count, by: encryption, what) }
        try waitUntil(Int16(POLLIN), what)
        var failed = false
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            let result = recv(descriptor, buffer.baseAddress, count, 0)
            failed = result < 0
            filled = max(0, result)
        }
        if failed { throw SocketFailure("recv") }
        return bytes
    }

    private func receive(upTo count: Int, by encryption: Encryption, _ what: () -> String) throws -> [UInt8] {
        var buffer = [UInt8](repeating: 0, count: count)
        while true {
            switch buffer.withUnsafeMutableBytes({ encryption.receive(into: $0) }) {
            case .bytes(let count): return Array(buffer[..<count])
            case .wants(let events): try waitUntil(events, what)
            case .end: return []
            case .failed(let reason):
                if reason.contains("reset") {
                    errno = ECONNRESET
                    throw SocketFailure("TLS")
                }
                throw EncryptionFailure(reason)
            }
        }
    }

    private func send(_ bytes: ArraySlice<UInt8>, by encryption: Encryption) throws {
        var rest = bytes
        while !rest.isEmpty {
            switch rest.withUnsafeBytes({ encryption.send($0) }) {
            case .bytes(let count): rest = rest.dropFirst(count)
            case .wants(let events): try waitUntil(events) { "room to send \(rest.count) bytes" }
            case .end: throw EncryptionFailure("closed")
            case .failed(let reason): throw EncryptionFailure(reason)
            }
        }
    }

    /// Whether nothing but what belongs to the encryption comes within a moment.
    func isQuiet(milliseconds: Int32) -> Bool {
        var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        guard poll(&entry, 1, milliseconds) != 0 else { return true }
        guard let encryption = encryption.withLock({ $0 }) else { return false }
        guard case .wants = encryption.peek() else { return false }
        return isQuiet(milliseconds: milliseconds)
    }

    func send(_ bytes: ArraySlice<UInt8>) throws {
        if let encryption = encryption.withLock({ $0 }) { return try send(bytes, by: encryption) }
        var rest = bytes
        while !rest.isEmpty {
            try waitUntil(Int16(POLLOUT)) { "room to send \(rest.count) bytes" }
            let result = rest.withUnsafeBytes { Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT)) }
            if result < 0, errno == EAGAIN { continue }
            guard result >= 0 else { throw SocketFailure("send") }
            rest = rest.dropFirst(result)
        }
    }

    /// Sends as much as the kernel takes at once.
    func sendAvailable(_ bytes: [UInt8]) throws -> Int {
        if let encryption = encryption.withLock({ $0 }) {
            switch bytes.withUnsafeBytes({ encryption.send($0) }) {
            case .bytes(let count): return count
            case .wants: return 0
            case .end, .failed: throw EncryptionFailure("send")
            }
        }
        let result = bytes.withUnsafeBytes { Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT)) }
        if result < 0 {
            guard errno == EAGAIN else { throw SocketFailure("send") }
            return 0
        }
        return result
    }

    private func waitUntil(_ events: Int16, _ what: () -> String) throws {
        let end = Patience.now() + UInt64(Patience.seconds) * 1_000_000_000
        while true {
            var entry = pollfd(fd: descriptor, events: events, revents: 0)
            let result = poll(&entry, 1, 100)
            if result > 0 { return }
            guard result == 0 || errno == EINTR else { throw SocketFailure("poll") }
            guard Patience.now() < end else { throw DeadlinePassed(description: "waited \(Patience.seconds) s for \(what())") }
        }
    }

    /// Connections of a listener that nobody has accepted yet.
    fileprivate var queuedCount: UInt32 {
        var facts = tcp_info()
        var length = socklen_t(MemoryLayout<tcp_info>.size)
        // For a listener this field says so.
        return getsockopt(descriptor, Int32(IPPROTO_TCP), TCP_INFO, &facts, &length) == 0 ? facts.tcpi_unacked : 0
    }

    /// Ends both directions, which also wakes whoever waits in a call.
    func shutdown() { number.withLock { if $0 >= 0 { Glibc.shutdown($0, Int32(SHUT_RDWR)) } } }

    func shutdownWrite() {
        encryption.withLock { $0 }?.finish()
        Glibc.shutdown(descriptor, Int32(SHUT_WR))
    }

    /// A reset that leaves the descriptor to whoever is in a call with it.
    func abort() {
        number.withLock { number in
            if number < 0 { return }
            var setting = linger(l_onoff: 1, l_linger: 0)
            setsockopt(number, SOL_SOCKET, SO_LINGER, &setting, socklen_t(MemoryLayout<linger>.size))
            // Connecting to nobody ends a connection at once.
            var nobody = sockaddr()
            nobody.sa_family = sa_family_t(AF_UNSPEC)
            connect(number, &nobody, socklen_t(MemoryLayout<sockaddr>.size))
        }
    }

    /// Before connections come: what a sender keeps goes by the size of segments, too.
    func takeLittle() {
        var size: Int32 = 8192, segment: Int32 = 1024
        setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &size, socklen_t(MemoryLayout<Int32>.size))
        setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_MAXSEG, &segment, socklen_t(MemoryLayout<Int32>.size))
    }

    /// As little as the kernel allows waits for a peer that does not read.
    func keepLittle() {
        var size: Int32 = 4096
        setsockopt(descriptor, SOL_SOCKET, SO_SNDBUF, &size, socklen_t(MemoryLayout<Int32>.size))
    }

    /// Closes with a reset.
    func reset() {
        var setting = linger(l_onoff: 1, l_linger: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &setting, socklen_t(MemoryLayout<linger>.size))
        close()
    }
}

/// Whence a datagram came.
struct DatagramPeer {
    fileprivate var storage = sockaddr_storage()
    fileprivate var length = socklen_t(MemoryLayout<sockaddr_storage>.size)

    fileprivate init() {}

    /// A port of 127.0.0.1.
    init(port: UInt16) {
        Loopback.ipv4.withAddress(port: port) { address, count in
            withUnsafeMutableBytes(of: &storage) { $0.copyMemory(from: UnsafeRawBufferPointer(start: address, count: Int(count))) }
            length = count
        }
    }
}

extension BlockingSocket {
    /// The next datagram, without a deadline.
    func receiveDatagram() -> (bytes: [UInt8], peer: DatagramPeer)? {
        var buffer = [UInt8](repeating: 0, count: 4096)
        var peer = DatagramPeer()
        let count = withUnsafeMutablePointer(to: &peer.storage) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { recvfrom(descriptor, &buffer, buffer.count, 0, $0, &peer.length) }
        }
        return count < 0 ? nil : (Array(buffer[..<count]), peer)
    }

    func send(_ bytes: [UInt8], to peer: DatagramPeer) {
        var peer = peer
        withUnsafePointer(to: &peer.storage) { pointer in
            _ = pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { sendto(descriptor, bytes, bytes.count, 0, $0, peer.length) }
        }
    }
}

/// Runs `body` on a thread of its own: blocking calls must not hold up the tests' pool.
public func onThread(_ body: @escaping @Sendable () -> Void) {
    final class Work: Sendable {
        let body: @Sendable () -> Void
        init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }
    var thread = pthread_t()
    var attributes = pthread_attr_t()
    pthread_attr_init(&attributes)
    pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
    pthread_attr_setstacksize(&attributes, 512 * 1024)
    pthread_create(&thread, &attributes, { argument in
        Unmanaged<Work>.fromOpaque(argument!).takeRetainedValue().body()
        return nil
    }, Unmanaged.passRetained(Work(body)).toOpaque())
    pthread_attr_destroy(&attributes)
}

/// A listener nobody accepts from, whose queue is full: connecting to it gets no answer.
public final class FullListener: Sendable {
    private let listener: BlockingSocket
    private let waiting: [BlockingSocket]
    public var port: UInt16 { listener.port }

    public init() throws {
        listener = try BlockingSocket.listening(.stream, backlog: 0)
        let port = listener.port
        // One more than the queue takes; those behind it wait for ever, so they are started without waiting.
        waiting = try (0..<4).map { _ in try BlockingSocket.connecting(to: port) }
        // Until then another one would be told that it is connected, and its last word dropped.
        try Patience.wait(for: "a full queue") { [listener] in listener.queuedCount > 0 }
    }
}
