public import Bytes

/// A body that filters put in place of the upstream's.
public enum ReplacementBody {
    /// The upstream's body passes.
    case untouched
    case none
    /// The same bytes for every exchange of a route: shared, never copied per exchange.
    case bytes([UInt8])
    /// Produced piece by piece as the client takes it, of this many bytes if known.
    case producer(any BodyProducer, length: UInt64?)
}

/// Produces a body as fast as the client takes it.
public protocol BodyProducer: AnyObject {
    /// Appends at most about `limit` bytes.
    func produce(upTo limit: Int, into output: inout ByteBuffer) -> BodyProduction
}

public enum BodyProduction {
    /// There is more to come.
    case more
    /// Nothing more for this many nanoseconds (trickling bodies).
    case pause(UInt64)
    case finished
    /// The source broke: the client must notice that the body is cut.
    case failed
}

/// Rewrites a body while it streams. One instance serves one exchange.
public protocol BodyTransform: AnyObject {
    /// Takes bytes from the front of `input` and appends what they become; stops early when `output` holds about
    /// `limit` bytes, so that a small input cannot become unbounded memory, and is then called again with the rest.
    ///
    /// - Parameter isLast: no input follows this one.
    func transform(_ input: BorrowedBytes, isLast: Bool, limit: Int, into output: inout ByteBuffer) -> BodyTransformation
}

public enum BodyTransformation {
    /// So many bytes of the input are used up. If that is all of it and it was the last, `isFlushed` says that the
    /// output is complete too.
    case consumed(Int, isFlushed: Bool)
    /// The message must not pass: a request is answered with this status if that is still possible, else cut.
    case failed(status: UInt16)
}
