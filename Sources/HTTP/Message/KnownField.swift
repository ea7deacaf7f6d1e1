internal import Bytes

/// Field names that the proxy itself reads or writes; recognised while parsing, so that they compare as one byte.
public enum KnownField: UInt8, Sendable {
    case other = 0
    case accept, acceptEncoding, age, authorization, cacheControl, connection, contentEncoding, contentLength, contentType
    case cookie, date, etag, expect, forwarded, host, http2Settings, idempotencyKey, keepAlive, lastModified, location
    case origin, proxyAuthenticate, proxyAuthorization, proxyConnection, referer, retryAfter, server, setCookie, te
    case trailer, transferEncoding, upgrade, userAgent, vary, xFlowID, xForwardedFor, xForwardedHost, xForwardedPort
    case xForwardedProto, xIdempotencyKey

    /// This field's bit in a `KnownFieldSet`.
    @inline(__always)
    public var bit: UInt64 { 1 << UInt64(rawValue) }

    /// The name in its usual spelling.
    public var name: StaticString {
        switch self {
        case .other: ""
        case .accept: "Accept"
        case .acceptEncoding: "Accept-Encoding"
        case .age: "Age"
        case .authorization: "Authorization"
        case .cacheControl: "Cache-Control"
        case .connection: "Connection"
        case .contentEncoding: "Content-Encoding"
        case .contentLength: "Content-Length"
        case .contentType: "Content-Type"
        case .cookie: "Cookie"
        case .date: "Date"
        case .etag: "Etag"
        case .expect: "Expect"
        case .forwarded: "Forwarded"
        case .host: "Host"
        case .http2Settings: "Http2-Settings"
        case .idempotencyKey: "Idempotency-Key"
        case .keepAlive: "Keep-Alive"
        case .lastModified: "Last-Modified"
        case .location: "Location"
        case .origin: "Origin"
        case .proxyAuthenticate: "Proxy-Authenticate"
        case .proxyAuthorization: "Proxy-Authorization"
        case .proxyConnection: "Proxy-Connection"
        case .referer: "Referer"
        case .retryAfter: "Retry-After"
        case .server: "Server"
        case .setCookie: "Set-Cookie"
        case .te: "Te"
        case .trailer: "Trailer"
        case .transferEncoding: "Transfer-Encoding"
        case .upgrade: "Upgrade"
        case .userAgent: "User-Agent"
        case .vary: "Vary"
        case .xFlowID: "X-Flow-Id"
        case .xForwardedFor: "X-Forwarded-For"
        case .xForwardedHost: "X-Forwarded-Host"
        case .xForwardedPort: "X-Forwarded-Port"
        case .xForwardedProto: "X-Forwarded-Proto"
        case .xIdempotencyKey: "X-Idempotency-Key"
        }
    }

    /// Recognises a field name of any case; `.other` if the proxy has no use for it.
    public init(name: UnsafeRawBufferPointer) {
        self = KnownField.candidate(name)
        if self != .other, !KnownField.equalsFolded(name, self.name) { self = .other }
    }

    /// Equality in any case over words that overlap. Setting the bit 0x20 folds letters, and the known names hold only
    /// letters, digits and hyphens, which no other token byte becomes by it.
    @inline(__always)
    private static func equalsFolded(_ name: UnsafeRawBufferPointer, _ known: StaticString) -> Bool {
        let count = known.utf8CodeUnitCount
        guard name.count == count, let left = name.baseAddress else { return false }
        let right = UnsafeRawPointer(known.utf8Start)
        if count >= 8 {
            return differs(left, right, 0, UInt64.self) | differs(left, right, count - 8, UInt64.self)
                | (count > 16 ? differs(left, right, 8, UInt64.self) : 0) == 0
        }
        if count >= 4 { return differs(left, right, 0, UInt32.self) | differs(left, right, count - 4, UInt32.self) == 0 }
        return differs(left, right, 0, UInt16.self) | differs(left, right, count - 2, UInt16.self) == 0
    }

    @inline(__always)
    private static func differs<Word: FixedWidthInteger & BitwiseCopyable>(
        _ left: UnsafeRawPointer, _ right: UnsafeRawPointer, _ offset: Int, _: Word.Type
    ) -> Word {
        let fold = Word(truncatingIfNeeded: 0x2020_2020_2020_2020 as UInt64)
        return (left.loadUnaligned(fromByteOffset: offset, as: Word.self) | fold) ^ (right.loadUnaligned(fromByteOffset: offset, as: Word.self) | fold)
    }

    /// The only field a name of this length and these distinguishing letters can be.
    @inline(__always)
    private static func candidate(_ name: UnsafeRawBufferPointer) -> KnownField {
        guard let byte = name.first else { return .other }
        let first = ASCII.lowercased(byte)
        switch name.count {
        case 2: return .te
        case 3: return .age
        case 4: return first == UInt8(ascii: "h") ? .host : first == UInt8(ascii: "d") ? .date
            : first == UInt8(ascii: "v") ? .vary : .etag
        case 6: return first == UInt8(ascii: "a") ? .accept : first == UInt8(ascii: "c") ? .cookie
            : first == UInt8(ascii: "s") ? .server : first == UInt8(ascii: "o") ? .origin : .expect
        case 7: return first == UInt8(ascii: "r") ? .referer : first == UInt8(ascii: "u") ? .upgrade : .trailer
        case 8: return .location
        case 9: return first == UInt8(ascii: "x") ? .xFlowID : .forwarded
        case 10: return first == UInt8(ascii: "u") ? .userAgent : first == UInt8(ascii: "c") ? .connection
            : first == UInt8(ascii: "s") ? .setCookie : .keepAlive
        case 11: return .retryAfter
        case 12: return .contentType
        case 13: return first == UInt8(ascii: "a") ? .authorization : first == UInt8(ascii: "c") ? .cacheControl : .lastModified
        case 14: return first == UInt8(ascii: "c") ? .contentLength : .http2Settings
        case 15: return first == UInt8(ascii: "a") ? .acceptEncoding : first == UInt8(ascii: "x") ? .xForwardedFor : .idempotencyKey
        case 16: return first == UInt8(ascii: "p") ? .proxyConnection : first == UInt8(ascii: "c") ? .contentEncoding
            : ASCII.lowercased(name[15]) == UInt8(ascii: "t") && ASCII.lowercased(name[12]) == UInt8(ascii: "h") ? .xForwardedHost : .xForwardedPort
        case 17: return first == UInt8(ascii: "t") ? .transferEncoding
            : ASCII.lowercased(name[2]) == UInt8(ascii: "i") ? .xIdempotencyKey : .xForwardedProto
        case 18: return .proxyAuthenticate
        case 19: return .proxyAuthorization
        default: return .other
        }
    }
}

/// A set of known fields as bits.
public struct KnownFieldSet: Sendable {
    public var bits: UInt64

    public init(_ fields: KnownField...) {
        bits = 0
        for field in fields { bits |= field.bit }
    }

    @inline(__always)
    public func contains(_ field: KnownField) -> Bool { bits & field.bit != 0 }
}

/// A field name prepared for many look-ups: a route's filters and predicates make theirs once.
public struct FieldName: Sendable, Hashable {
    /// In the spelling given.
    public let bytes: [UInt8]
    public let known: KnownField

    public init(_ name: String) {
        bytes = Array(name.utf8)
        known = bytes.withUnsafeBytes { KnownField(name: $0) }
    }

    public var text: String { String(decoding: bytes, as: UTF8.self) }

    /// Whether the name is a token, as RFC 9110 §5.1 asks; others can never stand in a message.
    public var isValid: Bool { !bytes.isEmpty && bytes.allSatisfy { ASCII.isToken($0) } }
}
