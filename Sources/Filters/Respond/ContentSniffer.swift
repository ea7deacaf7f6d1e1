internal import Bytes

/// Tells a body's media type by its first bytes, as browsers and Go's `http.DetectContentType` do (WHATWG MIME sniffing).
enum ContentSniffer {
    /// Bytes looked at.
    static let bytesMax = 512

    /// Never empty: text unless a byte is found that no text has.
    static func mediaType(of body: BorrowedBytes) -> StaticString {
        let head = body.slice(0, min(body.count, bytesMax))
        let text = head.slice(head.firstIndex { !isWhiteSpace($0) } ?? head.count, head.count)
        if htmlTags.contains(where: { startsWithTag(text, $0) }) { return "text/html; charset=utf-8" }
        if text.hasPrefix("<?xml") { return "text/xml; charset=utf-8" }
        for signature in signatures where signature.matches(head) { return signature.mediaType }
        if isMP4(head) { return "video/mp4" }
        return head.contains(where: isBinary) ? "application/octet-stream" : "text/plain; charset=utf-8"
    }

    static func mediaType(of body: [UInt8]) -> StaticString { body.withUnsafeBytes { mediaType(of: $0) } }

    private static let htmlTags: [StaticString] = [
        "<!DOCTYPE HTML", "<HTML", "<HEAD", "<SCRIPT", "<IFRAME", "<H1", "<DIV", "<FONT", "<TABLE", "<A", "<STYLE", "<TITLE", "<B",
        "<BODY", "<BR", "<P", "<!--",
    ]

    /// The tag must end, so that `<Apple` is no `<A`.
    private static func startsWithTag(_ text: BorrowedBytes, _ tag: StaticString) -> Bool {
        let length = tag.utf8CodeUnitCount
        guard text.count > length, text.slice(0, length).equalsIgnoringCase(tag) else { return false }
        return text[length] == 0x20 || text[length] == UInt8(ascii: ">")
    }

    private static func isWhiteSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0C || byte == 0x0D }

    private static func isBinary(_ byte: UInt8) -> Bool {
        byte < 0x20 && !isWhiteSpace(byte) && byte != 0x1B
    }

    /// An `ftyp` box that names a brand `mp4…`, MIME sniffing §6.2.1.
    private static func isMP4(_ head: BorrowedBytes) -> Bool {
        guard head.count >= 12, head.slice(4, 8).equals("ftyp") else { return false }
        let boxSize = Int(head[0]) << 24 | Int(head[1]) << 16 | Int(head[2]) << 8 | Int(head[3])
        guard boxSize <= head.count, boxSize % 4 == 0 else { return false }
        // The version at 12 is no brand.
        return stride(from: 8, to: boxSize, by: 4).contains { $0 != 12 && head.slice($0, $0 + 3).equals("mp4") }
    }
}

/// Bytes that a file of some type begins with.
private struct Signature: Sendable {
    /// nil stands for any byte.
    let pattern: [UInt8?]
    let mediaType: StaticString

    init(_ mediaType: StaticString, _ pattern: [UInt8?]) {
        self.pattern = pattern
        self.mediaType = mediaType
    }

    /// - Parameter tail: stands behind four arbitrary bytes, as in RIFF files.
    init(_ mediaType: StaticString, _ text: String, tail: String? = nil) {
        var pattern = text.utf8.map(Optional.some)
        if let tail { pattern += [nil, nil, nil, nil] + tail.utf8.map(Optional.some) }
        self.init(mediaType, pattern)
    }

    func matches(_ head: BorrowedBytes) -> Bool {
        guard head.count >= pattern.count else { return false }
        for (index, byte) in pattern.enumerated() where byte != nil && byte != head[index] { return false }
        return true
    }
}

private let signatures: [Signature] = [
    Signature("application/pdf", "%PDF-"),
    Signature("application/postscript", "%!PS-Adobe-"),
    Signature("text/plain; charset=utf-16be", [0xFE, 0xFF, nil, nil]),
    Signature("text/plain; charset=utf-16le", [0xFF, 0xFE, nil, nil]),
    Signature("text/plain; charset=utf-8", [0xEF, 0xBB, 0xBF, nil]),
    Signature("image/x-icon", [0, 0, 1, 0]),
    Signature("image/x-icon", [0, 0, 2, 0]),
    Signature("image/bmp", "BM"),
    Signature("image/gif", "GIF87a"),
    Signature("image/gif", "GIF89a"),
    Signature("image/webp", "RIFF", tail: "WEBPVP"),
    Signature("image/png", [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]),
    Signature("image/jpeg", [0xFF, 0xD8, 0xFF]),
    Signature("audio/aiff", "FORM", tail: "AIFF"),
    Signature("audio/mpeg", "ID3"),
    Signature("application/ogg", "OggS\0"),
    Signature("audio/midi", "MThd\0\0\0\u{6}"),
    Signature("video/avi", "RIFF", tail: "AVI "),
    Signature("audio/wave", "RIFF", tail: "WAVE"),
    Signature("video/webm", [0x1A, 0x45, 0xDF, 0xA3]),
    Signature("application/vnd.ms-fontobject", Array(repeating: nil, count: 34) + "LP".utf8.map(Optional.some)),
    Signature("font/ttf", [0, 1, 0, 0]),
    Signature("font/otf", "OTTO"),
    Signature("font/collection", "ttcf"),
    Signature("font/woff", "wOFF"),
    Signature("font/woff2", "wOF2"),
    Signature("application/x-gzip", [0x1F, 0x8B, 0x08]),
    Signature("application/zip", "PK\u{3}\u{4}"),
    Signature("application/x-rar-compressed", "Rar!\u{1A}\u{7}\0"),
    Signature("application/x-rar-compressed", "Rar!\u{1A}\u{7}\u{1}\0"),
    Signature("application/wasm", "\0asm"),
]
