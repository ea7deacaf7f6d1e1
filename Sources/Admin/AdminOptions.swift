public import Bytes

/// How the support listener answers.
public struct AdminOptions: Sendable {
    /// Bytes in gzip format, for clients that accept it; nil sends everything as it is (`-disable-metrics-compression`).
    public var gzip: (@Sendable (BorrowedBytes) -> ByteBuffer)?

    public init() {}
}

/// The maxima of the support listener, each with the reason for its value.
public enum AdminLimits {
    /// Routes of one page unless asked for another number, as in Skipper.
    static let routesPerPageDefault = 1024
    /// Bytes of a listing made in one turn of the loop: it has other work, and a reader may be slow.
    static let pieceBytes = 64 * 1024
}
