/// Text with `${…}` placeholders (eskip.md §7), taken apart once so that a request only copies bytes.
///
/// A placeholder is `${`, one or more bytes other than `{` and `}`, and `}`; anything else is text.
public struct Template: Sendable {
    /// One piece: literal text, then the value of a placeholder. The last piece has none if the text ends in a literal.
    private struct Piece: Sendable {
        let literal: Range<Int>
        let placeholder: Placeholder?
    }

    private let bytes: [UInt8]
    private let pieces: [Piece]

    public init(_ text: String) {
        self.init(bytes: Array(text.utf8))
    }

    public init(bytes: [UInt8]) {
        self.bytes = bytes
        pieces = Template.pieces(of: bytes)
    }

    /// The placeholders in the order of the text.
    public var placeholders: [Placeholder] { pieces.compactMap(\.placeholder) }

    /// Whether the text has no placeholder, so that every expansion is the text itself.
    public var isConstant: Bool { pieces.allSatisfy { $0.placeholder == nil } }

    /// The text as given.
    public var text: String { String(decoding: bytes, as: UTF8.self) }

    /// Appends the text to `sink`, each placeholder replaced by its value.
    ///
    /// - Returns: whether every placeholder had a value that was not empty. The others became nothing, and what that
    ///   means is for the filter to decide.
    /// - Complexity: O(bytes appended) and one question per placeholder; allocates nothing itself.
    public func expand<Values: TemplateValues & ~Copyable & ~Escapable, Sink: TemplateSink & ~Copyable & ~Escapable>(
        from values: borrowing Values, into sink: inout Sink
    ) -> Bool {
        var isResolved = true
        bytes.withUnsafeBytes { bytes in
            for piece in pieces {
                if !piece.literal.isEmpty { sink.append(UnsafeRawBufferPointer(rebasing: bytes[piece.literal])) }
                guard let placeholder = piece.placeholder else { continue }
                if !values.appendValue(of: placeholder, to: &sink) { isResolved = false }
            }
        }
        return isResolved
    }
}

/// What a placeholder stands for. Names are compared as they stand, except that header names ignore case.
public enum Placeholder: Hashable, Sendable {
    case requestMethod
    case requestHost
    /// The decoded path, with the changes filters made.
    case requestPath
    /// Without `?`.
    case requestRawQuery
    /// The client's address: the first element of X-Forwarded-For if valid, else the TCP peer.
    case requestSource
    /// The client's address: the last element of X-Forwarded-For, else the TCP peer.
    case requestSourceFromLast
    /// The TCP peer's address.
    case requestClientIP
    /// The first value; always nothing for `Host`.
    case requestHeader(PlaceholderName)
    case requestQuery(PlaceholderName)
    case requestCookie(PlaceholderName)
    /// The first value; nothing before there is a response.
    case responseHeader(PlaceholderName)
    /// A path parameter.
    case parameter(PlaceholderName)
}

/// The name inside a placeholder, as bytes, so that a lookup per request needs no `String`.
public struct PlaceholderName: Hashable, Sendable, ExpressibleByStringLiteral, CustomStringConvertible {
    public let bytes: [UInt8]

    public init(bytes: [UInt8]) { self.bytes = bytes }
    public init(stringLiteral text: String) { bytes = Array(text.utf8) }
    public var description: String { String(decoding: bytes, as: UTF8.self) }
}

/// Where an expansion goes.
public protocol TemplateSink: ~Copyable, ~Escapable {
    mutating func append(_ bytes: UnsafeRawBufferPointer)
}

extension [UInt8]: TemplateSink {
    public mutating func append(_ bytes: UnsafeRawBufferPointer) { append(contentsOf: bytes) }
}

/// Who knows the values of placeholders: a filter's context.
public protocol TemplateValues: ~Copyable, ~Escapable {
    /// Appends the value to `sink`, verbatim.
    ///
    /// - Returns: false if there is no value or it is empty; then nothing was appended.
    func appendValue<Sink: TemplateSink & ~Copyable & ~Escapable>(of placeholder: Placeholder, to sink: inout Sink) -> Bool
}

// MARK: - Taking apart

extension Template {
    private static func pieces(of bytes: [UInt8]) -> [Piece] {
        var pieces: [Piece] = []
        var literalStart = 0, offset = 0
        while offset < bytes.count {
            guard let key = placeholderKey(in: bytes, at: offset) else {
                offset += 1
                continue
            }
            pieces.append(Piece(literal: literalStart..<offset, placeholder: Placeholder(key: bytes[key])))
            offset = key.upperBound + 1
            literalStart = offset
        }
        if literalStart < bytes.count { pieces.append(Piece(literal: literalStart..<bytes.count, placeholder: nil)) }
        return pieces
    }

    /// The key of the placeholder that begins at `offset`, if one does.
    private static func placeholderKey(in bytes: [UInt8], at offset: Int) -> Range<Int>? {
        guard bytes[offset] == UInt8(ascii: "$"), offset + 1 < bytes.count, bytes[offset + 1] == UInt8(ascii: "{")
        else { return nil }
        let start = offset + 2
        let end = bytes[start...].firstIndex { $0 == UInt8(ascii: "{") || $0 == UInt8(ascii: "}") }
        guard let end, end > start, bytes[end] == UInt8(ascii: "}") else { return nil }
        return start..<end
    }
}

extension Placeholder {
    private static let words: [(key: String, placeholder: Placeholder)] = [
        ("request.method", .requestMethod), ("request.host", .requestHost), ("request.path", .requestPath),
        ("request.rawQuery", .requestRawQuery), ("request.source", .requestSource),
        ("request.sourceFromLast", .requestSourceFromLast), ("request.clientIP", .requestClientIP),
    ]

    private static let prefixes: [(key: String, make: @Sendable (PlaceholderName) -> Placeholder)] = [
        ("request.header.", { .requestHeader($0) }), ("request.query.", { .requestQuery($0) }),
        ("request.cookie.", { .requestCookie($0) }), ("response.header.", { .responseHeader($0) }),
    ]

    init(key: some Collection<UInt8>) {
        if let word = Placeholder.words.first(where: { key.elementsEqual($0.key.utf8) }) {
            self = word.placeholder
        } else if let prefix = Placeholder.prefixes.first(where: { key.starts(with: $0.key.utf8) }) {
            self = prefix.make(PlaceholderName(bytes: Array(key.dropFirst(prefix.key.utf8.count))))
        } else {
            self = .parameter(PlaceholderName(bytes: Array(key)))
        }
    }
}
