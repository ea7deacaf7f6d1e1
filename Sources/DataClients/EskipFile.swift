internal import Eskip
internal import Net

/// `-routes-file`: one file of routes, read again when it changes.
///
/// Changes are noticed by the file system's word (`FileWatcher`); looks at intervals serve file systems that do not tell, and what
/// cannot be told. A file that was renamed into place is believed at once. One that is written in place may be half done: if it has
/// errors or is empty, it is looked at a second time first. A file that cannot be read, or is gone, keeps its routes. One that is empty
/// at the start counts as loaded when it has stayed so.
final class EskipFile: DataClient {
    let name: String
    private let loop: UnsafeMutablePointer<EventLoop>
    private let pollInterval: UInt64
    private let watcher: FileWatcher?
    private var watch: FileWatcher.Watch?
    private var document: LoadedDocument
    private var feed: RouteFeed!
    private var poll: LoopTimer!
    private var secondLook: LoopTimer!
    /// Of the file as it was read last; nil if the next look should read it in any case.
    private var signature: FileSignature?
    /// It was read so soon after it was written that its times need not show the next change.
    private var wasFresh = false

    init(path: String, loop: UnsafeMutablePointer<EventLoop>, pollInterval: UInt64, watcher: FileWatcher?) {
        name = path
        self.loop = loop
        self.pollInterval = pollInterval
        self.watcher = watcher
        document = LoadedDocument(sourceName: path)
    }

    func start(_ feed: RouteFeed) {
        self.feed = feed
        poll = LoopTimer(loop) { [unowned self] in pollExpired() }
        secondLook = LoopTimer(loop) { [unowned self] in look(isSure: true) }
        watch = watcher?.watch(name) { [unowned self] event in noticed(event) }
        // Whatever stands there at the start is all there is to serve.
        look(isSure: true, isFirst: true)
        poll.set(after: pollInterval)
    }

    func refresh() {
        signature = nil
        look(isSure: true)
    }

    deinit {
        if let watch { watcher?.unwatch(watch) }
    }

    // MARK: When to look

    private func noticed(_ event: FileWatcher.Event) {
        signature = nil
        switch event {
        case .replaced: look(isSure: true)
        case .written: look(isSure: false)
        case .removed: secondLook.set(after: DataClientLimits.confirmNanoseconds)
        case .writing: secondLook.set(after: DataClientLimits.quietNanoseconds)
        }
    }

    private func pollExpired() {
        defer { poll.set(after: pollInterval) }
        watch.map { watcher?.renew($0) }
        guard !secondLook.isSet else { return }
        if case .success(let now) = FileSignature.of(path: name), now != signature, now.isFresh(now: loop.pointee.wallTime) {
            secondLook.set(after: DataClientLimits.quietNanoseconds)
        } else {
            look(isSure: false)
        }
    }

    // MARK: Looking

    /// - Parameters:
    ///   - isSure: what is found is what was meant, even if it has errors.
    ///   - isFirst: a file without routes may be one whose writer has just begun.
    private func look(isSure: Bool, isFirst: Bool = false) {
        if !wasFresh, let signature, FileSignature.of(path: name) == .success(signature) { return }
        secondLook.cancel()
        do throws(FileProblem) {
            var file = try RouteFile(path: name)
            let update = try document.read(&file, knowing: feed.routes)
            try file.checkSettled()
            if !isSure, isDoubtful(update) { return lookAgain() }
            if isFirst, update.isEmpty { return lookAgain(after: DataClientLimits.quietNanoseconds) }
            signature = file.signature
            wasFresh = file.signature.isFresh(now: loop.pointee.wallTime)
            accept(update)
        } catch {
            signature = nil
            // A writer at work is no failure.
            if !isSure || error == .unsettled { return lookAgain() }
            feed.fail(["\(name): \(error.reason)"])
        }
    }

    private func lookAgain(after delay: UInt64 = DataClientLimits.confirmNanoseconds) {
        signature = nil
        secondLook.set(after: delay)
    }

    /// Whether the text looks as if its writer had not come to its end.
    private func isDoubtful(_ update: DocumentUpdate) -> Bool {
        if case .refused = update { return true }
        return update.takesAll(of: feed.routeCount)
    }

    private func accept(_ update: DocumentUpdate) {
        switch update {
        case .same: feed.report()
        case .refused(let errors): feed.fail(errors.map(\.description))
        case .read(let change, let text):
            feed.report(upserts: change.upserts, deletes: change.deletes)
            document.accept(text, routeCount: feed.routeCount)
        }
    }
}
