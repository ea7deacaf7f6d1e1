import Bytes
import DataClients
import Eskip
import Filters
import Glibc
import HTTP
import Logging
import Routing

/// Measures the routing table by itself, without sockets: CPU time of one thread, printed as one line of JSON.
///
/// usage: Table ROUTES REQUESTS
/// ROUTES is an eskip file; REQUESTS has lines "METHOD HOST PATH …", each of which some route must take.
@main
enum Table {
    static func main() throws {
        let arguments = CommandLine.arguments
        guard arguments.count == 3 else { fail("usage: Table ROUTES REQUESTS") }
        let bytes = read(arguments[1])
        let requests = Requests(read(arguments[2]))
        let parsing = CPUTime()
        let parsed = RouteDocument.parse(bytes: bytes, sourceName: arguments[1])
        let parse = parsing.nanoseconds
        guard parsed.isValid else { fail("\(parsed.errors[0])") }
        let bench = try TableBench()
        let loading = CPUTime()
        bench.load(Array(parsed.document))
        let load = loading.nanoseconds
        guard bench.table.count == parsed.document.count else { fail("\(parsed.document.count - bench.table.count) routes were refused") }
        let lookup = Lookup(requests, bench.table)
        let cold = lookup.nanoseconds(rounds: max(1, 400_000 / requests.count), isCold: true)
        let warm = lookup.nanoseconds(rounds: max(1, 400_000 / requests.count), isCold: false)
        let updates = bench.updates(count: 200)
        let endpoints = bench.endpointChanges(count: 200)
        let service = bench.serviceChanges(routes: 1000, count: 200)
        print("""
            {"routes": \(bench.table.count), "parse_ms": \(Double(parse) / 1e6), "load_ms": \(Double(load) / 1e6), "lookup_ns": \(cold), \
            "lookup_warm_ns": \(warm), "update_us": \(Double(updates.median) / 1e3), "update_max_us": \(Double(updates.max) / 1e3), \
            "endpoints_us": \(Double(endpoints) / 1e3), "service_us": \(Double(service) / 1e3)}
            """)
    }

    static func fail(_ message: String) -> Never {
        let line = Array("Table: \(message)\n".utf8)
        _ = write(2, line, line.count)
        exit(1)
    }

    private static func read(_ path: String) -> [UInt8] {
        guard let file = fopen(path, "r") else { fail("\(path): cannot be read") }
        defer { fclose(file) }
        fseek(file, 0, SEEK_END)
        let size = ftell(file)
        rewind(file)
        return [UInt8](unsafeUninitializedCapacity: size) { buffer, count in count = fread(buffer.baseAddress, 1, size, file) }
    }
}

/// The CPU time of this thread since it was made.
struct CPUTime {
    private let start = CPUTime.now

    var nanoseconds: Int { CPUTime.now - start }

    private static var now: Int {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return time.tv_sec * 1_000_000_000 + time.tv_nsec
    }
}

/// The updater with one source, as the process has it.
final class TableBench {
    private let slot = RoutingTableSlot()
    private let updater: RouteUpdater
    private let feed: RouteFeed
    private var first: RouteDefinition?

    init() throws {
        let compiler = RouteCompiler(filters: .builtIn(), endpoints: EndpointRegistry())
        var options = DataClientOptions()
        options.suppressesUpdateLogs = true
        updater = try RouteUpdater(options: options, compiler: compiler, slot: slot, log: Logger(label: "bench") { _ in SwiftLogNoOpLogHandler() }) {
            RouteClock(now: 0, wallTime: 0)
        }
        feed = updater.addFeed(name: "bench")
        updater.completeFeeds()
    }

    var table: RoutingTable { slot.table }

    func load(_ definitions: [RouteDefinition]) {
        first = definitions.first
        feed.report(upserts: definitions)
        updater.update()
    }

    /// Changes one route again and again, as a data client would.
    func updates(count: Int) -> (median: Int, max: Int) {
        guard let first else { return (0, 0) }
        let taken = (0..<count).map { number in
            let text = RoutePrinter.compact.text(of: first)
            let changing = CPUTime()
            let document = RouteDocument.parse(text.replacing("-> \"", with: "-> setResponseHeader(\"X-Change\", \"\(number)\") -> \"")).document
            feed.report(upserts: Array(document))
            updater.update()
            updater.reclaim()
            return changing.nanoseconds
        }.sorted()
        return (taken[count / 2], taken[count - 1])
    }

    /// Gives one route another address again and again, by its definition; the table must stay.
    ///
    /// - Returns: nanoseconds, the median.
    func endpointChanges(count: Int) -> Int {
        guard let first else { return 0 }
        // As the last update left it.
        let present = slot.table[first.id]!.currentDefinition
        return medianWithoutTable(count) { number in
            feed.report(upserts: [present.changed { $0.backend = .network("http://127.0.0.1:\(9000 + number % 2)") }])
        }
    }

    /// Gives a service that many routes have another endpoint again and again, by its key; the table must stay.
    ///
    /// - Returns: nanoseconds, the median.
    func serviceChanges(routes: Int, count: Int) -> Int {
        func endpoints(_ number: Int) -> [LBEndpoint] { (0..<10).map { LBEndpoint(address: "http://127.0.0.1:\(9000 + (number + $0) % 20)") } }
        feed.report(upserts: (0..<routes).map { number in
            .make(
                id: "service_\(number)", predicates: [CallValue("Path", .string("/service/\(number)"))],
                backend: .loadBalanced(algorithm: "", endpoints: endpoints(0), group: "service"))
        })
        updater.update()
        return medianWithoutTable(count) { number in
            feed.report(endpoints: [EndpointGroupChange(key: "service", endpoints: endpoints(number + 1))])
        }
    }

    private func medianWithoutTable(_ count: Int, _ report: (Int) -> Void) -> Int {
        let before = slot.table
        let taken = (0..<count).map { number in
            let changing = CPUTime()
            report(number)
            updater.update()
            updater.reclaim()
            return changing.nanoseconds
        }.sorted()
        guard slot.table === before else { Table.fail("a change of endpoints made another table") }
        return taken[count / 2]
    }
}

extension String {
    fileprivate func replacing(_ old: String, with new: String) -> String {
        let old = Array(old.utf8), bytes = Array(utf8)
        guard let start = bytes.indices.first(where: { bytes[$0...].starts(with: old) }) else { return self }
        return String(decoding: bytes[..<start] + Array(new.utf8) + bytes[(start + old.count)...], as: UTF8.self)
    }
}

/// What is asked, as text.
struct Requests {
    private let bytes: [UInt8]
    private var places: [(host: Range<Int>, path: Range<Int>)] = []

    var count: Int { places.count }

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
        for line in bytes.split(separator: UInt8(ascii: "\n")) {
            let words = line.split(separator: UInt8(ascii: " "))
            if words.count >= 3 { places.append((words[1].indices, words[2].indices)) }
        }
        if places.isEmpty { Table.fail("no requests") }
    }

    func fill(_ request: inout RequestHead, _ index: Int) throws {
        let (host, path) = places[index]
        try request.make(method: "GET", target: String(decoding: bytes[path], as: UTF8.self), host: String(decoding: bytes[host], as: UTF8.self))
    }
}

/// Matches random requests in blocks: those of a block are made first, as heads that were just received, and only then timed.
final class Lookup {
    private static let blockCount = 64
    private let requests: Requests
    private let table: RoutingTable
    private let services = FilterServices()
    private let states: UnsafeMutablePointer<FilterState>

    init(_ requests: Requests, _ table: RoutingTable) {
        self.requests = requests
        self.table = table
        states = .allocate(capacity: Self.blockCount)
        for index in 0..<Self.blockCount { (states + index).initialize(to: FilterState(services: services)) }
    }

    /// - Parameter isCold: in random order over all requests; else the same block again and again.
    func nanoseconds(rounds: Int, isCold: Bool) -> Int {
        var total = 0, count = 0, missed = 0
        var random = SystemRandomNumberGenerator()
        for _ in 0..<max(1, rounds * requests.count / Self.blockCount) {
            for index in 0..<Self.blockCount {
                let wanted = isCold ? Int.random(in: 0..<requests.count, using: &random) : index % requests.count
                do { try requests.fill(&states[index].request, wanted) } catch { Table.fail("\(error)") }
            }
            let time = CPUTime()
            for index in 0..<Self.blockCount where table.match(FilterContext(states + index)) == nil { missed += 1 }
            total += time.nanoseconds
            count += Self.blockCount
        }
        if missed > 0 { Table.fail("\(missed) requests found no route") }
        return total / count
    }
}
