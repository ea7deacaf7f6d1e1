public import Bytes

/// The one normalisation of paths, RFC 3986 §6.2.2, that serves matching and forwarding alike, so that no request
/// reaches an upstream path its route would have refused.
public enum PathNormalizer {
    /// Bytes that stand for themselves in every form of a path.
    // abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~!$&'()*+,;=:@/
    @inline(__always)
    static var plainBytes: ByteSet { ByteSet(low: 0x2FFFFFD200000000, high: 0x47FFFFFE87FFFFFF) }
    /// Bytes that a path set by a filter keeps unencoded; all others become `%XX`.
    // abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.~$&+,/:;=@
    @inline(__always)
    static var unescapedBytes: ByteSet { ByteSet(low: 0x2FFFF85000000000, high: 0x47FFFFFE87FFFFFF) }
    /// Raw bytes that may stand in a received path; others are percent-encoded before it is forwarded.
    // abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~!$&'()*+,;=:@/[]
    @inline(__always)
    static var forwardedBytes: ByteSet { ByteSet(low: 0x2FFFFFD200000000, high: 0x47FFFFFEAFFFFFFF) }
    // ;/?:@&=+$,
    @inline(__always)
    static var reservedBytes: ByteSet { ByteSet(low: 0xAC00985000000000, high: 0x0000000000000001) }

    /// The form that is forwarded: unreserved escapes decoded, hex digits in upper case, bytes that may not stand in a
    /// path encoded, dot segments removed.
    static func normalize(_ path: ByteRange, in headers: inout Headers) throws(HTTPError) -> ByteRange {
        var failure: HTTPError?
        let range = transform(path, in: &headers, factor: 3) { write($0, to: $1, failure: &failure) }
        if let failure { throw failure }
        guard hasDotSegment(headers.slice(range)) else { return range }
        return removeDotSegments(collapsed(range, in: &headers), in: &headers)
    }

    private static func write(_ path: BorrowedBytes, to output: UnsafeMutableRawBufferPointer, failure: inout HTTPError?) -> Int {
        var count = 0
        func put(_ byte: UInt8) {
            output[count] = byte
            count += 1
        }
        func putEscape(_ byte: UInt8) {
            put(UInt8(ascii: "%"))
            put(ASCII.hexDigit(byte >> 4))
            put(ASCII.hexDigit(byte & 15))
        }
        var index = 0
        while index < path.count {
            let byte = path[index]
            if byte == UInt8(ascii: "%") {
                guard let value = escape(path, index) else {
                    failure = .malformedEscape
                    return count
                }
                if value == 0 { failure = .nulInPath }
                if ASCII.isUnreserved(value) { put(value) } else { putEscape(value) }
                index += 3
            } else {
                if byte == UInt8(ascii: "#") { failure = .fragmentInTarget }
                if forwardedBytes.contains(byte) { put(byte) } else { putEscape(byte) }
                index += 1
            }
        }
        return count
    }

    /// The byte that `%XX` at `index` stands for.
    public static func escape(_ bytes: BorrowedBytes, _ index: Int) -> UInt8? {
        guard index + 2 < bytes.count, let high = ASCII.hexValue(bytes[index + 1]), let low = ASCII.hexValue(bytes[index + 2])
        else { return nil }
        return high << 4 | low
    }

    /// Percent-decodes a normalised path.
    static func decode(_ path: ByteRange, in headers: inout Headers, reservedStayEncoded: Bool) -> ByteRange {
        guard headers.slice(path).firstIndex(of: UInt8(ascii: "%"), from: 0) != nil else { return path }
        return transform(path, in: &headers, factor: 1) { source, output in
            var count = 0
            var index = 0
            while index < source.count {
                if source[index] == UInt8(ascii: "%"), let value = escape(source, index),
                    !(reservedStayEncoded && reservedBytes.contains(value)) {
                    output[count] = value
                    index += 3
                } else {
                    output[count] = source[index]
                    index += 1
                }
                count += 1
            }
            return count
        }
    }

    /// Encodes a decoded path for the wire.
    ///
    /// - Parameter keepsReserved: escapes of reserved characters are the path's own and pass as they are.
    static func encode(_ path: ByteRange, in headers: inout Headers, keepsReserved: Bool) -> ByteRange {
        if headers.slice(path).allSatisfy({ unescapedBytes.contains($0) }) { return path }
        return transform(path, in: &headers, factor: 3) { encode($0, to: $1, keepsReserved: keepsReserved) }
    }

    /// Writes the encoded form of a decoded path, which takes three times its room at most.
    ///
    /// - Returns: the number of bytes written.
    public static func encode(_ path: BorrowedBytes, to output: UnsafeMutableRawBufferPointer, keepsReserved: Bool = false) -> Int {
        var count = 0
        for (index, byte) in path.enumerated() {
            let isKept = keepsReserved && byte == UInt8(ascii: "%") && escape(path, index).map(reservedBytes.contains) == true
            if isKept || unescapedBytes.contains(byte) {
                output[count] = byte
                count += 1
            } else {
                output[count] = UInt8(ascii: "%")
                output[count + 1] = ASCII.hexDigit(byte >> 4)
                output[count + 2] = ASCII.hexDigit(byte & 15)
                count += 3
            }
        }
        return count
    }

    /// With runs of slashes made one.
    static func collapsed(_ path: ByteRange, in headers: inout Headers) -> ByteRange {
        guard headers.slice(path).firstRange(of: BorrowedBytes("//")) != nil else { return path }
        return transform(path, in: &headers, factor: 1) { source, output in
            var count = 0
            for byte in source where byte != UInt8(ascii: "/") || count == 0 || output[count - 1] != byte {
                output[count] = byte
                count += 1
            }
            return count
        }
    }

    /// A decoded path as routes match it after a filter changed it.
    static func cleaned(_ path: ByteRange, in headers: inout Headers) -> ByteRange {
        let single = collapsed(path, in: &headers)
        return hasDotSegment(headers.slice(single)) ? removeDotSegments(single, in: &headers) : single
    }

    /// Whether some segment is `.` or `..`.
    static func hasDotSegment(_ path: BorrowedBytes) -> Bool {
        var start = 0
        while start < path.count {
            let end = path.firstIndex(of: UInt8(ascii: "/"), from: start) ?? path.count
            if isDot(path, start, end) || isDoubleDot(path, start, end) { return true }
            start = end + 1
        }
        return false
    }

    private static func isDot(_ path: BorrowedBytes, _ start: Int, _ end: Int) -> Bool {
        end - start == 1 && path[start] == UInt8(ascii: ".")
    }

    private static func isDoubleDot(_ path: BorrowedBytes, _ start: Int, _ end: Int) -> Bool {
        end - start == 2 && path[start] == UInt8(ascii: ".") && path[start + 1] == UInt8(ascii: ".")
    }

    /// Resolves `.` and `..`; a final `.` leaves its slash, a final `..` does not (routing.md §2, unlike RFC 3986).
    private static func removeDotSegments(_ path: ByteRange, in headers: inout Headers) -> ByteRange {
        transform(path, in: &headers, factor: 1) { source, output in
            var count = 0
            var start = 1
            var endsInSlash = source.last == UInt8(ascii: "/")
            while start <= source.count {
                let end = source.firstIndex(of: UInt8(ascii: "/"), from: start) ?? source.count
                if isDoubleDot(source, start, end) {
                    while count > 0 {
                        count -= 1
                        if output[count] == UInt8(ascii: "/") { break }
                    }
                } else if isDot(source, start, end) {
                    if end == source.count { endsInSlash = true }
                } else if end > start {
                    output[count] = UInt8(ascii: "/")
                    count += 1
                    for index in start..<end {
                        output[count] = source[index]
                        count += 1
                    }
                }
                start = end + 1
            }
            if endsInSlash && count < source.count || count == 0 {
                output[count] = UInt8(ascii: "/")
                count += 1
            }
            return count
        }
    }

    /// Writes a changed copy of a range behind the block's contents; the source is copied first, since making room may
    /// move the block.
    private static func transform(
        _ range: ByteRange, in headers: inout Headers, factor: Int,
        _ body: (BorrowedBytes, UnsafeMutableRawBufferPointer) -> Int
    ) -> ByteRange {
        let size = Int(range.count)
        return withUnsafeTemporaryAllocation(byteCount: max(1, size), alignment: 1) { copy in
            copy.copyMemory(from: headers.slice(range))
            let source = BorrowedBytes(rebasing: UnsafeRawBufferPointer(copy)[0..<size])
            return headers.add(upTo: size * factor + 1) { body(source, $0) }
        }
    }
}
