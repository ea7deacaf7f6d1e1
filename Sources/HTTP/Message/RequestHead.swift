public import Bytes

/// A request's start line and fields, however it was framed.
///
/// All parts are ranges of the block that `headers` owns. The target is kept as received for logs; `path` is its
/// normalised form that is forwarded, `decodedPath` and `matchPath` are what filters and routes see of it.
public struct RequestHead: ~Copyable {
    public var headers = Headers()
    public private(set) var method = Method.get
    private var methodRange = ByteRange.empty
    public internal(set) var version = HTTPVersion.http11
    public internal(set) var framing = BodyFraming.none
    /// The client allows another request on this connection.
    public internal(set) var isPersistent = true
    /// The client waits for a 100 before it sends the body, RFC 9110 §10.1.1.
    public internal(set) var expectsContinue = false
    /// The client asks to switch protocols, RFC 9110 §7.8; always false for HTTP/1.0.
    public internal(set) var isUpgrade = false

    /// The request-target as received.
    public internal(set) var targetRange = ByteRange.empty
    /// The scheme of an absolute-form target, empty otherwise.
    var schemeRange = ByteRange.empty
    var hostRange = ByteRange.empty
    var pathRange = ByteRange.empty
    var decodedPathRange = ByteRange.empty
    var matchPathRange = ByteRange.empty
    var queryRange = ByteRange.empty
    /// Whether the target has a `?`, be it with nothing behind.
    public internal(set) var hasQuery = false
    /// `; / ? : @ & = + $ ,` stay percent-encoded in the decoded path (`-rfc-patch-path`, `rfcPath`).
    public internal(set) var keepsReservedEncoded = false
    /// `OPTIONS *`, RFC 9112 §3.2.4.
    public internal(set) var isAsterisk = false

    public init() {}

    // MARK: Views, valid until the next edit of the head

    public var methodBytes: BorrowedBytes { method == .other ? headers.slice(methodRange) : BorrowedBytes(method.name) }
    public var target: BorrowedBytes { headers.slice(targetRange) }
    public var scheme: BorrowedBytes { headers.slice(schemeRange) }
    /// The host asked for, port included: of an absolute target, else of the Host field.
    public var host: BorrowedBytes { headers.slice(hostRange) }
    /// Percent-encoded and normalised, as it is forwarded; starts with `/`.
    public var path: BorrowedBytes { headers.slice(pathRange) }
    /// Percent-decoded; what filters read and change.
    public var decodedPath: BorrowedBytes { headers.slice(decodedPathRange) }
    /// Percent-decoded with double slashes collapsed; what routes match.
    public var matchPath: BorrowedBytes { headers.slice(matchPathRange) }
    /// The raw query without `?`, empty if there is none.
    public var query: BorrowedBytes { headers.slice(queryRange) }

    /// What the head takes in memory: about its size on the wire, with what was added to it.
    public var byteCount: Int { headers.byteCount }

    // MARK: Editing

    /// Replaces the path by one that is not percent-encoded; the forwarded form is encoded anew, unless it already
    /// decodes to this path.
    public mutating func setPath(decoded path: BorrowedBytes) {
        if path.equals(decodedPath) { return }
        decodedPathRange = headers.add(path)
        if path.first != UInt8(ascii: "/") {
            let old = decodedPathRange
            decodedPathRange = headers.add(BorrowedBytes("/"))
            _ = headers.add(headers.slice(old))
            decodedPathRange.count += old.count
        }
        pathRange = PathNormalizer.encode(decodedPathRange, in: &headers, keepsReserved: keepsReservedEncoded)
        matchPathRange = PathNormalizer.cleaned(decodedPathRange, in: &headers)
    }

    /// From now on reserved characters stay percent-encoded in the decoded path and in what is made of it.
    public mutating func keepReservedEncoded() {
        keepsReservedEncoded = true
        decodedPathRange = PathNormalizer.decode(pathRange, in: &headers, reservedStayEncoded: true)
        matchPathRange = PathNormalizer.cleaned(decodedPathRange, in: &headers)
    }

    /// Replaces the raw query; an empty one removes the `?` too.
    public mutating func setQuery(_ query: BorrowedBytes) { setQuery(headers.add(query)) }

    /// Replaces the raw query by bytes that stand in the head's block already.
    public mutating func setQuery(_ range: ByteRange) {
        queryRange = range
        hasQuery = !range.isEmpty
    }

    /// Replaces the host that routes match and templates show.
    public mutating func setHost(_ host: BorrowedBytes) { hostRange = headers.add(host) }

    /// The client was told to go on: nothing waits for a 100 any more.
    public mutating func withdrawExpectation() { expectsContinue = false }

    /// Makes the head that of an empty request without fields; keeps its memory.
    public mutating func reset() {
        headers.reset()
        method = .get
        methodRange = .empty
        version = .http11
        framing = .none
        isPersistent = true
        expectsContinue = false
        isUpgrade = false
        targetRange = .empty
        schemeRange = .empty
        hostRange = .empty
        pathRange = .empty
        decodedPathRange = .empty
        matchPathRange = .empty
        queryRange = .empty
        hasQuery = false
        keepsReservedEncoded = false
        isAsterisk = false
    }

    mutating func setMethod(_ range: ByteRange, _ method: Method) {
        methodRange = range
        self.method = method
    }

    /// Makes a head from its parts, for requests the proxy itself sends and for tests.
    ///
    /// - Parameters:
    ///   - target: origin form, as on the wire.
    ///   - reservedStayEncoded: `-rfc-patch-path`.
    public mutating func make(
        method: String, target: String, host: String, framing: BodyFraming = .none, reservedStayEncoded: Bool = false
    ) throws(HTTPError) {
        reset()
        let methodRange = method.withBytes { headers.add($0) }
        setMethod(methodRange, Method(headers.slice(methodRange)))
        targetRange = target.withBytes { headers.add($0) }
        host.withBytes { headers.append(.host, $0) }
        hostRange = headers.valueRange(at: headers.fieldCount - 1)
        self.framing = framing
        try resolveTarget(reservedStayEncoded: reservedStayEncoded)
    }
}
