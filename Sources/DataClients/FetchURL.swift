internal import Bytes
internal import HTTP

/// A URL of a document: where to ask, what for, and as whom.
struct FetchURL: Equatable {
    let origin: Origin
    /// Path and query.
    let target: String
    /// The value of Authorization, if the URL names a user.
    let authorization: String?

    /// Without user and password, which belong in no log.
    var description: String { origin.description + target }

    /// - Throws: what is wrong with the text, for people.
    init(_ text: String) throws(FetchFailure) {
        do throws(OriginError) {
            origin = try Origin.parse(text)
        } catch {
            throw .badURL(FetchURL.withoutUser(text), error.reason)
        }
        guard origin.scheme == .http || origin.scheme == .https else { throw .unsupportedScheme(FetchURL.withoutUser(text)) }
        let rest = FetchURL.rest(text)
        let end = rest.firstIndex { "/?#".contains($0) } ?? rest.endIndex
        let suffix = rest[end...].prefix { $0 != "#" }
        guard suffix.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
            throw .badURL(FetchURL.withoutUser(text), "blanks and characters that are not ASCII are written percent-encoded in a URL")
        }
        target = suffix.hasPrefix("/") ? String(suffix) : "/" + suffix
        authorization = rest[..<end].lastIndex(of: "@").map { at in
            "Basic " + Base64.encode(FetchURL.percentDecoded(rest[..<at]))
        }
    }

    /// What is wrong with URLs of a flag, one line each.
    static func problems(_ texts: [String], flag: String) -> [String] {
        texts.compactMap { text in
            do throws(FetchFailure) {
                _ = try FetchURL(text)
                return nil
            } catch {
                return "-\(flag) \"\(withoutUser(text))\": \(error.reason)"
            }
        }
    }

    /// The URL a redirection names, nil if it is none that can be followed. Another server is not told who asks.
    func redirected(to location: String) -> FetchURL? {
        if location.hasPrefix("/"), !location.hasPrefix("//") {
            return FetchURL(origin: origin, target: String(location.prefix { $0 != "#" }), authorization: authorization)
        }
        return try? FetchURL(location)
    }

    private init(origin: Origin, target: String, authorization: String?) {
        self.origin = origin
        self.target = target
        self.authorization = authorization
    }

    /// What follows `scheme://`.
    private static func rest(_ text: String) -> Substring {
        guard let colon = text.firstIndex(of: ":") else { return text[...] }
        return text[colon...].dropFirst(3)
    }

    private static func withoutUser(_ text: String) -> String {
        let rest = rest(text)
        let end = rest.firstIndex { "/?#".contains($0) } ?? rest.endIndex
        guard let at = rest[..<end].lastIndex(of: "@") else { return text }
        return String(text[..<rest.startIndex] + rest[rest.index(after: at)...])
    }

    private static func percentDecoded(_ text: Substring) -> [UInt8] {
        var decoded: [UInt8] = []
        var rest = text.utf8
        while let byte = rest.popFirst() {
            let digits = rest.prefix(2)
            if byte == UInt8(ascii: "%"), digits.count == 2, let value = UInt8(String(decoding: digits, as: UTF8.self), radix: 16) {
                decoded.append(value)
                rest = rest.dropFirst(2)
            } else {
                decoded.append(byte)
            }
        }
        return decoded
    }
}
