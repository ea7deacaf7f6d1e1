import ArgumentParser

/// Everything that is a word on the command line; flags alone are the proxy's own and go to `Serve` unseen.
struct FairwayCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fairway",
        abstract: "An HTTP reverse proxy and ingress router.",
        discussion: "Flags without a command start the proxy, as `serve` does: fairway -routes-file routes.eskip",
        subcommands: [
            ServeCommand.self, CheckCommand.self, ExplainCommand.self, PrintCommand.self, DiffCommand.self, OriginCommand.self, VersionCommand.self,
        ])

    static func isCommand(_ word: String) -> Bool {
        word == "help" || configuration.subcommands.contains { $0._commandName == word }
    }

    /// Options may have one dash, as the proxy's flags have.
    private static func withTwoDashes(_ word: String) -> String {
        word.count > 2 && word.hasPrefix("-") && !word.hasPrefix("--") ? "-" + word : word
    }

    static func runAndExit(_ arguments: [String]) -> Never {
        do {
            var command = try parseAsRoot(arguments.map(withTwoDashes))
            try command.run()
            exit()
        } catch {
            exit(withError: error)
        }
    }
}

/// Stands in the list of commands; `Fairway.main` sees to it that it never runs.
struct ServeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve", abstract: "Run the proxy. `fairway -help` lists its flags.")

    @Argument(parsing: .captureForPassthrough, help: "The proxy's flags.")
    var flags: [String] = []

    func run() throws { throw ExitCode(Serve.run(flags)) }
}

struct VersionCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "version", abstract: "Print the version.")

    func run() { print("fairway \(Version.text)") }
}
