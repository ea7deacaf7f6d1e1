import ArgumentParser
import Bytes
import CLinux
import Eskip
import Filters
import Proxy
import Routing

/// Tells which route a request would take, and why.
struct ExplainCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "explain", abstract: "Tell which route a request would take, and why.",
        discussion: """
            Prints the routes that the proxy would try, in its order, each with the predicate that refuses the request, up to the one that is \
            taken; then its path parameters, filters and backend. Predicates that draw random numbers draw them. \
            Exits 0 if a route is taken, 1 if none is, 2 if the routes cannot be read.
            """)

    @Option(name: .customLong("routes-file"), help: ArgumentHelp("Routes; - is standard input. Of several files the first that has an id counts.", valueName: "file"))
    var files: [String]

    @Option(help: "The request's method.")
    var method = "GET"

    @Option(name: .customLong("header"), help: ArgumentHelp("A header of the request; Host goes before the URL's.", valueName: "name:value"))
    var headers: [String] = []

    @Option(name: .customLong("client-ip"), help: ArgumentHelp("The client's address.", valueName: "ip"))
    var client = "127.0.0.1"

    @Flag(help: "As JSON.")
    var json = false

    @Flag(help: "As the proxy with -ignore-trailing-slash.")
    var ignoreTrailingSlash = false

    @Flag(help: "As the proxy with -normalize-host: lower case, no port.")
    var normalizeHost = false

    @Flag(help: "As the proxy with -rfc-patch-path.")
    var rfcPatchPath = false

    @ArgumentParser.Argument(help: ArgumentHelp("http://host/path?query, or the path and query alone.", valueName: "url"))
    var url: String

    func validate() throws {
        _ = try request
        if files.count(where: { $0 == "-" }) > 1 { throw ValidationError("only one file can be standard input") }
    }

    func run() throws {
        let explanation = try table().explain(request, ownAnswer: ProxyOptions.withoutFlags.ownAnswer)
        var output: [UInt8] = []
        if json { explanation.appendJSON(to: &output) } else { output += explanation.text.utf8 }
        StandardOutput.write(output + [UInt8(ascii: "\n")])
        if explanation.taken == nil { throw ExitCode(1) }
    }

    private var request: ExplainedRequest {
        get throws {
            guard let client = IPAddress(client) else { throw ValidationError("--client-ip \(client): not an IP address") }
            var request = ExplainedRequest()
            (request.method, request.url, request.client) = (method, url, client)
            request.normalizesHost = normalizeHost
            request.reservedStayEncoded = rfcPatchPath
            request.wallTime = clinux_wall_nanoseconds()
            do throws(ExplainedRequestError) {
                for line in headers { try request.add(header: line) }
                try request.check()
            } catch {
                throw ValidationError("\(error)")
            }
            return request
        }
    }

    /// The routes of all files; those that the proxy would leave out are told.
    private func table() throws -> RoutingTable {
        var definitions: [RouteDefinition] = []
        // Of several routes with one id the compiler takes the last.
        for file in files.reversed() { definitions += try RouteSource.routes(file, exitCode: 2) }
        var options = RoutingOptions()
        options.ignoresTrailingSlash = ignoreTrailingSlash
        options.acceptsForward = true
        let compiler = RouteCompiler(options: options, filters: .builtIn(), endpoints: EndpointRegistry())
        let update = compiler.replaceAll(with: definitions, clock: RouteClock(now: 0, wallTime: clinux_wall_nanoseconds()))
        for diagnostic in compiler.diagnostics { StandardError.write("\(diagnostic)") }
        return update.table
    }
}
