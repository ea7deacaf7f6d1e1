/// The maxima of the route language, each with the reason for its value.
///
/// They bound what one document may cost; nothing that a person or a controller writes comes near them.
public enum EskipLimits {
    /// Bytes of one document that is parsed: 2.5 million routes of 100 bytes.
    public static let documentBytesMax = 1 << 28
    /// Bytes of text that one document can address: offsets are 32 bits wide. What a parse decodes never gets there:
    /// three bytes of source (`,.5`) become eight at most.
    public static let textBytesMax = Int(UInt32.max) - 16
    /// Bytes of a document for each thread that reads a part of it: below, a thread is started for a few milliseconds' work.
    public static let partBytesMin = 1 << 20
    /// Threads that read parts of one document: each has a copy of its part meanwhile.
    public static let partsMax = 8
    /// Errors reported for one document; the rest would only repeat what the first ones say.
    public static let errorsMax = 100
    /// Predicates of one route, and its filters, which share one 32-bit word of the record.
    public static let callsPerRouteMax = 0xFFFF
    /// Arguments of one predicate or filter: `Source` and `HostAny` carry long lists.
    public static let argumentsPerCallMax = 1 << 20
    /// Endpoints of one load-balanced backend: 23 bits of the record's backend word.
    public static let endpointsMax = (1 << 23) - 1
    /// Bytes of a predicate's, filter's or algorithm's name. Names outlive their document, so an author must not
    /// be able to keep megabytes.
    public static let nameBytesMax = 255
    /// Distinct names a process accepts from documents, for the same reason. Known names keep working beyond it.
    public static let namesMax = 1 << 16
    /// Bytes of an offending token repeated in a message.
    public static let quotedBytesMax = 32
    /// Of a message about a route that does not compile.
    public static let messageBytesMax = 1024
    /// Bytes of a source line shown on each side of the place of an error.
    public static let excerptBytesMax = 80
}
