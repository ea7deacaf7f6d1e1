internal import Bytes

/// Parts of a file, with texts in between, as the client takes them.
///
/// The descriptor is open as long as the body. A read of 64 KiB waits for the disk at worst once; files that a proxy serves
/// lie in the page cache, and the kernel reads ahead of sequential readers.
final class FileBody: BodyProducer {
    enum Part {
        case text([UInt8])
        case file(start: UInt64, count: UInt64)

        var count: UInt64 {
            switch self {
            case .text(let text): UInt64(text.count)
            case .file(_, let count): count
            }
        }
    }

    /// What one call reads at most.
    static let readBytesMax = 64 * 1024

    private let file: OpenedFile
    private let parts: [Part]
    private var index = 0
    /// Bytes of the current part that are out.
    private var offset: UInt64 = 0

    init(_ file: consuming OpenedFile, _ parts: [Part]) {
        self.file = file
        self.parts = parts
    }

    func produce(upTo limit: Int, into output: inout ByteBuffer) -> BodyProduction {
        while index < parts.count, parts[index].count == offset {
            index += 1
            offset = 0
        }
        guard index < parts.count else { return .finished }
        let left = parts[index].count - offset
        let count = Int(min(left, UInt64(max(0, min(limit, FileBody.readBytesMax)))))
        switch parts[index] {
        case .text(let text):
            text.withUnsafeBytes { output.append($0.slice(Int(offset), Int(offset) + count)) }
            offset += UInt64(count)
        case .file(let start, _):
            // A file that became shorter while it is served: the length is promised already, so the body is cut.
            guard let read = file.read(count, at: start + offset, into: &output), read > 0 || count == 0 else { return .failed }
            offset += UInt64(read)
        }
        return index == parts.count - 1 && offset == parts[index].count ? .finished : .more
    }
}
