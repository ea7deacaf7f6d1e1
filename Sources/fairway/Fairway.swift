import CLinux
import Glibc

@main
enum Fairway {
    /// Flags belong to the proxy, words are commands; a word that is none is refused with the flags' other mistakes.
    static func main() {
        let arguments = Array(CommandLine.arguments.dropFirst())
        if arguments.first == "serve" { exit(Serve.run(Array(arguments.dropFirst()))) }
        if let word = arguments.first, FairwayCommand.isCommand(word) { FairwayCommand.runAndExit(arguments) }
        exit(Serve.run(arguments))
    }
}
