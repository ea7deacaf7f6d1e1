internal import Bytes
internal import CLinux
internal import Glibc
internal import Net

/// Why a file could not be read.
enum FileProblem: Error, Equatable {
    case missing
    case unreadable(SystemError)
    /// A directory, a pipe, a device.
    case notAFile(String)
    case tooLarge(Int)
    /// It changed while it was read.
    case unsettled

    var reason: String {
        switch self {
        case .missing: "no such file; it is waited for"
        case .unreadable(let error): "cannot be read: \(error)"
        case .notAFile(let kind): "is \(kind), where a file of routes is expected"
        case .tooLarge(let count): "has \(count) bytes; a file of routes has \(DataClientLimits.documentBytesMax) at most"
        case .unsettled: "is being written"
        }
    }
}

/// What tells whether a file may have changed without reading it.
struct FileSignature: Equatable {
    let device, inode: UInt64
    let byteCount: Int
    /// Nanoseconds since 1970.
    let modifiedAt, changedAt: Int

    fileprivate init(_ facts: stat) {
        device = UInt64(facts.st_dev)
        inode = UInt64(facts.st_ino)
        byteCount = Int(facts.st_size)
        modifiedAt = facts.st_mtim.tv_sec * 1_000_000_000 + facts.st_mtim.tv_nsec
        changedAt = facts.st_ctim.tv_sec * 1_000_000_000 + facts.st_ctim.tv_nsec
    }

    /// Of the file at a path, symbolic links followed.
    static func of(path: String) -> Result<FileSignature, FileProblem> {
        var facts = stat()
        guard stat(path, &facts) == 0 else { return .failure(FileProblem(errno)) }
        return .success(FileSignature(facts))
    }

    /// Whether the file was written so lately that its writer may not be done. Times to come count as long ago: clocks differ.
    func isFresh(now: UInt64) -> Bool {
        let age = Int(now) - max(modifiedAt, changedAt)
        return age >= 0 && age < Int(DataClientLimits.quietNanoseconds)
    }
}

extension FileProblem {
    fileprivate init(_ number: Int32) {
        self = number == ENOENT || number == ENOTDIR ? .missing : .unreadable(SystemError(number))
    }
}

/// An open route file; closes itself. Reading blocks the control loop for as long as the disk takes, never for a peer.
struct RouteFile: ReadableText, ~Copyable {
    private let descriptor: FileDescriptor
    let signature: FileSignature
    /// Empty until something is compared.
    private var buffer = UnsafeMutableRawBufferPointer(start: nil, count: 0)
    /// Where the buffer's bytes stand in the file.
    private var buffered = 0..<0

    var count: Int { signature.byteCount }

    init(path: String) throws(FileProblem) {
        // Without O_NONBLOCK a pipe in the file's place would stop the loop until somebody writes to it.
        let number = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard number >= 0 else { throw FileProblem(errno) }
        let descriptor = FileDescriptor(owning: number)
        let signature = try Self.signature(of: number)
        self.descriptor = descriptor
        self.signature = signature
    }

    deinit { buffer.deallocate() }

    /// Throws if the file is none to read routes from.
    private static func signature(of number: Int32) throws(FileProblem) -> FileSignature {
        var facts = stat()
        guard fstat(number, &facts) == 0 else { throw FileProblem(errno) }
        if let kind = kind(facts.st_mode) { throw .notAFile(kind) }
        let signature = FileSignature(facts)
        guard signature.byteCount <= DataClientLimits.documentBytesMax else { throw .tooLarge(signature.byteCount) }
        return signature
    }

    /// What it is if it is no regular file.
    private static func kind(_ mode: mode_t) -> String? {
        switch mode & S_IFMT {
        case S_IFREG: nil
        case S_IFDIR: "a directory"
        case S_IFIFO: "a pipe"
        default: "a device or socket"
        }
    }

    /// Throws if somebody wrote to the file since it was opened.
    func checkSettled() throws(FileProblem) {
        let now = try Self.signature(of: descriptor.number)
        if now.modifiedAt != signature.modifiedAt || now.byteCount != signature.byteCount { throw .unsettled }
    }

    mutating func bytes(at offset: Int, atLeast count: Int) throws(FileProblem) -> BorrowedBytes {
        let end = min(offset + count, self.count)
        if offset < buffered.lowerBound || end > buffered.upperBound {
            let wanted = min(max(count, DataClientLimits.fileBufferBytes), self.count - offset)
            makeRoom(wanted)
            buffered = 0..<0
            try read(offset, UnsafeMutableRawBufferPointer(rebasing: buffer[..<wanted]))
            buffered = offset..<offset + wanted
        }
        return BorrowedBytes(buffer).slice(offset - buffered.lowerBound, buffered.count)
    }

    private mutating func makeRoom(_ count: Int) {
        guard buffer.count < count else { return }
        buffer.deallocate()
        buffer = .allocate(byteCount: count, alignment: 4096)
    }

    mutating func copy(_ range: Range<Int>) throws(FileProblem) -> [UInt8] {
        var problem: FileProblem?
        let bytes = [UInt8](unsafeUninitializedCapacity: range.count) { target, count in
            do throws(FileProblem) {
                try read(range.lowerBound, UnsafeMutableRawBufferPointer(rebasing: UnsafeMutableRawBufferPointer(target)[..<range.count]))
                count = range.count
            } catch {
                problem = error
            }
        }
        if let problem { throw problem }
        return bytes
    }

    private func read(_ offset: Int, _ target: UnsafeMutableRawBufferPointer) throws(FileProblem) {
        var done = 0
        while done < target.count {
            let result = pread(descriptor.number, target.baseAddress! + done, target.count - done, offset + done)
            if result == 0 { throw .unsettled }
            if result < 0, errno != EINTR { throw FileProblem(errno) }
            done += max(result, 0)
        }
    }
}
