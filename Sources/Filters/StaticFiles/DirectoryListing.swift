internal import Bytes
internal import Glibc
internal import HTTP

/// The page that shows what is in a directory.
enum DirectoryListing {
    /// Names shown: more would hold the loop and serve nobody.
    static let entriesMax = 5000

    /// - Returns: the page; nil if the directory cannot be read.
    static func page(of directory: borrowing OpenedFile) -> [UInt8]? {
        guard let names = names(in: directory) else { return nil }
        var page = Array("<!doctype html>\n<meta name=\"viewport\" content=\"width=device-width\">\n<pre>\n".utf8)
        for name in names {
            page += "<a href=\"".utf8
            page += reference(to: name)
            page += "\">".utf8
            appendEscaped(name, &page)
            page += "</a>\n".utf8
        }
        page += "</pre>\n".utf8
        return page
    }

    /// Sorted; those of directories end with a slash.
    private static func names(in directory: borrowing OpenedFile) -> [[UInt8]]? {
        // The stream owns and closes its descriptor, so it gets one of its own.
        let descriptor = openat(directory.descriptor, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        guard let stream = fdopendir(descriptor) else {
            close(descriptor)
            return nil
        }
        defer { closedir(stream) }
        var names: [[UInt8]] = []
        while names.count < entriesMax, let entry = readdir(stream) {
            var name = withUnsafeBytes(of: &entry.pointee.d_name) { Array($0.prefix { $0 != 0 }) }
            if name == [UInt8(ascii: ".")] || name == Array("..".utf8) { continue }
            if Int32(entry.pointee.d_type) == Int32(DT_DIR) { name.append(UInt8(ascii: "/")) }
            names.append(name)
        }
        names.sort { $0.lexicographicallyPrecedes($1) }
        return names
    }

    /// A relative reference to a name in the same directory (RFC 3986 §4.2): what looks like a scheme needs a dot segment.
    static func reference(to name: [UInt8]) -> [UInt8] {
        let encoded = [UInt8](unsafeUninitializedCapacity: max(1, name.count * 3)) { buffer, count in
            count = name.withUnsafeBytes { PathNormalizer.encode($0, to: UnsafeMutableRawBufferPointer(buffer)) }
        }
        return encoded.contains(UInt8(ascii: ":")) ? Array("./".utf8) + encoded : encoded
    }

    private static func appendEscaped(_ name: [UInt8], _ page: inout [UInt8]) {
        for byte in name {
            switch byte {
            case UInt8(ascii: "&"): page += "&amp;".utf8
            case UInt8(ascii: "<"): page += "&lt;".utf8
            case UInt8(ascii: ">"): page += "&gt;".utf8
            case UInt8(ascii: "\""): page += "&#34;".utf8
            case UInt8(ascii: "'"): page += "&#39;".utf8
            default: page.append(byte)
            }
        }
    }
}
