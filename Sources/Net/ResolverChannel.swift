import Bytes
import CCares
import CLinux

/// The face of c-ares: questions out, answers in, its descriptors and timeouts on our loop.
///
/// c-ares owns its sockets and tells which readiness it waits for; we own the event sources and the timer. All on the
/// loop's thread. Its callbacks only leave what they bring in `settled`, so that no caller of ours runs below it.
final class ResolverChannel {
    /// Addresses taken of one answer: more than any connection would try.
    static let addressesMax = 256
    /// A UDP answer that crosses no link in fragments (DNS flag day 2020); longer ones come by TCP.
    static let datagramBytes: Int32 = 1232

    private let loop: UnsafeMutablePointer<EventLoop>
    private let families: AddressFamilies
    private var channel: ares_channel?
    private var sockets: [Int32: UnsafeMutablePointer<ResolverSocket>] = [:]
    private let timer = UnsafeMutablePointer<TimerNode>.allocate(capacity: 1)
    /// Lookups that have ended; whoever calls into this object looks here afterwards.
    var settled: [(Lookup, LookupOutcome)] = []
    /// Called when an event may have ended lookups.
    var whenSettled: () -> Void = {}

    private static let isLibraryReady = ares_library_init(ARES_LIB_INIT_ALL) == ccares_success

    init(loop: UnsafeMutablePointer<EventLoop>, options: ResolverOptions) {
        self.loop = loop
        families = options.families
        timer.initialize(to: TimerNode())
        timer.pointee.owner = Unmanaged.passUnretained(self).toOpaque()
        timer.pointee.expired = { Unmanaged<ResolverChannel>.fromOpaque($0).takeUnretainedValue().process(ARES_SOCKET_BAD, ARES_SOCKET_BAD) }
        open(options)
    }

    deinit {
        close()
        timer.deallocate()
    }

    private func open(_ options: ResolverOptions) {
        guard ResolverChannel.isLibraryReady else { return }
        var settings = ares_options()
        // Aliases would let an environment variable rename hosts.
        settings.flags = ARES_FLAG_NOALIASES | ARES_FLAG_EDNS
        settings.ednspsz = ResolverChannel.datagramBytes
        settings.timeout = Int32(clamping: max(1, options.attemptTimeout / 1_000_000))
        settings.tries = Int32(clamping: max(1, options.attempts))
        settings.sock_state_cb_data = Unmanaged.passUnretained(self).toOpaque()
        settings.sock_state_cb = { owner, descriptor, isReading, isWriting in
            let channel = Unmanaged<ResolverChannel>.fromOpaque(owner!).takeUnretainedValue()
            channel.socketChanged(descriptor, isReading: isReading != 0, isWriting: isWriting != 0)
        }
        let mask = ARES_OPT_FLAGS | ARES_OPT_EDNSPSZ | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB | ARES_OPT_LOOKUPS
        // Name servers only: c-ares would read the hosts file anew for every name.
        "b".withCString { lookups in
            settings.lookups = UnsafeMutablePointer(mutating: lookups)
            if ares_init_options(&channel, &settings, mask) != ccares_success { channel = nil }
        }
        guard let channel, !options.servers.isEmpty else { return }
        let servers = options.servers.map(\.description).joined(separator: ",")
        if ares_set_servers_ports_csv(channel, servers) != ccares_success { close() }
    }

    /// Gives everything back; questions under way end as failures.
    func close() {
        loop.pointee.timers.remove(timer)
        guard let channel else { return }
        self.channel = nil
        ares_destroy(channel)
    }

    /// Starts a lookup, which may end before this returns.
    func ask(_ lookup: Lookup) {
        guard let channel else {
            settled.append((lookup, .failure(.failed("the resolver is closed"))))
            return
        }
        var hints = ares_addrinfo_hints()
        hints.ai_family = families == .both ? AF_UNSPEC : families == .ipv4Only ? AF_INET : AF_INET6
        hints.ai_flags = ARES_AI_NOSORT
        let question = Unmanaged.passRetained(Question(lookup: lookup, channel: self)).toOpaque()
        (lookup.name + [0]).withUnsafeBufferPointer { name in
            name.withMemoryRebound(to: CChar.self) {
                ares_getaddrinfo(channel, $0.baseAddress, nil, &hints, { argument, status, timeouts, answer in
                    Unmanaged<Question>.fromOpaque(argument!).takeRetainedValue().ended(status, timeouts, answer)
                }, question)
            }
        }
        setTimer()
    }

    fileprivate func process(_ reading: Int32, _ writing: Int32) {
        guard let channel else { return }
        ares_process_fd(channel, reading, writing)
        setTimer()
        whenSettled()
    }

    private func setTimer() {
        guard let channel else { return }
        var left = timeval()
        guard ares_timeout(channel, nil, &left) != nil else { return loop.pointee.timers.cancel(timer) }
        let nanoseconds = UInt64(max(0, left.tv_sec)) * 1_000_000_000 + UInt64(max(0, left.tv_usec)) * 1000
        loop.pointee.timers.set(timer, at: loop.pointee.now + nanoseconds)
    }

    private func socketChanged(_ descriptor: Int32, isReading: Bool, isWriting: Bool) {
        guard isReading || isWriting else { return forget(descriptor) }
        let socket = sockets[descriptor] ?? ResolverSocket.make(descriptor, of: self)
        sockets[descriptor] = socket
        var readiness: Readiness = []
        if isReading { readiness.insert(.readable) }
        if isWriting { readiness.insert(.writable) }
        loop.pointee.watch(descriptor, socket, for: readiness)
    }

    /// c-ares is about to close the socket; its number may serve another one in this very turn.
    private func forget(_ descriptor: Int32) {
        guard let socket = sockets.removeValue(forKey: descriptor) else { return }
        loop.pointee.remove(descriptor)
        socket.pointee.descriptor = ARES_SOCKET_BAD
        loop.atEndOfTurn(socket) { $0.assumingMemoryBound(to: ResolverSocket.self).deallocate() }
    }
}

/// One of c-ares' sockets as our loop sees it.
private struct ResolverSocket {
    private let source: EventSource
    /// Bad once c-ares has closed it: an event of the same turn may still come.
    var descriptor: Int32
    private unowned(unsafe) let channel: ResolverChannel

    static func make(_ descriptor: Int32, of channel: ResolverChannel) -> UnsafeMutablePointer<ResolverSocket> {
        let socket = UnsafeMutablePointer<ResolverSocket>.allocate(capacity: 1)
        let source = EventSource { pointer, bits in
            pointer.assumingMemoryBound(to: ResolverSocket.self).pointee.ready(Readiness(rawValue: bits))
        }
        socket.initialize(to: ResolverSocket(source: source, descriptor: descriptor, channel: channel))
        return socket
    }

    private func ready(_ readiness: Readiness) {
        guard descriptor != ARES_SOCKET_BAD else { return }
        // Errors are read like answers: that is where c-ares learns of them.
        let isReadable = !readiness.isDisjoint(with: [.readable, .error, .hangup, .readHangup])
        channel.process(isReadable ? descriptor : ARES_SOCKET_BAD, readiness.contains(.writable) ? descriptor : ARES_SOCKET_BAD)
    }
}

/// What c-ares calls back with; retained by it until then.
private final class Question {
    private let lookup: Lookup
    private unowned(unsafe) let channel: ResolverChannel

    init(lookup: Lookup, channel: ResolverChannel) {
        self.lookup = lookup
        self.channel = channel
    }

    func ended(_ status: Int32, _ timeouts: Int32, _ answer: UnsafeMutablePointer<ares_addrinfo>?) {
        defer { if let answer { ares_freeaddrinfo(answer) } }
        channel.settled.append((lookup, outcome(status, timeouts, answer)))
    }

    private func outcome(_ status: Int32, _ timeouts: Int32, _ answer: UnsafeMutablePointer<ares_addrinfo>?) -> LookupOutcome {
        let name = String(decoding: lookup.name, as: UTF8.self)
        switch status {
        case ccares_success:
            let (addresses, lifetime) = Question.addresses(answer)
            return addresses.isEmpty ? .failure(.notFound(name)) : .success(addresses, lifetime: lifetime)
        // "No such name" is an answer only if the question for the other family was not left open.
        case ccares_not_found where timeouts == 0, ccares_no_data where timeouts == 0: return .failure(.notFound(name))
        case ccares_not_found, ccares_no_data, ccares_timeout: return .failure(.timedOut)
        case ccares_destruction, ccares_cancelled: return .failure(.failed("the resolver is closed"))
        default: return .failure(.failed("\(name): \(String(cString: ares_strerror(status)))"))
        }
    }

    /// The addresses of an answer and the shortest time to live on the way to them, nanoseconds.
    private static func addresses(_ answer: UnsafeMutablePointer<ares_addrinfo>?) -> ([IPAddress], UInt64) {
        var addresses: [IPAddress] = []
        var seconds = Int32.max
        var node = answer?.pointee.nodes
        while let current = node, addresses.count < ResolverChannel.addressesMax {
            if let address = IPAddress(current.pointee) { addresses.append(address) }
            seconds = min(seconds, current.pointee.ai_ttl)
            node = current.pointee.ai_next
        }
        var alias = answer?.pointee.cnames
        while let current = alias {
            seconds = min(seconds, current.pointee.ttl)
            alias = current.pointee.next
        }
        return (addresses, UInt64(max(0, seconds)) * 1_000_000_000)
    }
}

extension IPAddress {
    fileprivate init?(_ node: ares_addrinfo_node) {
        guard let kernel = node.ai_addr, let address = SocketAddress(clinux_address_of(kernel, UInt32(node.ai_addrlen)))?.address else { return nil }
        self = address
    }
}
