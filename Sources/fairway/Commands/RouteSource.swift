import ArgumentParser
import Eskip

/// A document of routes named on the command line.
enum RouteSource {
    /// What `-` is called in messages.
    static let standardInput = "<stdin>"

    /// Reads and parses a file, or standard input for `-`.
    ///
    /// - Throws: why it cannot be read.
    static func read(_ path: String) throws(UnreadableSource) -> ParsedDocument {
        let name = path == "-" ? standardInput : path
        let limit = EskipLimits.documentBytesMax
        switch path == "-" ? ReadFile.standardInput(atMost: limit) : ReadFile.bytes(path, atMost: limit) {
        case .success(let bytes): return RouteDocument.parse(bytes: bytes, sourceName: name)
        case .failure(let error): throw UnreadableSource(description: "\(name): \(error)")
        }
    }

    /// The routes of a file, for commands that cannot do with less than all of it.
    ///
    /// - Throws: the status to exit with, once the errors are printed.
    static func routes(_ path: String, exitCode: Int32) throws -> RouteDocument {
        do {
            let parsed = try read(path)
            for error in parsed.errors { StandardError.write(error.rendered) }
            if parsed.isValid { return parsed.document }
        } catch {
            StandardError.write("fairway: \(error)")
        }
        throw ExitCode(exitCode)
    }
}

struct UnreadableSource: Error, CustomStringConvertible {
    let description: String
}
