/// Every maximum in the program that is not a flag's, each with the reason for its value.
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
    /// Connections accepted in one turn, so that a burst does not starve those already served.
    public static let acceptsPerTurn = 64
    /// TLS handshakes a worker has under way; the oldest gives way to a new one. Each takes 60 KiB once it has begun.
    public static let handshakesMax = 4096
    /// Handshakes that go a step in one turn, each 0.1-0.3 ms: the rest waits, so that requests do not.
    public static let handshakesPerTurn = 16
    /// How long a connection that has had its last answer may stay for the client to read it.
    public static let lingerNanoseconds: UInt64 = 2_000_000_000
    /// Requests of one connection answered in one turn before others have theirs.
    public static let pipelinedPerTurn = 32

    /// Bytes of a JWT's payload that is read; real tokens have 1-4 KiB, and heads are bounded anyway.
    public static let jwtPayloadBytesMax = 64 * 1024
    /// Nesting of a JSON document: the reader recurses once per level, on the stack of a worker.
    public static let jsonDepthMax = 64
}
