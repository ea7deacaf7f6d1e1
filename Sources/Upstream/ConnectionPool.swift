import Bytes
import HTTP

/// The idle connections of one worker, by origin and by age. Connections carry the links, so nothing is allocated.
struct PoolTable: ~Copyable {
    /// A pool of one origin, which its connections keep alive, and with it its id.
    private struct Pool {
        var newest: UnsafeMutablePointer<HTTP1ClientConnection>?
        var count = 0
        /// Connections that take more streams, or may soon.
        var http2: UnsafeMutablePointer<HTTP2ClientConnection>?
        /// What the last handshake with an `https` origin came to. An origin that got the id of another may inherit it,
        /// which costs one request a second try.
        var choosesHTTP2 = false
        /// Streams that the origin last said it takes on one connection; it need not hold for the next one.
        var streamsMax = Limits.streamsPerUpstreamConnectionMax
    }

    /// Indexed by origin id.
    private var pools: UnsafeMutablePointer<Pool>
    private var capacity = 64
    private(set) var oldestIdle: UnsafeMutablePointer<HTTP1ClientConnection>?
    private var youngestIdle: UnsafeMutablePointer<HTTP1ClientConnection>?

    init() {
        pools = .allocate(capacity: capacity)
        pools.initialize(repeating: Pool(), count: capacity)
    }

    deinit { pools.deallocate() }

    func idleCount(_ origin: Unmanaged<Origin>) -> Int {
        let id = origin._withUnsafeGuaranteedRef { Int($0.id) }
        return id < capacity ? pools[id].count : 0
    }

    func newestIdle(_ origin: Origin) -> UnsafeMutablePointer<HTTP1ClientConnection>? {
        let id = Int(origin.id)
        return id < capacity ? pools[id].newest : nil
    }

    mutating func takeIdle(_ origin: Origin) -> UnsafeMutablePointer<HTTP1ClientConnection>? {
        guard let connection = newestIdle(origin) else { return nil }
        removeIdle(connection)
        return connection
    }

    mutating func addIdle(_ connection: UnsafeMutablePointer<HTTP1ClientConnection>) {
        let origin = connection.pointee.origin
        let id = origin._withUnsafeGuaranteedRef { Int($0.id) }
        if id >= capacity { grow(beyond: id) }
        connection.pointee.poolNext = pools[id].newest
        connection.pointee.poolPrevious = nil
        pools[id].newest?.pointee.poolPrevious = connection
        pools[id].newest = connection
        pools[id].count += 1
        connection.pointee.idlePrevious = youngestIdle
        connection.pointee.idleNext = nil
        if let youngestIdle { youngestIdle.pointee.idleNext = connection } else { oldestIdle = connection }
        youngestIdle = connection
    }

    mutating func removeIdle(_ connection: UnsafeMutablePointer<HTTP1ClientConnection>) {
        let id = connection.pointee.origin._withUnsafeGuaranteedRef { Int($0.id) }
        if let previous = connection.pointee.poolPrevious { previous.pointee.poolNext = connection.pointee.poolNext } else { pools[id].newest = connection.pointee.poolNext }
        connection.pointee.poolNext?.pointee.poolPrevious = connection.pointee.poolPrevious
        pools[id].count -= 1
        if let previous = connection.pointee.idlePrevious { previous.pointee.idleNext = connection.pointee.idleNext } else { oldestIdle = connection.pointee.idleNext }
        if let next = connection.pointee.idleNext { next.pointee.idlePrevious = connection.pointee.idlePrevious } else { youngestIdle = connection.pointee.idlePrevious }
    }

    // MARK: HTTP/2

    /// Whether the next connection is expected to be one for many exchanges.
    func choosesHTTP2(_ origin: Origin) -> Bool {
        let id = Int(origin.id)
        return id < capacity && pools[id].choosesHTTP2
    }

    mutating func noteChoice(of origin: Unmanaged<Origin>, isHTTP2: Bool) {
        let id = origin._withUnsafeGuaranteedRef { Int($0.id) }
        if id >= capacity { grow(beyond: id) }
        pools[id].choosesHTTP2 = isHTTP2
    }

    func streamsMax(_ origin: Unmanaged<Origin>) -> Int {
        let id = origin._withUnsafeGuaranteedRef { Int($0.id) }
        return id < capacity ? pools[id].streamsMax : Limits.streamsPerUpstreamConnectionMax
    }

    mutating func noteStreamsMax(_ count: Int, of origin: Unmanaged<Origin>) {
        let id = origin._withUnsafeGuaranteedRef { Int($0.id) }
        if id >= capacity { grow(beyond: id) }
        pools[id].streamsMax = max(1, count)
    }

    /// A connection with room for one more stream, the one opened last first.
    func findHTTP2(_ origin: Origin) -> UnsafeMutablePointer<HTTP2ClientConnection>? {
        let id = Int(origin.id)
        guard id < capacity else { return nil }
        var next = pools[id].http2
        while let connection = next {
            if connection.hasRoom { return connection }
            next = connection.pointee.poolNext
        }
        return nil
    }

    mutating func addHTTP2(_ connection: UnsafeMutablePointer<HTTP2ClientConnection>) {
        let origin = connection.pointee.origin
        let id = origin._withUnsafeGuaranteedRef { Int($0.id) }
        if id >= capacity { grow(beyond: id) }
        connection.pointee.poolNext = pools[id].http2
        connection.pointee.poolPrevious = nil
        pools[id].http2?.pointee.poolPrevious = connection
        pools[id].http2 = connection
        connection.pointee.isPooled = true
    }

    mutating func removeHTTP2(_ connection: UnsafeMutablePointer<HTTP2ClientConnection>) {
        let id = connection.pointee.origin._withUnsafeGuaranteedRef { Int($0.id) }
        if let previous = connection.pointee.poolPrevious { previous.pointee.poolNext = connection.pointee.poolNext } else { pools[id].http2 = connection.pointee.poolNext }
        connection.pointee.poolNext?.pointee.poolPrevious = connection.pointee.poolPrevious
    }

    /// All HTTP/2 connections that take streams.
    func http2Connections() -> [UnsafeMutablePointer<HTTP2ClientConnection>] {
        var all: [UnsafeMutablePointer<HTTP2ClientConnection>] = []
        for id in 0..<capacity {
            var next = pools[id].http2
            while let connection = next {
                all.append(connection)
                next = connection.pointee.poolNext
            }
        }
        return all
    }

    private mutating func grow(beyond id: Int) {
        var size = capacity
        while size <= id { size *= 2 }
        let larger = UnsafeMutablePointer<Pool>.allocate(capacity: size)
        larger.moveInitialize(from: pools, count: capacity)
        (larger + capacity).initialize(repeating: Pool(), count: size - capacity)
        pools.deallocate()
        pools = larger
        capacity = size
    }
}
