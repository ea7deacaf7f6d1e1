import Bytes

extension RequestHead {
    /// Derives from the parsed fields what the head means: host, target, body, connection.
    mutating func resolveMessage(reservedStayEncoded: Bool) throws(HTTPError) {
        try resolveHost()
        try resolveTarget(reservedStayEncoded: reservedStayEncoded)
        framing = try headers.requestFraming(version)
        isPersistent = headers.allowsPersistence(version)
        guard version == .http11 else { return }
        if let expect = headers.first(.expect) { expectsContinue = expect.equalsIgnoringCase("100-continue") }
        // RFC 9113 §3.1: "h2c" is not upgraded to. A tunnel made by it would carry requests past the routes.
        isUpgrade = headers.mayContain(.upgrade) && headers.first(.upgrade) != nil && headers.containsToken(.connection, "upgrade")
            && !headers.containsToken(.upgrade, "h2c")
    }

    /// Exactly one Host in HTTP/1.1, at most one in HTTP/1.0 (RFC 9112 §3.2).
    private mutating func resolveHost() throws(HTTPError) {
        guard let index = headers.index(of: .host) else {
            if version == .http10 { return }
            throw .missingHost
        }
        guard !headers.mayRepeat(.host) || headers.index(of: .host, from: index + 1) == nil else { throw .duplicateHost }
        guard HostSyntax.isHost(headers.value(at: index)) else { throw .malformedHost }
        hostRange = headers.valueRange(at: index)
    }

    /// Removes what belongs to the client's connection: fields that its Connection names (RFC 9110 §7.6.1).
    public mutating func removeNominatedFields() { headers.removeNominatedFields() }
}

extension ResponseHead {
    /// - Parameter method: of the request; HEAD and CONNECT change what follows the head.
    mutating func resolveMessage(method: Method) throws(HTTPError) {
        isPersistent = headers.allowsPersistence(version)
        let hasTransferEncoding = headers.mayContain(.transferEncoding)
        if status < 200 || status == 204 {
            if hasTransferEncoding && headers.first(.transferEncoding) != nil { throw .ambiguousFraming }
            framing = .none
            return
        }
        let declared = try headers.contentLength()
        if hasTransferEncoding, headers.first(.transferEncoding) != nil {
            if version == .http10 { throw .framingInHTTP10 }
            if declared != nil { throw .ambiguousFraming }
            try headers.checkChunkedIsLast()
            framing = .chunked
        } else if let declared {
            framing = .length(declared)
        } else {
            framing = .untilClose
        }
        if method == .head || status == 304 {
            framing = .none
            declaredLength = declared
        } else if framing == .untilClose {
            isPersistent = false
        }
    }

    public mutating func removeNominatedFields() { headers.removeNominatedFields() }
}

extension Headers {
    func valueRange(at index: Int) -> ByteRange {
        let field = fields.unsafelyUnwrapped[index]
        return ByteRange(Int(field.valueStart), Int(field.valueStart) + Int(field.valueCount))
    }

    func requestFraming(_ version: HTTPVersion) throws(HTTPError) -> BodyFraming {
        if mayContain(.transferEncoding), first(.transferEncoding) != nil {
            // RFC 9112 §6.1, §6.3: either means a smuggling attempt or a broken peer; the connection cannot be
            // trusted after it.
            if version == .http10 { throw .framingInHTTP10 }
            if first(.contentLength) != nil { throw .ambiguousFraming }
            try checkChunkedIsLast()
            return .chunked
        }
        guard let length = try contentLength() else { return .none }
        return .length(length)
    }

    /// The one Content-Length; several fields or a list are refused even if they agree.
    func contentLength() throws(HTTPError) -> UInt64? {
        guard let index = index(of: .contentLength) else { return nil }
        guard !mayRepeat(.contentLength) || self.index(of: .contentLength, from: index + 1) == nil else { throw .ambiguousFraming }
        let digits = value(at: index)
        guard !digits.isEmpty, digits.count <= 19 else { throw .malformedContentLength }
        var length: UInt64 = 0
        for byte in digits {
            guard ASCII.isDigit(byte) else { throw .malformedContentLength }
            length = length &* 10 &+ UInt64(byte &- 0x30)
        }
        guard length <= UInt64(Int64.max) else { throw .malformedContentLength }
        return length
    }

    /// `chunked` once and last; other codings before it are not ours to undo.
    func checkChunkedIsLast() throws(HTTPError) {
        var count = 0
        var chunkedCount = 0
        var isLastChunked = false
        forEachValue(.transferEncoding) { value in
            if value.isEmpty { count += 1; isLastChunked = false }
            forEachListElement(value) { coding in
                count += 1
                isLastChunked = coding.equalsIgnoringCase("chunked")
                if isLastChunked { chunkedCount += 1 }
            }
            return true
        }
        guard isLastChunked, chunkedCount == 1 else { throw .ambiguousFraming }
        guard count == 1 else { throw .unsupportedTransferCoding }
    }

    func allowsPersistence(_ version: HTTPVersion) -> Bool {
        guard mayContain(.connection) else { return version == .http11 }
        if containsToken(.connection, "close") { return false }
        return version == .http11 || containsToken(.connection, "keep-alive")
    }

    /// Fields that say something about the message itself cannot be taken away by naming them in Connection.
    private static let endToEnd = KnownFieldSet(.host, .contentLength, .transferEncoding, .connection, .contentType, .contentEncoding,
        .authorization, .cookie, .setCookie, .cacheControl, .xForwardedFor, .xForwardedHost, .xForwardedProto, .xForwardedPort, .forwarded)

    mutating func removeNominatedFields() {
        guard mayContain(.connection) else { return }
        var next = index(of: .connection)
        while let index = next {
            let list = value(at: index)
            // Marking fields as removed leaves the bytes where they are.
            forEachListElement(list) { token in
                let known = KnownField(name: token)
                if Headers.endToEnd.contains(known) && known != .other { return }
                for position in indices where isPresent(position) && self.known(at: position) == known {
                    if known == .other, !name(at: position).equalsIgnoringCase(token) { continue }
                    if known == .upgrade || known == .te { continue }
                    remove(at: position)
                }
            }
            next = self.index(of: .connection, from: index + 1)
        }
    }
}
