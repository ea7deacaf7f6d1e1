import CLinux
import Glibc
import Config
import DataClients
import Logging
import Net

/// The main job: serves until a signal ends it.
enum Serve {
    /// - Returns: the exit status, unless the end came by a signal: then the process has ended.
    static func run(_ arguments: [String]) -> Int32 {
        clinux_ignore_broken_pipes()
        switch Configuration.parse(arguments: arguments, environment: environment(), readFile: readFile) {
        case .printHelp:
            print(FlagReference.help())
            return 0
        case .printVersion:
            print("fairway \(Version.text)")
            return 0
        case .refused(let errors):
            for error in errors { StandardError.write("fairway: \(error)") }
            return 2
        case .serve(let configuration, let warnings): return serve(configuration, warnings)
        }
    }

    private static func serve(_ configuration: Configuration, _ warnings: [ConfigurationDiagnostic]) -> Int32 {
        let signals = Shutdown.receiveSignals()
        do {
            let assembly = try Assembly(configuration)
            for warning in warnings { assembly.log.warning("\(warning)") }
            let shutdown = Shutdown(assembly, signals: signals)
            try assembly.run(shutdown)
            assembly.finish()
            // Workers may be amid requests: `exit` would take what they use away from under them, OpenSSL's locks first.
            withExtendedLifetime(assembly) { _exit(0) }
        } catch let error as DataClientOptionError {
            for reason in error.reasons { StandardError.write("fairway: \(reason)") }
            return 2
        } catch {
            StandardError.write("fairway: \(error)")
            return 1
        }
    }

    private static func readFile(_ path: String) -> Result<[UInt8], ConfigurationFileError> {
        ReadFile.bytes(path).mapError { ConfigurationFileError($0.description) }
    }

    private static func environment() -> [String: String] {
        var result: [String: String] = [:]
        var entry = clinux_environment()
        while let text = entry?.pointee {
            let pair = String(cString: text).split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            if pair.count == 2 { result[String(pair[0])] = String(pair[1]) }
            entry = entry?.advanced(by: 1)
        }
        return result
    }
}

enum Version {
    static let text = "0.1.0"
}

enum StandardError {
    static func write(_ line: String) {
        var text = line + "\n"
        _ = text.withUTF8 { clinux_write(2, $0.baseAddress, $0.count) }
    }
}

enum StandardOutput {
    static func write(_ bytes: [UInt8]) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { clinux_write(1, $0.baseAddress, $0.count) }
            guard count > 0 else { return }
            rest = rest.dropFirst(Int(count))
        }
    }
}
