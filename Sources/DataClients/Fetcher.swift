internal import Bytes
internal import HTTP
internal import Net
internal import Upstream

/// Why a document could not be fetched.
enum FetchFailure: Error, Equatable {
    case badURL(String, String)
    case unsupportedScheme(String)
    case upstream(ClientFailure)
    /// Not answered completely within the given time, milliseconds.
    case timeout(UInt64)
    case tooLarge
    /// The head cannot be sent, such as a path with a blank.
    case badRequest(HTTPError)

    var reason: String {
        switch self {
        case .badURL(_, let reason): reason
        case .unsupportedScheme: "documents are fetched by http:// or https://"
        case .upstream(let failure): failure.reason
        case .timeout(let milliseconds): "not answered within \(milliseconds) ms (-source-poll-timeout)"
        case .tooLarge: "the answer has more than \(DataClientLimits.documentBytesMax) bytes"
        case .badRequest(let error): "the URL cannot be asked for: \(error.reason)"
        }
    }
}

/// A complete answer.
struct FetchResponse {
    var status = 0
    var etag: String?
    var location: String?
    var contentEncoding: String?
    var body: [UInt8] = []
}

/// Gets documents by the proxy's own client, on the control loop.
final class Fetcher: ClientHandler {
    private let loop: UnsafeMutablePointer<EventLoop>
    private let client: UnsafeMutablePointer<Client>
    /// Kept alive by being under way.
    private var fetches: [UnsafeMutableRawPointer: Fetch] = [:]

    /// - Parameter dnsServers: those of the system if empty.
    init(_ loop: UnsafeMutablePointer<EventLoop>, dnsServers: [SocketAddress], security: UpstreamSecuritySource?) {
        self.loop = loop
        client = .allocate(capacity: 1)
        let resolver = Resolver(loop: loop, servers: dnsServers)
        client.initialize(to: Client(loop: loop, options: ClientOptions(), resolver: resolver, handler: self))
        if let security { client.setSecurity(security) }
    }

    deinit {
        // What is under way names the client until the end of a turn, and the control path ends with the process.
        for fetch in fetches.values { fetch.cancel() }
        client.closeIdle()
    }

    /// Asks for a document.
    ///
    /// - Parameters:
    ///   - etag: of the version that is known; a server that still has it answers 304.
    ///   - timeout: for the whole answer, nanoseconds.
    ///   - completion: called once, on a later event of the loop.
    func get(_ url: FetchURL, etag: String?, timeout: UInt64, _ completion: @escaping (Result<FetchResponse, FetchFailure>) -> Void) {
        let fetch = Fetch(url, etag: etag, client: client, loop: loop, timeout: timeout) { [unowned self] fetch, result in
            fetches[fetch.pointer] = nil
            completion(result)
        }
        fetches[fetch.pointer] = fetch
        fetch.open(freshOnly: false)
    }

    private func fetch(_ pointer: UnsafeMutableRawPointer) -> Fetch { Unmanaged<Fetch>.fromOpaque(pointer).takeUnretainedValue() }

    // MARK: ClientHandler

    func upstreamConnected(_ exchange: UnsafeMutableRawPointer, _ stream: ClientStream) { fetch(exchange).connected(stream) }

    func upstreamMoved(_ exchange: UnsafeMutableRawPointer, _ stream: ClientStream) { fetch(exchange).stream = stream }

    func responseReceived(_ exchange: UnsafeMutableRawPointer, _ head: UnsafeMutablePointer<ResponseHead>) { fetch(exchange).received(head.pointee) }

    func responseBody(_ exchange: UnsafeMutableRawPointer, _ piece: BodyPiece, isLast: Bool, trailers: TrailerLines) {
        fetch(exchange).received(piece, isLast: isLast)
    }

    func responseStalled(_ exchange: UnsafeMutableRawPointer) {}

    func upstreamWritable(_ exchange: UnsafeMutableRawPointer) {}

    func upstreamFailed(_ exchange: UnsafeMutableRawPointer, _ failure: ClientFailure) { fetch(exchange).failed(failure) }
}

/// One request for a document.
private final class Fetch {
    private let url: FetchURL
    private let etag: String?
    private let client: UnsafeMutablePointer<Client>
    private let timeout: UInt64
    private let completion: (Fetch, Result<FetchResponse, FetchFailure>) -> Void
    private var timer: LoopTimer!
    fileprivate var stream: ClientStream?
    private var response = FetchResponse()

    init(
        _ url: FetchURL, etag: String?, client: UnsafeMutablePointer<Client>, loop: UnsafeMutablePointer<EventLoop>, timeout: UInt64,
        _ completion: @escaping (Fetch, Result<FetchResponse, FetchFailure>) -> Void
    ) {
        self.url = url
        self.etag = etag
        self.client = client
        self.timeout = timeout
        self.completion = completion
        timer = LoopTimer(loop) { [unowned self] in end(.failure(.timeout(timeout / 1_000_000))) }
        timer.set(after: timeout)
    }

    var pointer: UnsafeMutableRawPointer { Unmanaged.passUnretained(self).toOpaque() }

    func open(freshOnly: Bool) {
        var needs = ConnectionNeeds()
        needs.isFresh = freshOnly
        let (stream, isConnected) = client.open(url.origin, for: pointer, needs)
        self.stream = stream
        if isConnected { send() }
    }

    func connected(_ stream: ClientStream) {
        self.stream = stream
        send()
    }

    private func send() {
        var head = RequestHead()
        do throws(HTTPError) {
            try head.make(method: "GET", target: url.target, host: String(decoding: url.origin.authority, as: UTF8.self))
        } catch {
            return end(.failure(.badRequest(error)))
        }
        "fairway".withBytes { head.headers.append(.userAgent, $0) }
        url.authorization?.withBytes { head.headers.append(.authorization, $0) }
        etag?.withBytes { head.headers.append(FieldName("If-None-Match"), $0) }
        url.origin.authority.withUnsafeBytes { host in
            // What the kernel does not take now follows by itself; errors come as `failed`.
            _ = stream?.request(head, host: host, framing: HeadSerializer.Framing(body: .none), .empty, isLast: true)
        }
    }

    func received(_ head: borrowing ResponseHead) {
        guard head.status >= 200 else { return }
        response.status = Int(head.status)
        response.etag = head.headers.first(.etag)?.text
        response.location = head.headers.first(.location)?.text
        response.contentEncoding = head.headers.first(.contentEncoding)?.text
        if case .length(let count) = head.framing {
            if count > DataClientLimits.documentBytesMax { return end(.failure(.tooLarge)) }
            response.body.reserveCapacity(Int(count))
        }
    }

    func received(_ piece: BodyPiece, isLast: Bool) {
        guard response.body.count + piece.count <= DataClientLimits.documentBytesMax else { return end(.failure(.tooLarge)) }
        response.body += piece.bytes
        guard isLast else { return }
        stream = nil
        end(.success(response))
    }

    func failed(_ failure: ClientFailure) {
        let isRepeatable = stream?.isReused == true && response.status == 0 && failure.isBreak
        stream = nil
        // The server may close an idle connection just when it is used again.
        if isRepeatable { open(freshOnly: true) } else { end(.failure(.upstream(failure))) }
    }

    func cancel() {
        stream?.cancel()
        stream = nil
        timer.cancel()
    }

    private func end(_ result: Result<FetchResponse, FetchFailure>) {
        cancel()
        withExtendedLifetime(self) { completion(self, result) }
    }
}

extension ClientFailure {
    /// The connection ended.
    fileprivate var isBreak: Bool {
        switch self {
        case .closed, .broken: true
        default: false
        }
    }
}
