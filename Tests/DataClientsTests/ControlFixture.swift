import Eskip
import Filters
import Logging
import Net
import Routing
import Synchronization
import TestSupport

@testable import DataClients

/// A control plane on a loop of its own, with what it logs and publishes.
final class ControlFixture: @unchecked Sendable {
    // Unchecked: the control plane is touched on the loop's thread only, everything else is safe to share.
    let slot = RoutingTableSlot()
    let log = CapturedLog()
    let status: RouteStatus
    private let loop: UnsafeMutablePointer<EventLoop>
    private let mailbox: Mailbox
    private let plane: ControlPlane
    private let hasEnded = Counter()

    /// - Parameter prepare: called before the start, on the caller's thread.
    init(_ options: DataClientOptions, prepare: (ControlPlane) -> Void = { _ in }) throws {
        loop = .allocate(capacity: 1)
        loop.initialize(to: try EventLoop())
        mailbox = loop.pointee.mailbox
        plane = try ControlPlane(loop: loop, options: options, compiler: .sample(), slot: slot, log: log.logger)
        status = plane.status
        prepare(plane)
        plane.start()
        nonisolated(unsafe) let loop = loop
        let hasEnded = hasEnded
        onThread {
            loop.run()
            hasEnded.next()
        }
    }

    /// Ends the loop's thread; to be called at the end of each test.
    func stop() throws {
        nonisolated(unsafe) let loop = loop
        mailbox.send { loop.stop() }
        try Patience.wait(for: "the loop's end") { hasEnded.value > 0 }
    }

    func refresh() {
        nonisolated(unsafe) let plane = plane
        mailbox.send { plane.refresh() }
    }

    // MARK: What is served

    /// The ids of the published routes, sorted.
    var ids: [String] { slot.table.routesByID().map(\.id) }

    /// A published route as text.
    func route(_ id: String) -> String? {
        slot.table[id].map { RoutePrinter.compact.text(of: $0.definition) }
    }

    func waitFor(ids expected: [String]) throws {
        try Patience.wait(for: "routes \(expected)") { ids == expected }
    }

    func waitFor(_ id: String, _ text: String) throws {
        try Patience.wait(for: "\(text)") { route(id) == text }
    }

    func waitForLog(_ part: String) throws {
        try Patience.wait(for: "a log line with \"\(part)\"") {
            log.lines.contains { $0.contains(part) }
        }
    }

    func waitForProblems(_ problems: [String], source: Int = 0) throws {
        try Patience.wait(for: "problems \(problems)") {
            status.sources[source].problems == problems
        }
    }
}

/// Log lines as `level: message`.
final class CapturedLog: Sendable {
    private let captured = Mutex<[String]>([])

    var lines: [String] { captured.withLock { $0 } }

    var logger: Logger { Logger(label: "test") { _ in Handler(log: self) } }

    private struct Handler: LogHandler {
        let log: CapturedLog
        var metadata: Logger.Metadata = [:]
        var logLevel = Logger.Level.trace

        init(log: CapturedLog) { self.log = log }

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            log.captured.withLock { $0.append("\(event.level): \(event.message)") }
        }
    }
}

extension RouteCompiler {
    /// Knows the filters `f`, `g` and `h`, which take anything.
    static func sample() -> RouteCompiler {
        var filters = FilterRegistry()
        filters.register(["f", "g", "h"].map { FilterSpec($0) { _, _ in .nothing } })
        return RouteCompiler(filters: filters, endpoints: EndpointRegistry())
    }
}

extension DataClientOptions {
    init(files: [String], pollMilliseconds: UInt64 = 3000) {
        self.init()
        routeFiles = files
        pollInterval = pollMilliseconds * 1_000_000
    }
}
