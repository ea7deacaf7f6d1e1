import CLinux
import Glibc

@main
enum Fairway {
    /// Flags belong to the proxy, words are commands.
    static func main() {
        let arguments = Array(CommandLine.arguments.dropFirst())
        if arguments.first == "serve" { exit(Serve.run(Array(arguments.dropFirst()))) }
        if let word = arguments.first, !word.hasPrefix("-"), !word.isEmpty { FairwayCommand.runAndExit(arguments) }
        exit(Serve.run(arguments))
    }
}
