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

/// What a producer of a body says after each call.
public enum BodyProduction {
    /// There is more to come.
    case more
    /// What was appended goes out now, the next piece after this many nanoseconds (trickling bodies).
    case pause(UInt64)
    case finished
    /// The source broke: the client must notice that the body is cut.
    case failed
}

/// Rewrites a body while it streams. One instance serves one exchange.
public protocol BodyTransform: AnyObject {
    /// By how many bytes every body grows; nil if that depends on the body. When all transforms of a body tell, its
    /// Content-Length is corrected, else the field is dropped and the body goes on in chunks.
    var lengthChange: Int? { get }

    /// Takes bytes from the front of `input` and appends what they become; stops early when `output` holds about
    /// `limit` bytes, so that a small input cannot become unbounded memory, and is then called again with the rest.
    ///
    /// An end that comes alone is told by an empty last input; a body without bytes by that call only.
    ///
    /// - Parameter isLast: no input follows this one.
    func transform(_ input: BorrowedBytes, isLast: Bool, limit: Int, into output: inout ByteBuffer) -> BodyTransformation
}

extension BodyTransform {
    public var lengthChange: Int? { nil }
}

/// What a transform did with a piece of its input.
public enum BodyTransformation {
    /// So many bytes of the input are used up. `isFlushed` says that the output has all that can be made of them; if
    /// not, the next call comes as soon as the output was taken, also when no input is left.
    case consumed(Int, isFlushed: Bool)
    /// So many bytes of the input are used up. The output goes out now; the next call, with the rest of the input,
    /// comes after so many nanoseconds (throttled bodies).
    case paused(Int, UInt64)
    /// So many bytes of the input are used up, and the work on them is not done: other exchanges come first, then the
    /// next call, also when no input is left.
    case yielded(Int)
    /// The message must not pass: a request is answered with this status if that is still possible, else cut.
    case failed(status: UInt16)
}
