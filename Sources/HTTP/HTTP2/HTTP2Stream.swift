public import Bytes

public typealias HTTP2StreamPointer = UnsafeMutablePointer<HTTP2Stream>

/// One stream of an HTTP/2 connection: its state, its windows and what waits in either direction. It lives in a slab of
/// its worker and is reached by pointer.
public struct HTTP2Stream: ~Copyable {
    /// 0 before a client has opened it.
    public internal(set) var id: UInt32
    /// Whose stream it is; the session does not look at it.
    public let connection: UnsafeMutableRawPointer
    /// What the owner's callbacks name the exchange by.
    public var exchange: UnsafeMutableRawPointer?

    // The session's.
    var tableNext: HTTP2StreamPointer?
    var queueNext: HTTP2StreamPointer?
    var queuePrevious: HTTP2StreamPointer?
    var queue = QueueName.none
    var sendWindow: Int
    var receiveWindow: Int
    /// Received and passed on, but not yet given back to the peer's window.
    var uncredited = 0
    var lengthLeft: Int64 = -1
    /// Body bytes that wait for a window, or for the transport.
    var output = ByteBuffer()
    /// The trailer section that follows them, as lines.
    var outgoingTrailers = ByteBuffer()
    var isEndQueued = false
    public internal(set) var isLocalClosed = false
    /// The peer has ended its side.
    public internal(set) var isRemoteClosed = false
    public internal(set) var isClosed = false
    /// A final head has come; what follows it are trailers.
    var hasHead = false

    // The owner's.
    public var isPaused = false
    /// The writer was told to wait.
    public var isBlocked = false
    public var isTunnel = false
    /// Asked for by extended CONNECT, so that only its acceptance may look like success.
    public var isTunnelAsked = false
    public var isResponding = false
    /// Client: the request may not be sent yet.
    public var isWaiting = false
    /// The connection served another exchange before.
    public var isReused = false
    public var isStallNoted = false
    public var isDelivering = false
    /// The end of the body stands behind `input`.
    public var isInputEnding = false
    /// Client: what comes now is the body of the response.
    public var hasFinalHead = false
    /// The owner has passed the body's end on, or there was none to pass on.
    public var isInputComplete = false
    /// Passed on while the taker wanted a pause: given back to the window when it goes on.
    public var heldCredit = 0
    public var stallNext: HTTP2StreamPointer?
    /// Body bytes nobody takes at present.
    public var input = ByteBuffer()
    public var incomingTrailers = ByteBuffer()
    public var method = Method.get
    public var interimCount = 0
    public var startedAt: UInt64 = 0
    /// When the peer last took something, or was last asked to; the session notes what it makes frames of.
    public var lastProgress: UInt64 = 0
    public var readTimeout: UInt64 = 0
    public var writeTimeout: UInt64 = 0

    enum QueueName: UInt8 { case none, ready, drained }

    init(id: UInt32, connection: UnsafeMutableRawPointer, sendWindow: Int, receiveWindow: Int) {
        self.id = id
        self.connection = connection
        self.sendWindow = sendWindow
        self.receiveWindow = receiveWindow
    }

    /// Bytes that were written and have not left.
    public var pendingOutput: Int { output.count }
    /// Whether the peer lets this stream send, be it that its connection does not.
    public var hasSendWindow: Bool { sendWindow > 0 }
}

/// Streams in the order in which they came; each is in one queue at most.
struct StreamQueue {
    private let name: HTTP2Stream.QueueName
    private(set) var first: HTTP2StreamPointer?
    private var last: HTTP2StreamPointer?

    init(_ name: HTTP2Stream.QueueName) { self.name = name }

    mutating func append(_ stream: HTTP2StreamPointer) {
        stream.pointee.queue = name
        stream.pointee.queueNext = nil
        stream.pointee.queuePrevious = last
        if let last { last.pointee.queueNext = stream } else { first = stream }
        last = stream
    }

    mutating func remove(_ stream: HTTP2StreamPointer) {
        if let previous = stream.pointee.queuePrevious { previous.pointee.queueNext = stream.pointee.queueNext } else { first = stream.pointee.queueNext }
        if let next = stream.pointee.queueNext { next.pointee.queuePrevious = stream.pointee.queuePrevious } else { last = stream.pointee.queuePrevious }
        stream.pointee.queue = .none
    }
}

/// The open streams of a connection by number: short chains, so that an idle connection needs no table of its own.
struct StreamTable {
    private static let chainCount = 16
    private var chains: InlineArray<16, HTTP2StreamPointer?> = .init(repeating: nil)
    private(set) var count = 0

    @inline(__always)
    private func chain(_ id: UInt32) -> Int { Int(id >> 1) & (StreamTable.chainCount - 1) }

    @inline(__always)
    func find(_ id: UInt32) -> HTTP2StreamPointer? {
        var next = chains[chain(id)]
        while let stream = next {
            if stream.pointee.id == id { return stream }
            next = stream.pointee.tableNext
        }
        return nil
    }

    mutating func insert(_ stream: HTTP2StreamPointer) {
        let chain = chain(stream.pointee.id)
        stream.pointee.tableNext = chains[chain]
        chains[chain] = stream
        count += 1
    }

    mutating func remove(_ stream: HTTP2StreamPointer) {
        let chain = chain(stream.pointee.id)
        if chains[chain] == stream {
            chains[chain] = stream.pointee.tableNext
        } else {
            var before = chains[chain]
            while let place = before, place.pointee.tableNext != stream { before = place.pointee.tableNext }
            before?.pointee.tableNext = stream.pointee.tableNext
        }
        stream.pointee.tableNext = nil
        count -= 1
    }

    /// Calls `body` with each stream; it may remove the stream it is called with.
    func forEach(_ body: (HTTP2StreamPointer) -> Void) {
        for chain in 0..<StreamTable.chainCount {
            var next = chains[chain]
            while let stream = next {
                next = stream.pointee.tableNext
                body(stream)
            }
        }
    }
}
