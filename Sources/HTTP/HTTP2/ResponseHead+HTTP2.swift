import Bytes

/// Makes a response's head of a header block, RFC 9113 §8.3.2.
struct ResponseHeadDecoder: ~Copyable {
    private let sizeMax: Int
    private var size = 0
    private var status: UInt16 = 0
    private var hasFields = false
    private var isMalformed = false

    init(sizeMax: Int) { self.sizeMax = sizeMax }

    /// - Parameters:
    ///   - method: of the request that is answered.
    ///   - endsStream: no body follows.
    mutating func decode(
        _ block: BorrowedBytes, with compression: borrowing HeaderCompression, method: Method, endsStream: Bool, into head: inout ResponseHead
    ) -> DecodedHead {
        var block = block
        head.reset()
        while true {
            switch compression.nextField(&block) {
            case .field(let name, let value): take(name, value, into: &head)
            case .failed: return .undecodable
            case .end: return finish(&head, method: method, endsStream: endsStream)
            }
        }
    }

    private mutating func take(_ name: BorrowedBytes, _ value: BorrowedBytes, into head: inout ResponseHead) {
        size += name.count + value.count + 32
        if size > sizeMax || head.headers.fieldCount >= Limits.fieldCountMax { isMalformed = true }
        if isMalformed { return }
        if name.first == UInt8(ascii: ":") {
            guard !hasFields, status == 0, name.equals(":status"), let code = ResponseHeadDecoder.code(value) else { return isMalformed = true }
            status = code
            return
        }
        guard let known = FieldRules.check(name, value, isTrailer: false) else { return isMalformed = true }
        hasFields = true
        head.headers.appendLine(name, known, value)
    }

    private static func code(_ value: BorrowedBytes) -> UInt16? {
        guard value.count == 3, value.allSatisfy({ ASCII.isDigit($0) }), value[0] != 0x30 else { return nil }
        return UInt16(value[0] &- 0x30) * 100 + UInt16(value[1] &- 0x30) * 10 + UInt16(value[2] &- 0x30)
    }

    private func finish(_ head: inout ResponseHead, method: Method, endsStream: Bool) -> DecodedHead {
        // RFC 9113 §8.6: there is no switching of protocols.
        if isMalformed || status == 0 || status == 101 || status < 200 && endsStream { return .malformed }
        head.status = status
        head.version = .http2
        let declared: UInt64?
        do throws(HTTPError) {
            declared = try head.headers.contentLength()
        } catch {
            return .malformed
        }
        let isBodiless = method == .head || Status.forbidsBody(status)
        if endsStream || isBodiless {
            if !isBodiless, declared ?? 0 > 0 { return .malformed }
            head.framing = isBodiless || declared == nil ? .none : .length(0)
            if isBodiless { head.declaredLength = declared }
        } else {
            head.framing = declared.map { .length($0) } ?? .chunked
        }
        return .complete
    }
}
