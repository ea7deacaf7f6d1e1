import Bytes

/// What a decoded header block came to.
enum DecodedHead {
    case complete
    /// RFC 9113 §8.1.1: the stream is reset.
    case malformed
    /// The request is answered with an error, as in HTTP/1.
    case refused(HTTPError)
    /// The compression's state is lost, and with it the connection.
    case undecodable
}

/// Makes a request's head of a header block, RFC 9113 §8.3.1: pseudo-header fields first, then lines as HTTP/1 has them.
struct RequestHeadDecoder: ~Copyable {
    private enum Pseudo: UInt8 {
        case method = 1, scheme = 2, authority = 4, path = 8, `protocol` = 16
    }

    private let options: HeadOptions
    private let sizeMax: Int
    private var seen: UInt8 = 0
    private var size = 0
    private var authority = ByteRange.empty
    private var `protocol` = ByteRange.empty
    private var methodRange = ByteRange.empty
    private var hasFields = false
    private var isMalformed = false
    private var isTooLarge = false
    private var isHostDifferent = false
    private var firstCookie = -1
    private var hasCrumbs = false

    init(options: HeadOptions, sizeMax: Int) {
        self.options = options
        self.sizeMax = sizeMax
    }

    /// - Parameter endsStream: no body follows.
    mutating func decode(_ block: BorrowedBytes, with compression: borrowing HeaderCompression, endsStream: Bool, into head: inout RequestHead) -> DecodedHead {
        var block = block
        head.reset()
        while true {
            switch compression.nextField(&block) {
            case .field(let name, let value): take(name, value, into: &head)
            case .failed: return .undecodable
            case .end: return finish(&head, endsStream: endsStream)
            }
        }
    }

    private func has(_ pseudo: Pseudo) -> Bool { seen & pseudo.rawValue != 0 }

    /// The block is decoded to its end whatever is wrong with it, since later ones lean on it.
    @inline(__always)
    private mutating func take(_ name: BorrowedBytes, _ value: BorrowedBytes, into head: inout RequestHead) {
        size += name.count + value.count + 32
        if size > sizeMax || head.headers.fieldCount >= Limits.fieldCountMax { isTooLarge = true }
        if isTooLarge || isMalformed { return }
        if name.first == UInt8(ascii: ":") { return takePseudo(name, value, into: &head) }
        guard let known = FieldRules.check(name, value, isTrailer: false) else {
            isMalformed = true
            return
        }
        if !hasFields { beginFields(&head) }
        if known == .host, has(.authority) {
            // One of the two goes on; a second opinion about the host serves attacks only.
            if !value.equalsIgnoringCase(head.headers.slice(authority)) { isHostDifferent = true }
            return
        }
        if known == .cookie {
            if firstCookie >= 0 { hasCrumbs = true } else { firstCookie = head.headers.fieldCount }
        }
        head.headers.appendLine(name, known, value)
    }

    private mutating func beginFields(_ head: inout RequestHead) {
        hasFields = true
        guard has(.authority) else { return }
        // Copied, since the block's own bytes may not be the source of a line.
        let range = authority
        withUnsafeTemporaryAllocation(byteCount: max(1, Int(range.count)), alignment: 1) { copy in
            copy.copyMemory(from: head.headers.slice(range))
            head.headers.appendLine(BorrowedBytes("host"), .host, BorrowedBytes(rebasing: UnsafeRawBufferPointer(copy)[0..<Int(range.count)]))
        }
    }

    private mutating func takePseudo(_ name: BorrowedBytes, _ value: BorrowedBytes, into head: inout RequestHead) {
        guard !hasFields, FieldRules.isValue(value), let pseudo = pseudo(name), !has(pseudo) else {
            isMalformed = true
            return
        }
        seen |= pseudo.rawValue
        switch pseudo {
        case .method:
            let method = Method(value)
            guard method != .other || !value.isEmpty && value.allSatisfy({ ASCII.isToken($0) }) else { return isMalformed = true }
            methodRange = method == .other ? head.headers.add(value) : .empty
            head.setMethod(methodRange, method)
        case .scheme: head.schemeRange = head.headers.add(value)
        case .authority: authority = head.headers.add(value)
        case .path:
            // What would end the target in an HTTP/1 request line.
            guard let base = value.baseAddress, FieldParser.endOfWord(base, 0, value.count) == value.count else { return isMalformed = true }
            head.targetRange = head.headers.add(value)
        case .protocol: `protocol` = head.headers.add(value)
        }
    }

    /// Names differ in length or in the word that is compared; what else they may hold is looked at too.
    @inline(__always)
    private func pseudo(_ name: BorrowedBytes) -> Pseudo? {
        guard name.count >= 5, let base = name.baseAddress else { return nil }
        let word = UInt32(littleEndian: base.loadUnaligned(fromByteOffset: 1, as: UInt32.self))
        switch (name.count, word) {
        case (5, 0x6874_6170): return .path
        case (7, 0x6874_656D): return name.equals(":method") ? .method : nil
        case (7, 0x6568_6373): return name.equals(":scheme") ? .scheme : nil
        case (9, 0x746F_7270): return name.equals(":protocol") ? .protocol : nil
        case (10, 0x6874_7561): return name.equals(":authority") ? .authority : nil
        default: return nil
        }
    }

    // MARK: The whole

    private mutating func finish(_ head: inout RequestHead, endsStream: Bool) -> DecodedHead {
        head.version = .http2
        head.isPersistent = true
        if isMalformed { return .malformed }
        if isTooLarge { return .refused(size > sizeMax ? .headTooLarge : .tooManyFields) }
        if !hasFields { beginFields(&head) }
        guard hasRightPseudos(head) else { return .malformed }
        if hasCrumbs { joinCookies(&head) }
        do throws(HTTPError) {
            try resolve(&head, endsStream: endsStream)
        } catch {
            return error == .ambiguousFraming || error == .malformedContentLength ? .malformed : .refused(error)
        }
        return .complete
    }

    /// §8.3.1; extended CONNECT by RFC 8441 §4.
    private func hasRightPseudos(_ head: borrowing RequestHead) -> Bool {
        guard has(.method), !isHostDifferent else { return false }
        if head.method == .connect, !has(.protocol) { return has(.authority) && !has(.scheme) && !has(.path) }
        guard has(.scheme), has(.path), !head.scheme.isEmpty, !head.target.isEmpty else { return false }
        if has(.protocol) { return head.method == .connect && has(.authority) }
        return head.target[0] == UInt8(ascii: "/") || head.target.equals("*") && head.method == .options
    }

    private mutating func resolve(_ head: inout RequestHead, endsStream: Bool) throws(HTTPError) {
        guard let host = head.headers.index(of: .host), !head.headers.value(at: host).isEmpty else { throw .missingHost }
        guard head.headers.index(of: .host, from: host + 1) == nil else { throw .duplicateHost }
        guard HostSyntax.isHost(head.headers.value(at: host)) else { throw .malformedHost }
        head.hostRange = head.headers.valueRange(at: host)
        if has(.protocol) {
            try makeUpgrade(&head)
        } else if head.method == .connect {
            head.targetRange = head.hostRange
        }
        try head.resolveTarget(reservedStayEncoded: options.reservedStayEncoded)
        try resolveBody(&head, endsStream: endsStream)
    }

    private func resolveBody(_ head: inout RequestHead, endsStream: Bool) throws(HTTPError) {
        let declared = try head.headers.contentLength()
        if endsStream {
            guard declared ?? 0 == 0 else { throw .ambiguousFraming }
            head.framing = declared == nil ? .none : .length(0)
        } else if head.isUpgrade {
            head.framing = .none
        } else {
            head.framing = declared.map { .length($0) } ?? .chunked
        }
        if let expect = head.headers.first(.expect) { head.expectsContinue = expect.equalsIgnoringCase("100-continue") }
    }

    /// An extended CONNECT is the upgrade of HTTP/1 in other words, RFC 8441 §5.
    private func makeUpgrade(_ head: inout RequestHead) throws(HTTPError) {
        guard head.headers.slice(`protocol`).equals("websocket") else { throw .unsupportedProtocol }
        head.setMethod(.empty, .get)
        head.isUpgrade = true
        head.headers.append(.upgrade, BorrowedBytes("websocket"))
        // A client's own has no meaning here, RFC 8441 §5, and an upstream that reads two keys answers to either.
        head.headers.removeAll(FieldName("Sec-WebSocket-Key"))
        var key: InlineArray<24, UInt8> = .init(repeating: UInt8(ascii: "="))
        var generator = SystemRandomNumberGenerator()
        // 16 bytes in base64: 21 whole digits, one with its last four bits clear, two of padding.
        for index in 0..<21 { key[index] = base64Digit(UInt8(truncatingIfNeeded: generator.next())) }
        key[21] = base64Digit(UInt8(truncatingIfNeeded: generator.next()) & 0x30)
        withUnsafeBytes(of: &key) { head.headers.append(nameBytes: BorrowedBytes("Sec-WebSocket-Key"), $0) }
    }

    private func base64Digit(_ value: UInt8) -> UInt8 {
        BorrowedBytes("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")[Int(value & 63)]
    }

    /// Crumbs become one field, §8.2.3.
    private func joinCookies(_ head: inout RequestHead) {
        var joined = ByteBuffer()
        var next = head.headers.index(of: .cookie)
        while let index = next {
            if !joined.isEmpty { joined.append("; ") }
            joined.append(head.headers.value(at: index))
            next = head.headers.index(of: .cookie, from: index + 1)
        }
        head.headers.removeAll(.cookie, from: firstCookie + 1)
        head.headers.replaceValue(at: firstCookie, joined.readable)
    }
}
