import Bytes

extension RequestHead {
    /// Takes the request-target apart, RFC 9112 §3.2, and derives the forms of its path.
    ///
    /// - Parameter reservedStayEncoded: `; / ? : @ & = + $ ,` are not decoded (`-rfc-patch-path`).
    mutating func resolveTarget(reservedStayEncoded: Bool) throws(HTTPError) {
        keepsReservedEncoded = reservedStayEncoded
        let target = headers.slice(targetRange)
        guard let first = target.first else { throw .malformedTarget }
        let start = Int(targetRange.start)
        if first == UInt8(ascii: "/") {
            guard method != .connect else { throw .malformedTarget }
            try resolveOriginForm(start, targetRange.end, reservedStayEncoded)
        } else if target.equals("*") {
            guard method == .options else { throw .malformedTarget }
            isAsterisk = true
            try resolveOriginForm(start, start, reservedStayEncoded)
        } else if method == .connect {
            guard HostSyntax.isAuthority(target) else { throw .malformedTarget }
            hostRange = targetRange
            try resolveOriginForm(start, start, reservedStayEncoded)
        } else {
            try resolveAbsoluteForm(target, start, reservedStayEncoded)
        }
    }

    /// `scheme://authority[/path][?query]`; the authority replaces the Host field, RFC 9112 §3.2.2.
    private mutating func resolveAbsoluteForm(_ target: BorrowedBytes, _ start: Int, _ reservedStayEncoded: Bool) throws(HTTPError) {
        let colon = target.firstIndex(of: UInt8(ascii: ":"), from: 0) ?? 0
        let scheme = target.slice(0, colon)
        guard scheme.equalsIgnoringCase("http") || scheme.equalsIgnoringCase("https"),
            target.count > colon + 3, target[colon + 1] == UInt8(ascii: "/"), target[colon + 2] == UInt8(ascii: "/")
        else { throw .malformedTarget }
        var end = colon + 3
        while end < target.count, target[end] != UInt8(ascii: "/"), target[end] != UInt8(ascii: "?") { end += 1 }
        let authority = target.slice(colon + 3, end)
        guard !authority.isEmpty, HostSyntax.isHost(authority) else { throw .malformedTarget }
        schemeRange = ByteRange(start, start + colon)
        hostRange = ByteRange(start + colon + 3, start + end)
        try resolveOriginForm(start + end, start + target.count, reservedStayEncoded)
    }

    private mutating func resolveOriginForm(_ start: Int, _ end: Int, _ reservedStayEncoded: Bool) throws(HTTPError) {
        let bytes = headers.slice(ByteRange(start, end))
        var pathEnd = 0
        var isPlain = true
        var previous: UInt8 = 0
        while pathEnd < bytes.count {
            let byte = bytes[pathEnd]
            if byte == UInt8(ascii: "?") { break }
            // A dot or a slash after a slash may be a dot segment or an empty one: the slow path looks closer.
            if !PathNormalizer.plainBytes.contains(byte)
                || previous == UInt8(ascii: "/") && (byte == UInt8(ascii: "/") || byte == UInt8(ascii: ".")) {
                isPlain = false
            }
            previous = byte
            pathEnd += 1
        }
        if pathEnd < bytes.count {
            hasQuery = true
            queryRange = ByteRange(start + pathEnd + 1, end)
            guard headers.slice(queryRange).firstIndex(of: UInt8(ascii: "#"), from: 0) == nil else { throw .fragmentInTarget }
        }
        pathRange = pathEnd == 0 ? headers.add(BorrowedBytes("/")) : ByteRange(start, start + pathEnd)
        decodedPathRange = pathRange
        matchPathRange = pathRange
        if !isPlain { try normalizePath(reservedStayEncoded) }
    }

    private mutating func normalizePath(_ reservedStayEncoded: Bool) throws(HTTPError) {
        pathRange = try PathNormalizer.normalize(pathRange, in: &headers)
        decodedPathRange = PathNormalizer.decode(pathRange, in: &headers, reservedStayEncoded: reservedStayEncoded)
        matchPathRange = PathNormalizer.collapsed(decodedPathRange, in: &headers)
        if PathNormalizer.hasDotSegment(headers.slice(matchPathRange)) { throw .ambiguousPath }
    }
}
