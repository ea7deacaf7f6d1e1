import Glibc
import Synchronization

/// A folder for one test's files, removed with its contents; at the latest when the tests' process ends.
public final class TemporaryFolder: Sendable {
    public let path: String

    public init() throws {
        let parent = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
        var template = Array("\(parent)/fairway-test-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw SocketFailure("mkdtemp \(parent)") }
        let path = template.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
        self.path = path
        _ = TemporaryFolder.endWithTests
        TemporaryFolder.present.withLock { _ = $0.insert(path) }
    }

    deinit {
        TemporaryFolder.remove(path)
        TemporaryFolder.present.withLock { _ = $0.remove(path) }
    }

    /// Of these, the ones that a suite holds for all its tests see no `deinit`.
    private static let present = Mutex<Set<String>>([])
    private static let endWithTests: Void = {
        RunEnd.add { TemporaryFolder.present.withLock { $0.forEach(TemporaryFolder.remove) } }
    }()

    private static func remove(_ path: String) {
        for entry in folderEntries(path) {
            let child = "\(path)/\(entry.name)"
            if entry.isFolder { remove(child) } else { unlink(child) }
        }
        rmdir(path)
    }

    /// Writes a file in place.
    public func write(_ text: String, to name: String) throws {
        let file = open("\(path)/\(name)", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard file >= 0 else { throw SocketFailure("open \(name)") }
        defer { close(file) }
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(file, $0.baseAddress, $0.count) }
            guard count > 0 else { throw SocketFailure("write \(name)") }
            rest = rest.dropFirst(count)
        }
    }

    /// nil if there is no such file.
    public func text(of name: String) -> String? {
        let file = open("\(path)/\(name)", O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return nil }
        defer { close(file) }
        var bytes = [UInt8](repeating: 0, count: 1 << 20)
        let count = read(file, &bytes, bytes.count)
        return String(decoding: bytes.prefix(max(0, count)), as: UTF8.self)
    }

    /// Writes a file beside and renames it over `name`, so that readers see the old or the new one whole.
    public func replace(_ name: String, by text: String) throws {
        try write(text, to: ".\(name).new")
        guard rename("\(path)/.\(name).new", "\(path)/\(name)") == 0 else { throw SocketFailure("rename \(name)") }
    }

    public func remove(_ name: String) throws {
        guard unlink("\(path)/\(name)") == 0 else { throw SocketFailure("unlink \(name)") }
    }
}

/// One file of a test's own.
public final class TemporaryFile: Sendable {
    private let folder: TemporaryFolder
    public var path: String { "\(folder.path)/file" }

    public init(_ text: String) throws {
        folder = try TemporaryFolder()
        try write(text)
    }

    public func write(_ text: String) throws { try folder.write(text, to: "file") }

    public func remove() throws { try folder.remove("file") }
}

/// A file's contents, for `/proc` and logs; empty if it cannot be read.
public func contents(of path: String) -> String { String(decoding: bytes(of: path), as: UTF8.self) }

public func bytes(of path: String) -> [UInt8] {
    let file = open(path, O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { return [] }
    defer { close(file) }
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 64 * 1024)
    while true {
        let count = read(file, &buffer, buffer.count)
        guard count > 0 else { break }
        bytes += buffer[..<count]
    }
    return bytes
}

/// What a folder holds, in no order; nothing if it cannot be read.
public func folderEntries(_ path: String) -> [(name: String, isFolder: Bool)] {
    guard let folder = opendir(path) else { return [] }
    defer { closedir(folder) }
    var entries: [(name: String, isFolder: Bool)] = []
    while let entry = readdir(folder) {
        let name = withUnsafePointer(to: &entry.pointee.d_name) { $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) } }
        if name != ".", name != ".." { entries.append((name, entry.pointee.d_type == UInt8(DT_DIR))) }
    }
    return entries
}

/// The files below `folder` that this process holds open.
public func openFiles(below folder: String) -> [String] {
    folderEntries("/proc/self/fd").compactMap { entry in
        var target = [UInt8](repeating: 0, count: Int(PATH_MAX))
        let count = readlink("/proc/self/fd/\(entry.name)", &target, target.count)
        let path = String(decoding: target.prefix(max(0, count)), as: UTF8.self)
        return path.hasPrefix(folder + "/") ? path : nil
    }
}
