import ArgumentParser
import Eskip

/// Says everything that is wrong with route files, as the proxy would find it.
struct CheckCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check", abstract: "Find every error in route files.",
        discussion: """
            Reports what the proxy would refuse: syntax, unknown filters and predicates, bad arguments, bad backends. \
            Errors go to standard error as file:line:column: message, with the line and a caret. Exits 1 if there are any.
            """)

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
        let routeCheck = RouteCheck()
        for warning in routeCheck.repetitions(in: parsed.document) { StandardError.write(warning.rendered) }
        let errors = routeCheck.errors(in: parsed)
        for error in errors { StandardError.write(error.rendered) }
        if parsed.isTruncated { StandardError.write("\(parsed.document.sourceName): too many errors; the rest was not read") }
        if errors.isEmpty { print("\(parsed.document.sourceName): \(parsed.document.count) routes, no errors") }
        return errors.count
    }
}
