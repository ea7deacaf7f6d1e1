/// The maxima of connections, messages and exchanges that are not a flag's, each with the reason for its value; routes, regexps,
/// TLS, logs and sources have their own (`RoutingLimits` and the like).
public enum Limits {
    /// What one `recv` may bring: the size at which loopback and 25 Gb links stop gaining from more.
    public static let readBytesMax = 128 * 1024
    /// In front of the received bytes, for the rewritten head: larger heads take a second buffer.
    public static let headroomBytes = 8 * 1024
    /// Behind the received bytes, for the end of a chunk and the last chunk.
    public static let tailroomBytes = 64

    /// What an AWS ALB passes; `-max-header-bytes` moves it up to `headBytesCeiling`.
    public static let headBytesDefault = 64 * 1024
    /// Field offsets are 32 bits wide and heads are copied whole, so the ceiling is Skipper's default of 1 MiB.
    public static let headBytesCeiling = 1024 * 1024
    /// A field name's length is 16 bits wide; no real one passes 256.
    public static let fieldNameBytesMax = 8 * 1024
    /// Real heads carry 10-40 fields; the table of one request stays below 16 KiB.
    public static let fieldCountMax = 1000
    /// Response heads of upstreams, which operators do not control by flag.
    public static let responseHeadBytesMax = 256 * 1024
    /// 1xx responses before the final one, so that an upstream cannot keep an exchange alive by them alone.
    public static let interimResponsesMax = 16
    /// A chunk's size line with its extensions, RFC 9112 §7.1.1: long extensions serve attacks only.
    public static let chunkLineBytesMax = 4 * 1024
    /// Trailer section of a chunked message.
    public static let trailerBytesMax = 16 * 1024
    /// Empty lines before a request line that are skipped, RFC 9112 §2.2.
    public static let leadingEmptyLinesMax = 4

    /// Bytes a head may keep in an exchange's slot for the next exchange; larger blocks are given back.
    public static let headBytesKept = 16 * 1024
    /// Bytes of output a connection keeps for a peer that does not read before its source is paused.
    public static let outputBytesPaused = 64 * 1024
    /// Events taken from one `epoll_wait`: more delays the timers of a busy loop.
    public static let eventsPerTurn = 512
    /// Messages of one turn that are sent in a row behind its events, their bytes, and the largest that is worth copying.
    public static let gatheredSends = 64
    public static let gatheredBytes = 96 * 1024
    public static let gatheredMessageBytes = 2 * 1024
    /// Events of one turn whose messages are received in a row before they are handled, the bytes they take, after which no
    /// more are, and the room before each for the rewritten head, which may also overwrite the received one.
    public static let receivedAhead = 64
    public static let receivedAheadBytes = 64 * 1024
    public static let headroomAhead = 768
    /// The least that must be left of a body for pieces of it to go by a pipe, the most that one piece may hold, how many
    /// pipes of two descriptors a loop may have, and how many of them unused.
    public static let pipedBytesMin = 64 * 1024
    public static let pipeBytes = 256 * 1024
    public static let pipesMax = 64
    public static let idlePipes = 16
    /// Connections accepted in one turn, so that a burst does not starve those already served.
    public static let acceptsPerTurn = 64
    /// The first worker is asked to take a new connection while it has fewer than these, and has so long for it.
    public static let connectionsOfLeader = 8
    public static let acceptDeferredNanoseconds: UInt64 = 3_000_000
    /// Elements of X-Forwarded-For that are looked at.
    public static let forwardedElementsMax = 64
    /// A PROXY header: addresses and what balancers add to them (a certificate's facts at most).
    public static let proxyHeaderBytesMax = 4096
    /// How long it may take to come.
    public static let proxyHeaderNanoseconds: UInt64 = 1_000_000_000
    /// Connections of a worker whose PROXY header is awaited.
    public static let prefacesMax = 4096
    /// TLS handshakes a worker has under way; the oldest gives way to a new one. Each takes 60 KiB once it has begun.
    public static let handshakesMax = 4096
    /// Handshakes that go a step in one turn, each 0.1-0.3 ms: the rest waits, so that requests do not.
    public static let handshakesPerTurn = 16
    /// How long a connection that has had its last answer may stay for the client to read it, and at the end of the process
    /// for what is owed of a request.
    public static let lingerNanoseconds: UInt64 = 5_000_000_000
    /// How long a client that sends no more is taken for one that waits for its answer; who closes has said the same.
    public static let halfClosedNanoseconds: UInt64 = 1_000_000_000
    /// Between the kernel's questions whether a silent client is still there.
    public static let clientProbeSeconds: Int32 = 15
    /// For the answer to the PING behind the announcement that an HTTP/2 connection ends.
    public static let farewellNanoseconds: UInt64 = 1_000_000_000
    /// Bytes of an answer that the proxy makes itself, of a file say, in one turn before others have theirs.
    public static let producedBytesPerTurn = 256 * 1024
    /// Requests of one connection answered in one turn before others have theirs.
    public static let pipelinedPerTurn = 32

    /// Heads and pieces of bodies that one HTTP/2 connection brings in one turn: others have their turn before the rest of what
    /// was received. Twice what a client may have open at once.
    public static let streamEventsPerTurn = 256
    /// Answers a connection keeps for a client that does not take them before it is read no further: some hundred heads.
    public static let unreadOutputBytesMax = 256 * 1024

    /// Streams one client may have open on one HTTP/2 connection: more than browsers and gRPC clients use, and with the
    /// window below the bound of what a connection can make the proxy keep.
    public static let streamsPerConnectionMax = 128
    /// What a client may send on one HTTP/2 stream before it is told to go on; as much is kept if the upstream stalls.
    public static let streamWindowBytes = 64 * 1024
    /// The same for a whole connection. It is always given back at once, so that no stream stalls the others.
    public static let connectionWindowBytes = 1024 * 1024
    /// RFC 9113 §4.2: the least any peer must accept, and all that is asked for: larger frames delay the others.
    public static let framePayloadMax = 16 * 1024
    /// CONTINUATION frames of one header block, or one for each frame's worth of the largest head: nobody needs more.
    public static let continuationsMax = 16
    /// What a header block may have beyond the largest head: it is decoded, so that a request that is somewhat too large is answered 431
    /// and the connection's others go on. A larger one ends the connection.
    public static let refusedHeadBytesMax = 64 * 1024
    /// Settings in one frame; the registry has nine.
    public static let settingsPerFrameMax = 32
    /// Streams a client resets, or makes the proxy reset, in a burst and per second; rapid reset is hundreds of thousands.
    public static let streamResetsBurst = 200
    public static let streamResetsPerSecond = 50
    /// Streams that are older than this when their client resets them are not counted: `streamsPerConnectionMax` bounds them.
    public static let youngStreamNanoseconds: UInt64 = 1_000_000_000
    /// PING and SETTINGS frames, which have to be answered; one more for each DATA frame that was sent.
    public static let answeredFramesBurst = 200
    public static let answeredFramesPerSecond = 20
    /// Frames that carry nothing: empty DATA, PRIORITY, unknown ones, frames for closed streams.
    public static let idleFramesBurst = 1000
    public static let idleFramesPerSecond = 200
    /// A stream that is reset may have frames on its way, so many as its window takes of this size: gRPC's small messages.
    /// They may come at once for many streams, and are cheaper than for open ones.
    public static let lateFrameBytes = 16
    /// WINDOW_UPDATE frames beyond those that sent bytes bring: two for each DATA frame, and one for each of so many bytes, as
    /// Go's client and server send two for every 4 KiB that is read.
    public static let windowUpdatesBurst = 1000
    public static let windowUpdatesPerSecond = 100
    public static let bytesPerWindowUpdate = 512
    /// Frames that may be owed to a peer at once for what we have sent it or reset: 10 ms of work.
    public static let framesEarnedMax = 100_000
    /// After so long without a byte an HTTP/2 connection on which a request is given up takes no more: the upstream may have vanished.
    public static let silentNanoseconds: UInt64 = 2_000_000_000
    /// Streams on one connection to an upstream, whatever it would allow: more share one TCP window.
    public static let streamsPerUpstreamConnectionMax = 100
    /// How long a client's certificate counts as verified: a connection may outlive it.
    public static let clientVerdictNanoseconds: UInt64 = 60_000_000_000
    /// The authorities' certificates of a client that a session keeps for it, so that they are there when it comes back.
    public static let sessionChainBytesMax = 8 * 1024
    /// How long idle connections beyond `-idle-conns-num` are kept: bursts that come again within it find theirs, and need no new ones.
    public static let surplusNanoseconds: UInt64 = 5_000_000_000
    /// Request bodies that are kept until an HTTP/2 upstream has begun with them: gRPC's messages are mostly smaller.
    public static let replayBytesMax = 16 * 1024
    /// Times a request is sent to upstreams that say they have not begun with it.
    public static let refusedAttemptsMax = 4
    /// Small blocks of header compression that a worker keeps for its next requests: the tables of a few busy connections.
    public static let headerMemoryBytesKept = 64 * 1024
    /// Output buffers of HTTP/2 connections that are kept warm between two uses.
    public static let spareBuffersMax = 64

    /// Bytes of a JWT's payload that is read; real tokens have 1-4 KiB, and heads are bounded anyway.
    public static let jwtPayloadBytesMax = 64 * 1024
    /// Nesting of a JSON document: the reader recurses once per level, on the stack of a worker.
    public static let jsonDepthMax = 64
}
