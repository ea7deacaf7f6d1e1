import Config
import Filters
import Logging
import Synchronization

/// Secrets that routes name by the path of their file, below `-credentials-paths`. Files are read when a route first names
/// them and again at intervals; one that cannot be read any more keeps its last value.
final class FileSecrets: SecretRegistry {
    static let bytesMax = 1 << 20

    private struct Entry {
        /// Held by the filters that use it.
        weak var secret: Secret?
        var reported: String?
    }

    private let paths: [String]
    private let log: Logger
    private let entries = Mutex<[String: Entry]>([:])

    /// - Parameter paths: files, and folders whose files may all be named.
    init(paths: [String], log: Logger) {
        self.paths = paths.map { $0.count > 1 && $0.hasSuffix("/") ? String($0.dropLast()) : $0 }
        self.log = log
    }

    func secret(named name: String) -> Secret {
        entries.withLock { entries in
            if let known = entries[name]?.secret { return known }
            let secret = Secret()
            var entry = Entry(secret: secret)
            read(name, into: &entry)
            entries[name] = entry
            return secret
        }
    }

    /// Reads all files again, and forgets those that no route names any more.
    func refresh() {
        entries.withLock { entries in
            for name in Array(entries.keys) {
                guard var entry = entries[name], entry.secret != nil else {
                    entries[name] = nil
                    continue
                }
                read(name, into: &entry)
                entries[name] = entry
            }
        }
    }

    private func read(_ name: String, into entry: inout Entry) {
        do throws(SecretProblem) {
            entry.secret?.update(try value(name))
            entry.reported = nil
        } catch {
            if error.description != entry.reported { log.warning("secret \(name): \(error)") }
            entry.reported = error.description
        }
    }

    private func value(_ name: String) throws(SecretProblem) -> [UInt8] {
        guard allows(name) else { throw SecretProblem("it does not stand below -credentials-paths") }
        switch ReadFile.bytes(name) {
        case .failure(let error): throw SecretProblem(error.description)
        case .success(let bytes) where bytes.count > FileSecrets.bytesMax: throw SecretProblem("more than \(FileSecrets.bytesMax) bytes")
        case .success(let bytes): return bytes.last == UInt8(ascii: "\n") ? Array(bytes.dropLast()) : bytes
        }
    }

    private func allows(_ name: String) -> Bool {
        if name.split(separator: "/").contains("..") { return false }
        return paths.contains { name == $0 || name.hasPrefix($0 == "/" ? $0 : $0 + "/") }
    }
}

private struct SecretProblem: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}
