public import Bytes

/// What the bytes of an HTTP/2 connection came to.
public enum HTTP2Event {
    /// All that could be used is used; more bytes are needed.
    case starving
    /// A header block is complete. It must be given to `readRequest` or `readResponse` before the next event.
    case head(HTTP2HeaderBlock)
    /// Body bytes, at this place of the bytes given; with the last of them the peer has ended its side.
    case data(HTTP2StreamPointer, Range<Int>, isLast: Bool)
    /// The stream has ended before its time, by the peer or because the peer broke its rules.
    case reset(HTTP2StreamPointer, HTTP2ErrorCode, isMalformed: Bool)
    /// The peer takes no streams beyond this one.
    case goingAway(lastStream: UInt32, HTTP2ErrorCode)
    /// The peer has answered our PING.
    case pong
    /// The connection is over: GOAWAY stands in the output, and nothing else of it counts.
    case failed(HTTP2Failure)
}

/// Why a connection is ended.
public struct HTTP2Failure: Equatable, Sendable {
    public let code: HTTP2ErrorCode
    /// What a person reads in the log: the rule that was broken.
    public let reason: String

    static func of(_ code: HTTP2ErrorCode, _ reason: StaticString) -> HTTP2Failure { HTTP2Failure(code: code, reason: reason.description) }
}

/// A complete header block; valid until the next event.
public struct HTTP2HeaderBlock {
    public let stream: UInt32
    let isLast: Bool
    let isSelfDependent: Bool
    let bytes: BorrowedBytes
}

/// One HTTP/2 connection, RFC 9113, without its socket: bytes in, events out; and the frames to send in `output`.
///
/// Everything a peer may do is limited: see the options and `Limits`. A peer that floods gets ENHANCE_YOUR_CALM.
public struct HTTP2Session: ~Copyable {
    public enum Role { case server, client }

    enum Reading {
        case preface(Int)
        case firstSettings
        case frames
        case failed
    }

    public static let preface: StaticString = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

    let role: Role
    let options: HTTP2Options
    let workspace: UnsafeMutablePointer<HTTP2Workspace>
    let compression: HeaderCompression
    /// Frames to send.
    public internal(set) var output = ByteBuffer()
    /// The loop's time of this turn, which the owner sets before it calls.
    public var now: UInt64 = 0

    // Receiving.
    var reading: Reading
    var dataStream: HTTP2StreamPointer?
    var dataLeft = 0
    var paddingLeft = 0
    var endsWithData = false
    /// Of a DATA frame for no stream or one that takes no more: its bytes are passed over.
    var isSkipping = false
    var block = ByteBuffer()
    var blockStream: UInt32 = 0
    var isBlockLast = false
    var isBlockSelfDependent = false
    var continuationCount = 0
    var isBlockTaken = false
    var receiveWindow: Int
    var uncredited = 0
    /// The highest stream of the peer's.
    public internal(set) var lastPeerStream: UInt32 = 0

    // Sending.
    var sendWindow = HTTP2Settings.initialWindow
    public internal(set) var peer = HTTP2Settings()
    /// Client: the number of the next request's stream.
    public internal(set) var nextStream: UInt32 = 1
    var ready = StreamQueue(.ready)
    var drained = StreamQueue(.drained)
    /// The last stream a GOAWAY of ours has named.
    var lastAccepted: UInt32 = HTTP2Session.streamMax
    /// Streams we have ended while frames of the peer for them may be on their way.
    var recentlyReset: InlineArray<8, UInt32> = .init(repeating: 0)
    var resetIndex = 0

    var table = StreamTable()
    var closed: HTTP2StreamPointer?
    var resets = FrameBudget(burst: Limits.streamResetsBurst, perSecond: Limits.streamResetsPerSecond)
    var answers = FrameBudget(burst: Limits.answeredFramesBurst, perSecond: Limits.answeredFramesPerSecond)
    var idleFrames = FrameBudget(burst: Limits.idleFramesBurst, perSecond: Limits.idleFramesPerSecond)
    var windowUpdates = FrameBudget(burst: Limits.windowUpdatesBurst, perSecond: Limits.windowUpdatesPerSecond)

    static let streamMax: UInt32 = 0x7FFF_FFFF

    public init(_ role: Role, options: HTTP2Options, workspace: UnsafeMutablePointer<HTTP2Workspace>) {
        self.role = role
        self.options = options
        self.workspace = workspace
        compression = HeaderCompression(memory: workspace.pointee.headerMemory)
        reading = role == .server ? .preface(0) : .firstSettings
        receiveWindow = options.connectionWindow
        start()
    }

    deinit {
        let place = workspace
        table.forEach { HTTP2Session.free($0, in: place) }
        var next = closed
        while let stream = next {
            next = stream.pointee.tableNext
            HTTP2Session.free(stream, in: place)
        }
    }

    private static func free(_ stream: HTTP2StreamPointer, in workspace: UnsafeMutablePointer<HTTP2Workspace>) {
        stream.deinitialize(count: 1)
        workspace.pointee.streams.give(back: stream)
    }

    /// Open streams.
    public var streamCount: Int { table.count }

    /// Whether some frame or header block has come in part.
    public var isInsideBlock: Bool { blockStream != 0 }

    /// Whether the client's preface and settings have come.
    public var isEstablished: Bool { if case .frames = reading { true } else { false } }

    public func forEachStream(_ body: (HTTP2StreamPointer) -> Void) { table.forEach(body) }

    // MARK: Streams

    mutating func openStream(_ id: UInt32, owner: UnsafeMutableRawPointer) -> HTTP2StreamPointer {
        let stream = workspace.pointee.streams.allocate()
        stream.initialize(to: HTTP2Stream(id: id, connection: owner, sendWindow: peer.initialWindowSize, receiveWindow: options.streamWindow))
        table.insert(stream)
        return stream
    }

    /// Client: a stream that a request will open; it counts already.
    public mutating func reserve(owner: UnsafeMutableRawPointer) -> HTTP2StreamPointer { openStream(0, owner: owner) }

    /// Client: whether one more stream may be reserved.
    public var hasRoom: Bool { table.count < min(peer.streamsMax, options.streamsMax) && nextStream < HTTP2Session.streamMax - 1 }

    /// The stream takes part in nothing any more; its place is kept until `freeClosed`.
    public mutating func close(_ stream: HTTP2StreamPointer) {
        if stream.pointee.isClosed { return }
        stream.pointee.isClosed = true
        stream.pointee.isLocalClosed = true
        stream.pointee.isRemoteClosed = true
        unqueue(stream)
        if dataStream == stream {
            dataStream = nil
            isSkipping = true
        }
        table.remove(stream)
        stream.pointee.tableNext = closed
        closed = stream
    }

    mutating func unqueue(_ stream: HTTP2StreamPointer) {
        switch stream.pointee.queue {
        case .none: break
        case .ready: ready.remove(stream)
        case .drained: drained.remove(stream)
        }
    }

    mutating func closeIfDone(_ stream: HTTP2StreamPointer) {
        if stream.pointee.isLocalClosed, stream.pointee.isRemoteClosed { close(stream) }
    }

    /// Gives the places of closed streams back, when nothing names them any more: at the end of a turn. Those that still
    /// have to pass on what came before their end stay.
    public mutating func freeClosed() {
        var next = closed
        closed = nil
        while let stream = next {
            next = stream.pointee.tableNext
            if stream.pointee.exchange == nil {
                HTTP2Session.free(stream, in: workspace)
            } else {
                stream.pointee.tableNext = closed
                closed = stream
            }
        }
    }

    /// Whether some closed stream still has to pass on what came before its end.
    public var hasHeldStreams: Bool {
        var next = closed
        while let stream = next {
            if stream.pointee.exchange != nil { return true }
            next = stream.pointee.tableNext
        }
        return false
    }

    mutating func noteReset(_ id: UInt32) {
        recentlyReset[resetIndex] = id
        resetIndex = (resetIndex + 1) & 7
    }

    func wasReset(_ id: UInt32) -> Bool {
        for index in 0..<8 where recentlyReset[index] == id { return true }
        return false
    }

    // MARK: Ending

    /// Says why the connection ends.
    mutating func fail(_ code: HTTP2ErrorCode, _ reason: StaticString) -> HTTP2Event {
        reading = .failed
        writeGoAway(code, lastStream: lastPeerStream)
        return .failed(.of(code, reason))
    }

    /// Tells the peer that the connection is about to end while it may still open streams: after a `pong` no more are on
    /// their way, RFC 9113 §6.8.
    public mutating func announceEnd() {
        writeGoAway(.noError, lastStream: HTTP2Session.streamMax)
        lendOutput()
        output.appendFrame(.ping, stream: 0, length: 8)
        output.append(number: 0)
        output.append(number: 0)
    }

    /// From now on new streams are ignored.
    public mutating func refuseStreams(_ code: HTTP2ErrorCode = .noError) {
        lastAccepted = lastPeerStream
        writeGoAway(code, lastStream: lastPeerStream)
    }

    private mutating func writeGoAway(_ code: HTTP2ErrorCode, lastStream: UInt32) {
        lendOutput()
        output.appendFrame(.goAway, stream: 0, length: 8)
        output.append(number: lastStream)
        output.append(number: code.rawValue)
    }
}
