/// One route as written: id, predicates, filters and backend, in the order of the text.
///
/// A value of 16 bytes that refers to a record of its `document`; copying it allocates nothing. Everything it says is
/// read from the record on demand, so ask once and keep the answer where it is needed often.
public struct RouteDefinition: Sendable {
    public let document: RouteDocument
    let index: UInt32

    init(document: RouteDocument, index: UInt32) {
        self.document = document
        self.index = index
    }

    /// The route's id; empty for the one route of a bare expression. Invalid UTF-8 is repaired.
    public var id: String { document.string(idRef) }

    /// Lends the id's bytes; they are valid only inside `body`.
    public func withIdBytes<R>(_ body: (UnsafeRawBufferPointer) -> R) -> R {
        document.withBytes(idRef, body)
    }

    /// Whether both are one record of one document, which says more than `==`.
    public func isSameRecord(as other: RouteDefinition) -> Bool {
        document === other.document && index == other.index
    }

    /// The predicates in written order; `*` and `Any()` match everything and are not among them.
    public var predicates: CallList {
        CallList(document: document, record: UInt32(record), skipping: 0, count: UInt32(predicateCount))
    }

    /// The filters in written order.
    public var filters: CallList {
        CallList(
            document: document, record: UInt32(record), skipping: UInt32(predicateCount), count: UInt32(filterCount))
    }

    /// Where the route begins in its source, or `nil` if it was built.
    public var position: SourcePosition? { document.position(document.words[record + RouteRecord.position]) }

    /// Where the route begins, in bytes of its document's source; `nil` if it was built.
    public var sourceOffset: Int? {
        let word = document.words[record + RouteRecord.position]
        return document.source.isEmpty || word == PositionWord.none ? nil : Int(word)
    }

    /// Where the backend stands in the source, or `nil` if the route was built.
    public var backendPosition: SourcePosition? {
        document.position(document.words[record + RouteRecord.backendPosition])
    }
}

// MARK: - The record

/// Places of the words of a record. Then follow three words per call (name, position, arguments up to and with this
/// call), two per argument, and the backend: two for an address, or one for the algorithm and two per endpoint (four if any
/// endpoint has a zone) and two for the group, if there is one.
enum RouteRecord {
    static let id = 0
    static let position = 2
    static let callCounts = 3
    static let backend = 4
    static let backendPosition = 5
    static let headerWords = 6

    static let callWords = 3
    static let argumentWords = 2
    static let noAlgorithm = UInt32.max
}

extension RouteDefinition {
    /// The record's first word.
    var record: Int { Int(document.routeStarts[Int(index)]) }

    var idRef: TextRef { document.ref(at: record + RouteRecord.id) }
    var predicateCount: Int { Int(document.words[record + RouteRecord.callCounts] >> 16) }
    var filterCount: Int { Int(document.words[record + RouteRecord.callCounts] & 0xFFFF) }
    var callCount: Int { predicateCount + filterCount }

    /// The first word of the arguments, which follow the calls.
    var argumentsStart: Int { record + RouteRecord.headerWords + callCount * RouteRecord.callWords }

    /// All arguments of all calls: what the last call says.
    var argumentCount: Int {
        callCount == 0 ? 0 : Int(document.words[argumentsStart - 1])
    }

    /// The first word of the backend's own part.
    var backendStart: Int { argumentsStart + argumentCount * RouteRecord.argumentWords }
}
