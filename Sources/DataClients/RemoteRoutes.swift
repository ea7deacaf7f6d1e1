internal import Bytes
internal import Eskip
internal import Net

/// `-routes-urls`: a document of routes from a URL, asked for again in intervals.
///
/// Only what came completely and is right becomes the version that is known, in memory and for If-None-Match: a cut or wrong document is
/// asked for again. What fails keeps the last good routes. One that has lost all its routes may have been read while it was written: it is
/// believed if the next answer has none either.
final class RemoteRoutes: DataClient {
    let name: String
    private let url: FetchURL
    private let fetcher: Fetcher
    private let pollInterval: UInt64
    private var document: LoadedDocument
    private var feed: RouteFeed!
    private var poll: LoopTimer!
    private var isFetching = false
    private var isLoaded = false
    /// The last answer would have taken away all routes.
    private var isDoubted = false
    /// Of the last good document.
    private var etag: String?
    /// The last bad document, which need not be parsed again, and what was wrong with it.
    private var refused: (hash: UInt64, problems: [String])?

    init(_ url: FetchURL, loop: UnsafeMutablePointer<EventLoop>, pollInterval: UInt64, fetcher: Fetcher) {
        self.url = url
        name = url.description
        self.fetcher = fetcher
        self.pollInterval = pollInterval
        document = LoadedDocument(sourceName: name)
        poll = LoopTimer(loop) { [unowned self] in fetch() }
    }

    func start(_ feed: RouteFeed) {
        self.feed = feed
        fetch()
    }

    func refresh() { fetch() }

    private func fetch() {
        guard !isFetching else { return }
        isFetching = true
        get(url, redirectsLeft: DataClientLimits.redirectsMax)
    }

    private func get(_ url: FetchURL, redirectsLeft: Int) {
        fetcher.get(url, etag: isDoubted ? nil : etag, timeout: pollInterval) { [unowned self] result in
            switch result {
            case .success(let response):
                if (301...308).contains(response.status), response.status != 304, redirectsLeft > 0,
                    let next = response.location.flatMap({ url.redirected(to: $0) }) {
                    return get(next, redirectsLeft: redirectsLeft - 1)
                }
                answered(response)
            case .failure(let failure):
                isDoubted = false
                failed(failure.reason)
            }
            isFetching = false
            poll.set(after: isDoubted ? DataClientLimits.confirmNanoseconds : pollInterval)
        }
    }

    private func failed(_ reason: String) { feed.fail(["\(name): \(reason)"]) }

    private func answered(_ response: FetchResponse) {
        let isSure = isDoubted
        isDoubted = false
        switch response.status {
        case 304 where isLoaded: feed.report()
        case 304: failed("answered 304, although nothing is known to be unchanged")
        case 200 where response.contentEncoding != nil && response.contentEncoding != "identity":
            failed("the answer is encoded (Content-Encoding: \(response.contentEncoding!)), which was not asked for")
        case 200: read(response, isSure: isSure)
        default: failed("answered \(response.status), expected 200 or 304")
        }
    }

    /// - Parameter isSure: what came is what was meant, even if it has no routes.
    private func read(_ response: FetchResponse, isSure: Bool) {
        let hash = response.body.withUnsafeBytes { XXHash64.hash($0) }
        if let refused, refused.hash == hash { return feed.fail(refused.problems) }
        do throws(FileProblem) {
            let routes = feed.routes
            let update = try TextInMemory.with(response.body) { text throws(FileProblem) in try document.read(&text, knowing: routes) }
            refused = nil
            if !isSure, update.takesAll(of: feed.routeCount) || !isLoaded && update.isEmpty { return isDoubted = true }
            switch update {
            case .same: feed.report()
            case .refused(let errors):
                let problems = errors.map(\.description)
                refused = (hash, problems)
                return feed.fail(problems)
            case .read(let change, let text):
                feed.report(upserts: change.upserts, deletes: change.deletes)
                document.accept(text, routeCount: feed.routeCount)
            }
            isLoaded = true
            etag = response.etag
        } catch {
            // Memory can always be read.
            failed(error.reason)
        }
    }
}
