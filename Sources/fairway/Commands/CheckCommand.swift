import ArgumentParser
import Eskip
import Routing

/// Says everything that is wrong with route files, as the proxy would find it.
struct CheckCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check", abstract: "Find every error in route files.",
        discussion: """
            Reports what the proxy would refuse: syntax, unknown filters and predicates, bad arguments, bad backends. \
            Errors go to standard error as file:line:column: message, with the line and a caret. Exits 1 if there are any.

            With --lint also what is accepted and probably not meant: routes that are never reached, repeated ids, routes without \
            a path that others shadow, Host regexps that no index helps, filters behind one that answers, backends with a path, \
            arguments that are compared with something else than they look like. These do not change the exit status, but with \
            --strict they are errors.
            """)

    @Flag(help: "Also tell what is accepted and probably not meant.")
    var lint = false

    @Flag(help: "Like --lint, and exit 1 if it finds anything.")
    var strict = false

    @Flag(help: "Judge as the proxy with -ignore-trailing-slash.")
    var ignoreTrailingSlash = false

    @ArgumentParser.Argument(help: ArgumentHelp("Route files; - is standard input.", valueName: "file"))
    var files: [String]

    func run() throws {
        var errorCount = 0
        for file in files { errorCount += check(file) }
        if errorCount > 0 { throw ExitCode(1) }
    }

    /// - Returns: the number of errors.
    private func check(_ file: String) -> Int {
        let parsed: ParsedDocument
        do throws(UnreadableSource) {
            parsed = try RouteSource.read(file)
        } catch {
            StandardError.write("fairway: \(error)")
            return 1
        }
        var options = RoutingOptions()
        options.ignoresTrailingSlash = ignoreTrailingSlash
        let routeCheck = RouteCheck(options: options)
        let warnings = lint || strict ? routeCheck.findings(in: parsed.document) : routeCheck.repetitions(in: parsed.document)
        for warning in warnings { StandardError.write(warning.rendered) }
        let errors = routeCheck.errors(in: parsed)
        for error in errors { StandardError.write(error.rendered) }
        if parsed.isTruncated { StandardError.write("\(parsed.document.sourceName): too many errors; the rest was not read") }
        if errors.isEmpty {
            let found = lint || strict ? ", \(warnings.count) \(warnings.count == 1 ? "finding" : "findings")" : ""
            print("\(parsed.document.sourceName): \(parsed.document.count) routes, no errors\(found)")
        }
        return errors.count + (strict ? warnings.count : 0)
    }
}
