import ArgumentParser
import Eskip

/// Prints routes as the proxy reads them.
struct PrintCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "print", abstract: "Print the routes of a file, one per line.",
        discussion: "Comments go, and predicates come in their usual order. Exits 1 if the file has errors.")

    @Flag(help: "As JSON.")
    var json = false

    @Flag(help: "With each filter on a line of its own.")
    var pretty = false

    @ArgumentParser.Argument(help: ArgumentHelp("A route file; - is standard input.", valueName: "file"))
    var file: String

    func validate() throws {
        if json && pretty { throw ValidationError("--json and --pretty exclude each other") }
    }

    func run() throws {
        let document = try RouteSource.routes(file, exitCode: 1)
        var output: [UInt8] = []
        if json {
            RouteJSON().append(routes: document, to: &output)
        } else {
            (pretty ? RoutePrinter.pretty : .compact).append(routes: document, to: &output)
        }
        if output.last != UInt8(ascii: "\n"), !output.isEmpty { output.append(UInt8(ascii: "\n")) }
        StandardOutput.write(output)
    }
}
