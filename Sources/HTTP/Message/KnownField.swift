internal import Bytes
internal import CScan

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
    public var bit: UInt64 { 1 &<< UInt64(rawValue) }

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

    /// Recognises a field name of any case, a token; `.other` if the proxy has no use for it.
    ///
    /// A product of the last four letters and the length leads to the only name it can be, and words that overlap compare the
    /// two. Setting the bit 0x20 folds letters, and the known names hold only letters, digits and hyphens, which no other token
    /// byte becomes by it.
    @inline(__always)
    public init(name: UnsafeRawBufferPointer) {
        let count = name.count
        guard count >= 4, count < KnownField.stride, let start = name.baseAddress else {
            self = name.equalsIgnoringCase("te") ? .te : name.equalsIgnoringCase("age") ? .age : .other
            return
        }
        let end = KnownField.folded(start, count - 4, UInt32.self)
        let number = KnownField.candidate(end, count)
        let known = UnsafeRawPointer(KnownField.names.utf8Start) + number * KnownField.stride
        var difference = UInt64(truncatingIfNeeded: end ^ known.loadUnaligned(fromByteOffset: count - 4, as: UInt32.self))
        difference |= UInt64(known.load(fromByteOffset: count, as: UInt8.self) ^ 0x20)
        if count >= 8 {
            difference |= KnownField.folded(start, 0, UInt64.self) ^ known.loadUnaligned(as: UInt64.self)
            difference |= KnownField.folded(start, count - 8, UInt64.self) ^ known.loadUnaligned(fromByteOffset: count - 8, as: UInt64.self)
            if count > 16 { difference |= KnownField.folded(start, 8, UInt64.self) ^ known.loadUnaligned(fromByteOffset: 8, as: UInt64.self) }
        } else {
            difference |= UInt64(truncatingIfNeeded: KnownField.folded(start, 0, UInt32.self) ^ known.loadUnaligned(as: UInt32.self))
        }
        self = difference == 0 ? unsafeBitCast(UInt8(truncatingIfNeeded: number), to: KnownField.self) : .other
    }

    /// The same of a name of 4...15 bytes, neither control characters nor others that no token has, where sixteen can be read.
    @inline(__always)
    init(wideName start: UnsafeRawPointer, count: Int) {
        let number = KnownField.candidate(KnownField.folded(start, count &- 4, UInt32.self), count)
        let known = UnsafeRawPointer(KnownField.names.utf8Start) + number * KnownField.stride
        let differs = cscan_differs_folded(start, known) & ((1 &<< UInt32(truncatingIfNeeded: count)) &- 1)
        let isLonger = known.load(fromByteOffset: count, as: UInt8.self) ^ 0x20
        self = differs | UInt32(isLonger) == 0 ? unsafeBitCast(UInt8(truncatingIfNeeded: number), to: KnownField.self) : .other
    }

    /// The number of the only field that a name with this end and length can be.
    @inline(__always)
    private static func candidate(_ end: UInt32, _ count: Int) -> Int {
        let slot = ((end &+ UInt32(truncatingIfNeeded: count) &<< 13) &* multiplier) &>> 26
        return Int(slots.utf8Start[Int(slot)]) &- 0x30
    }

    @inline(__always)
    private static func folded<Word: FixedWidthInteger & BitwiseCopyable>(_ start: UnsafeRawPointer, _ offset: Int, _: Word.Type) -> Word {
        start.loadUnaligned(fromByteOffset: offset, as: Word.self) | Word(truncatingIfNeeded: 0x2020_2020_2020_2020 as UInt64)
    }

    // Literals' bytes are constants of the program, read without any call. A new name needs another multiplier, found by
    // trying, if it shares a slot; `KnownFieldTests` ask for every name.

    private static var multiplier: UInt32 { 0x7E05_BD05 }
    /// By slot, the number of the field that can be there as a character from "0".
    private static var slots: StaticString { "O0H5=9IP0008G00A107D0U>0T0C0F00@JSV0200WQ0RX0L?600B0<0:K4;0N00E0" }
    private static var stride: Int { 20 }
    /// The names in lower case, each in twenty bytes.
    private static var names: StaticString {
        """
                            accept              accept-encoding     age                 authorization       \
        cache-control       connection          content-encoding    content-length      content-type        \
        cookie              date                etag                expect              forwarded           \
        host                http2-settings      idempotency-key     keep-alive          last-modified       \
        location            origin              proxy-authenticate  proxy-authorization proxy-connection    \
        referer             retry-after         server              set-cookie          te                  \
        trailer             transfer-encoding   upgrade             user-agent          vary                \
        x-flow-id           x-forwarded-for     x-forwarded-host    x-forwarded-port    x-forwarded-proto   \
        x-idempotency-key  .
        """
    }
}

/// A set of known fields as bits.
public struct KnownFieldSet: Sendable {
    public var bits: UInt64

    @inline(__always)
    public init(bits: UInt64) { self.bits = bits }

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

    /// Whether the name is a token, as RFC 9110 §5.1 asks; others can never stand in a message.
    public var isValid: Bool { !bytes.isEmpty && bytes.allSatisfy { ASCII.isToken($0) } }
}
