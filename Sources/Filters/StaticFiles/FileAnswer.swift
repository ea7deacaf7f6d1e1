internal import Bytes
internal import HTTP

/// The answer with a file: preconditions (RFC 9110 §13), ranges (§14) and the head's fields.
///
/// Files have a date but no entity tag, so conditions with tags other than `*` never hold.
struct FileAnswer: ~Copyable {
    private let context: FilterContext
    private let file: OpenedFile
    private let path: [UInt8]

    init(_ context: FilterContext, _ file: consuming OpenedFile, _ path: [UInt8]) {
        self.context = context
        self.file = file
        self.path = path
    }

    /// Fills the context's response.
    consuming func send() {
        switch FilePreconditions.check(context, modified: file.modified) {
        case .failed: return FileAnswer.error(context, 412)
        case .notModified:
            context.respond(status: 304)
            return FileAnswer.setDate(context, file.modified)
        case .hold: break
        }
        guard let mediaType = mediaType() else { return FileAnswer.error(context, 500) }
        switch ranges() {
        case .all: sendWhole(mediaType)
        case .some(let ranges) where ranges.count == 1: sendRange(ranges[0], mediaType)
        case .some(let ranges): sendRanges(ranges, mediaType)
        case .unsatisfiable:
            FileAnswer.error(context, 416)
            FileAnswer.set(context, FileFields.contentRange, "bytes */\(file.size)")
        }
    }

    private func ranges() -> RequestedRanges {
        // RFC 9110 §14.2: for GET alone.
        guard context.request.method == .get, let field = context.request.headers.first(FileFields.range),
            FilePreconditions.allowsRange(context, modified: file.modified) else { return .all }
        return RequestedRanges(field, size: file.size)
    }

    /// By the name, else by the first bytes; nil if these cannot be read.
    private func mediaType() -> StaticString? {
        if let mediaType = FileMediaTypes.mediaType(ofName: path) { return mediaType }
        var head = ByteBuffer()
        guard file.read(ContentSniffer.bytesMax, at: 0, into: &head) != nil else { return nil }
        return ContentSniffer.mediaType(of: head.readable)
    }

    // MARK: Bodies

    private consuming func sendWhole(_ mediaType: StaticString) {
        let size = file.size
        respond(200, [.file(start: 0, count: size)], BorrowedBytes(mediaType).text)
    }

    private consuming func sendRange(_ range: Range<UInt64>, _ mediaType: StaticString) {
        let (context, contentRange) = (context, FileAnswer.contentRange(range, file.size))
        respond(206, [.file(start: range.lowerBound, count: UInt64(range.count))], BorrowedBytes(mediaType).text)
        FileAnswer.set(context, FileFields.contentRange, contentRange)
    }

    /// `multipart/byteranges`, RFC 9110 §14.6.
    private consuming func sendRanges(_ ranges: [Range<UInt64>], _ mediaType: StaticString) {
        let boundary = String(context.services.randomWord(), radix: 36) + String(context.services.randomWord(), radix: 36)
        var parts: [FileBody.Part] = []
        for (index, range) in ranges.enumerated() {
            let head = """
                \(index == 0 ? "" : "\r\n")--\(boundary)\r\nContent-Range: \(FileAnswer.contentRange(range, file.size))\r\n\
                Content-Type: \(BorrowedBytes(mediaType).text)\r\n\r\n
                """
            parts.append(.text(Array(head.utf8)))
            parts.append(.file(start: range.lowerBound, count: UInt64(range.count)))
        }
        parts.append(.text(Array("\r\n--\(boundary)--\r\n".utf8)))
        respond(206, parts, "multipart/byteranges; boundary=\(boundary)")
    }

    private static func contentRange(_ range: Range<UInt64>, _ size: UInt64) -> String {
        "bytes \(range.lowerBound)-\(range.upperBound - 1)/\(size)"
    }

    private consuming func respond(_ status: UInt16, _ parts: [FileBody.Part], _ mediaType: String) {
        let (context, modified) = (context, file.modified)
        let length = parts.reduce(0) { $0 + $1.count }
        context.respond(status: status, body: .producer(FileBody(file, parts), length: length))
        mediaType.withBytes { context.response.headers.set(.contentType, $0) }
        FileAnswer.set(context, FileFields.acceptRanges, "bytes")
        FileAnswer.setDate(context, modified)
    }

    // MARK: Answers without a file

    /// The directory's page, unless the client has it.
    static func list(_ context: FilterContext, _ directory: borrowing OpenedFile) {
        if FilePreconditions.isUnmodified(context, modified: directory.modified) {
            context.respond(status: 304)
        } else if let page = DirectoryListing.page(of: directory) {
            context.respond(status: 200, body: .bytes(page))
            context.response.headers.set(.contentType, BorrowedBytes("text/html; charset=utf-8"))
        } else {
            return error(context, 500)
        }
        setDate(context, directory.modified)
    }

    /// 301 to a reference relative to the client's URL, whose query stays.
    static func redirect(_ context: FilterContext, to reference: [UInt8]) {
        let query = context.request.query
        let target = query.isEmpty ? reference : reference + "?".utf8 + query
        context.respond(status: 301)
        target.withUnsafeBytes { context.response.headers.set(KnownField.location, $0) }
    }

    static func error(_ context: FilterContext, _ status: UInt16) {
        let text: StaticString = switch status {
        case 404: "404 page not found\n"
        case 403: "403 Forbidden\n"
        case 412: "412 Precondition Failed\n"
        case 416: "416 Requested Range Not Satisfiable\n"
        default: "500 Internal Server Error\n"
        }
        context.respond(status: status, body: .bytes(Array(BorrowedBytes(text))))
        context.response.headers.set(.contentType, BorrowedBytes("text/plain; charset=utf-8"))
        set(context, FileFields.contentTypeOptions, "nosniff")
    }

    private static func setDate(_ context: FilterContext, _ modified: Int64) {
        // Like Go: a file dated 1970 has no date that means anything.
        guard modified > 0 else { return }
        var date = HTTPDate()
        date.withText(UInt64(modified) * 1_000_000_000) { context.response.headers.set(.lastModified, $0) }
    }

    private static func set(_ context: FilterContext, _ name: FieldName, _ value: String) {
        value.withBytes { context.response.headers.set(name, $0) }
    }
}

/// Fields that only file answers deal with.
enum FileFields {
    static let acceptRanges = FieldName("Accept-Ranges")
    static let contentRange = FieldName("Content-Range")
    static let contentTypeOptions = FieldName("X-Content-Type-Options")
    static let range = FieldName("Range")
    static let ifRange = FieldName("If-Range")
    static let ifMatch = FieldName("If-Match")
    static let ifNoneMatch = FieldName("If-None-Match")
    static let ifModifiedSince = FieldName("If-Modified-Since")
    static let ifUnmodifiedSince = FieldName("If-Unmodified-Since")
}

/// What a request demands of a file that has a date and no entity tag, in the order of RFC 9110 §13.2.2.
enum FilePreconditions {
    enum Result { case hold, notModified, failed }

    static func check(_ context: FilterContext, modified: Int64) -> Result {
        if let match = context.request.headers.first(FileFields.ifMatch) {
            if !match.trimmed.equals("*") { return .failed }
        } else if let date = date(context, FileFields.ifUnmodifiedSince), modified > date {
            return .failed
        }
        let isRead = context.request.method == .get || context.request.method == .head
        if let match = context.request.headers.first(FileFields.ifNoneMatch) {
            guard match.trimmed.equals("*") else { return .hold }
            return isRead ? .notModified : .failed
        }
        return isUnmodified(context, modified: modified) ? .notModified : .hold
    }

    /// If-Modified-Since, which counts for GET and HEAD only and not beside If-None-Match.
    static func isUnmodified(_ context: FilterContext, modified: Int64) -> Bool {
        guard context.request.method == .get || context.request.method == .head, modified > 0,
            let date = date(context, FileFields.ifModifiedSince) else { return false }
        return modified <= date
    }

    /// Whether a Range counts: with If-Range only for the very version the client has a part of.
    static func allowsRange(_ context: FilterContext, modified: Int64) -> Bool {
        guard context.request.headers.first(FileFields.ifRange) != nil else { return true }
        return date(context, FileFields.ifRange) == modified
    }

    private static func date(_ context: FilterContext, _ name: FieldName) -> Int64? {
        context.request.headers.first(name).flatMap { HTTPDate.parse($0) }
    }
}
