import ArgumentParser
import Bytes
import CLinux
import Config
import Net

/// Serves something to try routes with.
struct OriginCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "origin", abstract: "Run a small server to try routes with.",
        discussion: """
            Answers every request with its own name and what it was asked: method, target, fields, and how long the body was. \
            /slow?ms=N answers after N milliseconds, /status/N with that status.
            """)

    @Option(help: ArgumentHelp("Where to listen; may be repeated, one server for each.", valueName: "host:port"))
    var address: [String] = ["127.0.0.1:9000"]

    func run() throws {
        clinux_ignore_broken_pipes()
        do throws(StartError) {
            let origin = try DemoOrigin()
            for text in address {
                let bound = try origin.listen(Self.parse(text))
                StandardOutput.write(Array("origin on http://\(bound)\n".utf8))
            }
            origin.run()
        } catch {
            StandardError.write("fairway: \(error)")
            throw ExitCode(1)
        }
    }

    private static func parse(_ text: String) throws(StartError) -> SocketAddress {
        guard let address = ListenAddress(text) else { throw StartError("--address \(text): write host:port, such as 127.0.0.1:9000") }
        return try SocketAddress(listen: address)
    }
}
