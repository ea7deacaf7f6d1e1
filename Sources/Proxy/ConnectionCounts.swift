import Downstream
import Synchronization
import Upstream

/// What the connections of one worker did, for readers on any thread; as of the end of the worker's last turn.
public final class ConnectionCounts: @unchecked Sendable {
    // Unchecked: the words are atomics at a fixed address, written by the worker alone.
    private let words: UnsafeMutablePointer<Atomic<Int>>

    public enum Count: Int, CaseIterable, Sendable {
        /// Clients' connections. `active` and `idle` count how often one became so.
        case accepted, active, idle, closed, closedByAge, closedByRequests
        /// TLS handshakes with clients: completed, those of them that resumed a session, and failed ones.
        case handshakes, handshakesResumed, handshakesFailed
        /// What went wrong before a request was there: rules of HTTP/2 or a limit broken, peer or PROXY header refused, no descriptor left.
        case protocolErrors, prefacesFailed, exhausted
        case upstreamOpened, upstreamReused, upstreamClosed
        /// Encrypted connections of both sides: those whose records the kernel makes, and those where OpenSSL does.
        case sentByKernel, sentByOpenSSL
        /// Connections that wait for an exchange at present.
        case upstreamIdle
    }

    init() {
        words = .allocate(capacity: Count.allCases.count)
        for count in Count.allCases { (words + count.rawValue).initialize(to: Atomic(0)) }
    }

    deinit {
        words.deinitialize(count: Count.allCases.count)
        words.deallocate()
    }

    public subscript(count: Count) -> Int { words[count.rawValue].load(ordering: .relaxed) }

    /// A plain store for each.
    func publish(_ server: ServerCounters, _ client: ClientCounters) {
        store(.accepted, server.accepted)
        store(.active, server.requests)
        store(.idle, server.becameIdle)
        store(.closed, server.closed)
        store(.closedByAge, server.closedByAge)
        store(.closedByRequests, server.closedByRequests)
        store(.handshakes, server.handshakes)
        store(.handshakesResumed, server.handshakesResumed)
        store(.handshakesFailed, server.handshakesFailed)
        store(.protocolErrors, server.protocolErrors)
        store(.prefacesFailed, server.prefacesFailed)
        store(.exhausted, server.exhausted)
        store(.upstreamOpened, client.opened)
        store(.upstreamReused, client.reused)
        store(.upstreamClosed, client.closed)
        let sentByKernel = server.handshakesToKernel + client.handshakesToKernel
        store(.sentByKernel, sentByKernel)
        store(.sentByOpenSSL, server.handshakes + client.handshakes - sentByKernel)
        store(.upstreamIdle, UInt64(client.idle))
    }

    @inline(__always)
    private func store(_ count: Count, _ value: UInt64) {
        words[count.rawValue].store(Int(truncatingIfNeeded: value), ordering: .relaxed)
    }
}
