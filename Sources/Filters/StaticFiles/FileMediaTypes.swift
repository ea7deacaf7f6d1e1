/// Media types of files by the end of their name.
enum FileMediaTypes {
    /// - Returns: nil for an unknown ending; the contents may tell then.
    static func mediaType(ofName name: some BidirectionalCollection<UInt8>) -> StaticString? {
        guard let dot = name.lastIndex(of: UInt8(ascii: ".")) else { return nil }
        let ending = name[name.index(after: dot)...]
        guard ending.count <= endingBytesMax else { return nil }
        return types[String(decoding: ending, as: UTF8.self).lowercased()]
    }

    private static let endingBytesMax = 16

    private static let types: [String: StaticString] = [
        "avif": "image/avif", "css": "text/css; charset=utf-8", "csv": "text/csv; charset=utf-8", "gif": "image/gif", "gz": "application/gzip",
        "htm": "text/html; charset=utf-8", "html": "text/html; charset=utf-8", "ico": "image/vnd.microsoft.icon", "jpeg": "image/jpeg",
        "jpg": "image/jpeg", "js": "text/javascript; charset=utf-8", "json": "application/json", "map": "application/json",
        "md": "text/markdown; charset=utf-8", "mjs": "text/javascript; charset=utf-8", "mp3": "audio/mpeg", "mp4": "video/mp4",
        "otf": "font/otf", "pdf": "application/pdf", "png": "image/png", "svg": "image/svg+xml", "tar": "application/x-tar", "ttf": "font/ttf",
        "txt": "text/plain; charset=utf-8", "wasm": "application/wasm", "webm": "video/webm", "webmanifest": "application/manifest+json",
        "webp": "image/webp", "woff": "font/woff", "woff2": "font/woff2", "xml": "text/xml; charset=utf-8", "zip": "application/zip",
    ]
}
