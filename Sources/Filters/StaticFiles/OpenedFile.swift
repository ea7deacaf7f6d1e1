internal import Bytes
internal import Glibc

/// Why a path has no file to serve.
enum FileRefusal: Error {
    case notFound
    /// The process may not read it.
    case forbidden
    /// The system is out of descriptors or broken.
    case failed

    init(errno code: Int32) {
        self = switch code {
        case ENOENT, ENOTDIR, ENAMETOOLONG, ELOOP: .notFound
        case EACCES, EPERM: .forbidden
        default: .failed
        }
    }
}

/// An open file or directory, closed with its owner. Together with `DirectoryListing` the only place that reads files here.
///
/// Calls may wait for the disk, so each reads a bounded piece; see `FileBody`.
struct OpenedFile: ~Copyable {
    let descriptor: Int32
    let isDirectory: Bool
    /// Bytes, as of the opening.
    let size: UInt64
    /// Last change of the contents, seconds since 1970.
    let modified: Int64

    /// Opens what `path` names below `root`.
    ///
    /// Symbolic links are followed as long as they stay below `root` (mounted ConfigMaps consist of such links); one that
    /// leads out is `notFound`, like everything that is neither a file nor a directory.
    ///
    /// - Parameter path: relative and clean: no empty, `.` or `..` segments, no NUL; empty for `root` itself.
    static func open(_ path: [UInt8], below root: [UInt8]) throws(FileRefusal) -> OpenedFile {
        let directory = try OpenedFile(Glibc.open(cString(root), O_RDONLY | O_DIRECTORY | O_CLOEXEC))
        // A pipe without a writer must not block the loop, nor a terminal become ours.
        let flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY
        let file = try OpenedFile(openat(directory.descriptor, cString(path.isEmpty ? [UInt8(ascii: ".")] : path), flags))
        // The open file's own place decides, so nothing can be exchanged between the check and the use.
        guard let rootPlace = directory.place, let place = file.place, isBelow(place, rootPlace) else { throw .notFound }
        return file
    }

    private init(_ opened: Int32) throws(FileRefusal) {
        guard opened >= 0 else { throw FileRefusal(errno: errno) }
        var status = stat()
        guard fstat(opened, &status) == 0 else {
            close(opened)
            throw .failed
        }
        let kind = status.st_mode & S_IFMT
        guard kind == S_IFREG || kind == S_IFDIR else {
            close(opened)
            throw .notFound
        }
        descriptor = opened
        isDirectory = kind == S_IFDIR
        size = UInt64(max(0, status.st_size))
        modified = Int64(status.st_mtim.tv_sec)
    }

    deinit { close(descriptor) }

    /// The absolute path without links, as the kernel knows it; nil without `/proc`.
    private var place: [UInt8]? {
        var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
        let count = readlink("/proc/self/fd/\(descriptor)", &buffer, buffer.count)
        guard count > 0, count < buffer.count else { return nil }
        return buffer[..<count].map { UInt8(bitPattern: $0) }
    }

    private static func isBelow(_ place: [UInt8], _ root: [UInt8]) -> Bool {
        if root == [UInt8(ascii: "/")] || place == root { return true }
        return place.starts(with: root) && place[root.count] == UInt8(ascii: "/")
    }

    private static func cString(_ path: [UInt8]) -> [CChar] { path.map { CChar(bitPattern: $0) } + [0] }

    /// Appends up to `count` bytes from `offset` on.
    ///
    /// - Returns: how many there were; 0 at the end of the file, nil if it cannot be read.
    func read(_ count: Int, at offset: UInt64, into output: inout ByteBuffer) -> Int? {
        var result = 0
        _ = output.append(upTo: count) { bytes in
            repeat { result = pread(descriptor, bytes.baseAddress, count, Int(offset)) } while result < 0 && errno == EINTR
            return max(0, result)
        }
        return result < 0 ? nil : result
    }
}
