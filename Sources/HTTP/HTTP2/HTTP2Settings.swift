import Bytes

/// What the peer of a connection has asked for, RFC 9113 §6.5.2.
public struct HTTP2Settings: Sendable {
    enum Identifier: UInt16 {
        case headerTableSize = 1, enablePush, maxConcurrentStreams, initialWindowSize, maxFrameSize, maxHeaderListSize
        /// RFC 8441 §3.
        case enableConnectProtocol = 8
    }

    /// RFC 9113 §6.9.1: the windows before anybody says otherwise, and the most there may be.
    static let initialWindow = 65_535
    static let windowMax = 0x7FFF_FFFF

    /// Unlimited until the peer says otherwise.
    public internal(set) var streamsMax = Int.max
    public internal(set) var allowsExtendedConnect = false
    var initialWindowSize = HTTP2Settings.initialWindow
    var framePayloadMax = Limits.framePayloadMax
}

/// What a session offers its peer and lets it do.
public struct HTTP2Options: Sendable {
    /// Of a head or trailer section as RFC 9113 §6.5.2 counts it: 32 bytes more for each field.
    public var headerListMax = Limits.headBytesDefault
    public var streamsMax = Limits.streamsPerConnectionMax
    public var streamWindow = Limits.streamWindowBytes
    public var connectionWindow = Limits.connectionWindowBytes

    public init() {}
}

/// So many of something at once, and so many more each second.
struct FrameBudget {
    private var left: Int
    private let burst: Int
    private let perSecond: Int
    private var refilledAt: UInt64 = 0

    init(burst: Int, perSecond: Int) {
        left = burst
        self.burst = burst
        self.perSecond = perSecond
    }

    /// - Parameter now: nanoseconds.
    /// - Returns: false if there is nothing left.
    mutating func take(now: UInt64) -> Bool {
        if left > 0 {
            left -= 1
            return true
        }
        let seconds = (now &- refilledAt) / 1_000_000_000
        guard seconds > 0 else { return false }
        left = min(burst, Int(min(seconds, 3600)) * perSecond) - 1
        refilledAt = now
        return left >= 0
    }

    /// More, up to the burst.
    mutating func add(_ count: Int) { if left < burst { left = min(burst, left + count) } }

    /// More than the burst: frames that what we do may bring, however late they come.
    mutating func earn(_ count: Int) { if left < Limits.framesEarnedMax { left = min(Limits.framesEarnedMax, left + count) } }
}
