public import Logging
public import Net

/// `-status-checks`: URLs that have to answer 200 once before the process serves, each asked again until it does.
public final class StatusChecks {
    /// Those that have not answered yet, in order; the first one is asked.
    public private(set) var awaited: [String]
    private let fetcher: Fetcher
    private let log: Logger
    private var timer: LoopTimer!
    private var completion: (() -> Void)?
    /// So that a URL which keeps failing is reported once.
    private var reported = ""

    /// - Parameter options: how URLs are fetched; name servers and rules for TLS.
    /// - Throws: what is wrong with the URLs: such as cannot answer are not waited for.
    public init(_ urls: [String], loop: UnsafeMutablePointer<EventLoop>, options: DataClientOptions, log: Logger) throws(DataClientOptionError) {
        let problems = FetchURL.problems(urls, flag: "status-checks")
        guard problems.isEmpty else { throw DataClientOptionError(reasons: problems) }
        awaited = urls
        self.log = log
        fetcher = Fetcher(loop, dnsServers: options.dnsServers, security: options.security)
        timer = LoopTimer(loop) { [unowned self] in ask() }
    }

    /// Asks until all have answered, then calls `completion` once.
    public func start(_ completion: @escaping () -> Void) {
        self.completion = completion
        ask()
    }

    private func ask() {
        guard let text = awaited.first else {
            completion?()
            completion = nil
            return
        }
        do throws(FetchFailure) {
            fetcher.get(try FetchURL(text), etag: nil, timeout: DataClientLimits.statusCheckNanoseconds) { [unowned self] result in answered(result) }
        } catch {
            answered(.failure(error))
        }
    }

    private func answered(_ result: Result<FetchResponse, FetchFailure>) {
        switch result {
        case .success(let response) where response.status == 200:
            awaited.removeFirst()
            return ask()
        case .success(let response): report("answered \(response.status), expected 200")
        case .failure(.timeout(let milliseconds)): report("not answered within \(milliseconds) ms")
        case .failure(let failure): report(failure.reason)
        }
        timer.set(after: DataClientLimits.statusCheckIntervalNanoseconds)
    }

    private func report(_ problem: String) {
        let message = "-status-checks \(awaited[0]): \(problem); the start waits for it"
        if message != reported { log.warning("\(message)") }
        reported = message
    }
}
