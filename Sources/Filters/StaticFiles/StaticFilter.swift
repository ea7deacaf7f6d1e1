internal import Bytes
internal import Glibc
internal import HTTP

/// `static`: answers with files of a directory, as Go's file server does.
///
/// The request's decoded path loses a prefix, is made clean and then names a file below the directory; `..` cannot lead
/// out of it, nor can symbolic links. Nothing is cached: files may be replaced at any time, best by renaming.
final class StaticFilter: Filter, @unchecked Sendable {
    private let prefix: [UInt8]
    private let root: [UInt8]

    init(_ reader: ArgumentReader) throws(FilterArgumentError) {
        prefix = try reader.bytes(0)
        root = try reader.bytes(1)
        var status = stat()
        guard !root.contains(0), stat(try reader.text(1), &status) == 0, status.st_mode & S_IFMT == S_IFDIR else {
            throw reader.refusal(1, "a directory")
        }
    }

    override func request(_ context: FilterContext) -> FilterAction {
        guard let url = strippedPath(context.request.decodedPath) else {
            FileAnswer.error(context, 404)
            return .serve
        }
        do throws(FileRefusal) { try serve(context, url) } catch {
            switch error {
            case .notFound: FileAnswer.error(context, 404)
            case .forbidden: FileAnswer.error(context, 403)
            case .failed: FileAnswer.error(context, 500)
            }
        }
        return .serve
    }

    /// The path behind the prefix, with a slash at its front; nil if it does not have the prefix.
    private func strippedPath(_ path: BorrowedBytes) -> [UInt8]? {
        guard path.count >= prefix.count, prefix.withUnsafeBytes({ path.slice(0, prefix.count).equals($0) }), !path.contains(0) else { return nil }
        let rest = path.slice(prefix.count, path.count)
        return rest.first == UInt8(ascii: "/") ? Array(rest) : [UInt8(ascii: "/")] + rest
    }

    private func serve(_ context: FilterContext, _ url: [UInt8]) throws(FileRefusal) {
        // One file, one URL: that of its directory.
        if url.hasSuffix("/index.html") { return FileAnswer.redirect(context, to: Array("./".utf8)) }
        let path = StaticFilter.clean(url)
        let file = try OpenedFile.open(path, below: root)
        let endsInSlash = path.isEmpty || url.last == UInt8(ascii: "/")
        if file.isDirectory != endsInSlash {
            let name = DirectoryListing.reference(to: Array(path[(path.lastIndex(of: UInt8(ascii: "/")).map { $0 + 1 } ?? 0)...]))
            return FileAnswer.redirect(context, to: file.isDirectory ? name + "/".utf8 : Array("../".utf8) + name)
        }
        guard file.isDirectory else { return FileAnswer(context, file, path).send() }
        try serveDirectory(context, file, path)
    }

    private func serveDirectory(_ context: FilterContext, _ directory: consuming OpenedFile, _ path: [UInt8]) throws(FileRefusal) {
        let index = path + (path.isEmpty ? "index.html" : "/index.html").utf8
        if let file = try? OpenedFile.open(index, below: root), !file.isDirectory { return FileAnswer(context, file, index).send() }
        FileAnswer.list(context, directory)
    }

    /// The path relative to the root without empty, `.` and `..` segments; those that lead above the root end there.
    static func clean(_ url: [UInt8]) -> [UInt8] {
        var segments: [ArraySlice<UInt8>] = []
        for segment in url.split(separator: UInt8(ascii: "/")) {
            if segment.elementsEqual("..".utf8) { _ = segments.popLast() } else if !segment.elementsEqual(".".utf8) { segments.append(segment) }
        }
        return Array(segments.joined(separator: [UInt8(ascii: "/")]))
    }
}

extension [UInt8] {
    fileprivate func hasSuffix(_ text: StaticString) -> Bool {
        count >= text.utf8CodeUnitCount && suffix(text.utf8CodeUnitCount).elementsEqual(BorrowedBytes(text))
    }
}
