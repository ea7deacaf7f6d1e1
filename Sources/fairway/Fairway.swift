import CLinux
import Glibc

@main
enum Fairway {
    static func main() {
        var arguments = Array(CommandLine.arguments.dropFirst())
        if arguments.first == "serve" { arguments.removeFirst() }
        exit(Serve.run(arguments))
    }
}
