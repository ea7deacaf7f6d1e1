public import Bytes
public import Eskip
public import HTTP

/// Queries as Go's `url.Values` reads and writes them: pairs split at `&`, `+` for a blank; pairs with a bad escape or a
/// `;` are passed over; written sorted by key, everything but letters, digits and `-_.~` escaped.
public enum QueryString {
    /// Appends the decoded first value of `key`.
    ///
    /// - Returns: false if there is none or it is empty.
    public static func appendFirst<Sink: TemplateSink & ~Copyable & ~Escapable>(
        _ key: BorrowedBytes, of query: BorrowedBytes, to sink: inout Sink
    ) -> Bool {
        var rest = query
        while let pair = nextPair(&rest) {
            guard pair.isValid, decodes(pair.key, to: key) else { continue }
            if pair.value.isEmpty { return false }
            appendDecoded(pair.value, to: &sink)
            return true
        }
        return false
    }

    /// Calls `body` with every pair, both parts still encoded, in order.
    public static func forEachPair(_ query: BorrowedBytes, _ body: (_ key: BorrowedBytes, _ value: BorrowedBytes) -> Void) {
        var rest = query
        while let pair = nextPair(&rest) { if pair.isValid { body(pair.key, pair.value) } }
    }

    // MARK: Reading

    struct Pair {
        let key: BorrowedBytes
        let value: BorrowedBytes
        let isValid: Bool
    }

    /// Takes the next non-empty pair off the front.
    static func nextPair(_ rest: inout BorrowedBytes) -> Pair? {
        while !rest.isEmpty {
            let end = rest.firstIndex(of: UInt8(ascii: "&"), from: 0) ?? rest.count
            let text = rest.slice(0, end)
            rest = rest.slice(min(end + 1, rest.count), rest.count)
            if text.isEmpty { continue }
            let middle = text.firstIndex(of: UInt8(ascii: "="), from: 0) ?? text.count
            let value = text.slice(min(middle + 1, text.count), text.count)
            return Pair(key: text.slice(0, middle), value: value, isValid: isDecodable(text))
        }
        return nil
    }

    private static func isDecodable(_ text: BorrowedBytes) -> Bool {
        for (index, byte) in text.enumerated() {
            if byte == UInt8(ascii: ";") { return false }
            if byte == UInt8(ascii: "%"), PathNormalizer.escape(text, index) == nil { return false }
        }
        return true
    }

    /// Reads one character of an encoded part and moves behind it.
    @inline(__always)
    private static func nextByte(_ text: BorrowedBytes, _ index: inout Int) -> UInt8 {
        let byte = text[index]
        if byte == UInt8(ascii: "%"), let value = PathNormalizer.escape(text, index) {
            index += 3
            return value
        }
        index += 1
        return byte == UInt8(ascii: "+") ? 0x20 : byte
    }

    static func decodes(_ encoded: BorrowedBytes, to text: BorrowedBytes) -> Bool {
        var index = 0, position = 0
        while index < encoded.count {
            guard position < text.count, nextByte(encoded, &index) == text[position] else { return false }
            position += 1
        }
        return position == text.count
    }

    static func appendDecoded<Sink: TemplateSink & ~Copyable & ~Escapable>(_ encoded: BorrowedBytes, to sink: inout Sink) {
        withUnsafeTemporaryAllocation(byteCount: max(1, encoded.count), alignment: 1) { decoded in
            sink.append(BorrowedBytes(rebasing: decoded[..<decode(encoded, into: decoded)]))
        }
    }

    /// - Returns: the number of bytes written, `encoded.count` at most.
    static func decode(_ encoded: BorrowedBytes, into output: UnsafeMutableRawBufferPointer) -> Int {
        var index = 0, count = 0
        while index < encoded.count {
            output[count] = nextByte(encoded, &index)
            count += 1
        }
        return count
    }

    // MARK: Writing

    /// Writes the encoded form, which takes three times its room at most.
    static func encode(_ text: BorrowedBytes, to output: UnsafeMutableRawBufferPointer, at start: Int) -> Int {
        var count = start
        for byte in text {
            if ASCII.isUnreserved(byte) || byte == 0x20 {
                output[count] = byte == 0x20 ? UInt8(ascii: "+") : byte
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
}

extension RequestHead {
    /// Replaces the raw query; bytes that could end the request line are percent-encoded.
    public mutating func setQuery(raw query: BorrowedBytes) {
        if query.allSatisfy({ $0 > 0x20 && $0 != 0x7F && $0 != UInt8(ascii: "#") }) { return setQuery(query) }
        setQuery(headers.add(upTo: 3 * query.count) { output in
            var count = 0
            for byte in query {
                if byte > 0x20, byte != 0x7F, byte != UInt8(ascii: "#") {
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
        })
    }

    /// Removes a parameter from the query and adds it anew if it has a value; the query is written again, sorted by key.
    ///
    /// - Parameters:
    ///   - key: not encoded, and no bytes of this head.
    ///   - value: likewise; nil only removes.
    public mutating func setQueryParameter(_ key: BorrowedBytes, _ value: BorrowedBytes?) {
        var rewriter = QueryRewriter(query: query)
        let raw = query
        withUnsafeTemporaryAllocation(of: QueryRewriter.Entry.self, capacity: rewriter.entriesMax) { entries in
            withUnsafeTemporaryAllocation(byteCount: raw.count + 1, alignment: 1) { decoded in
                rewriter.read(raw, dropping: key, into: entries, decoded)
                if let value { rewriter.add(key, value, to: entries) }
                rewriter.sort(entries)
                let range = headers.add(upTo: rewriter.encodedBytesMax) { rewriter.write(entries, to: $0) }
                setQuery(range)
            }
        }
    }
}

/// One rewriting of a query in memory lent for its duration.
private struct QueryRewriter {
    struct Entry {
        var key: BorrowedBytes
        var value: BorrowedBytes
        var position: Int
    }

    /// One pair more than the query can hold, for the one that is added.
    let entriesMax: Int
    private var count = 0
    private var bytesTotal = 0

    init(query: BorrowedBytes) {
        entriesMax = query.reduce(2) { $0 + ($1 == UInt8(ascii: "&") ? 1 : 0) }
    }

    /// `=`, `&` and three bytes for each one.
    var encodedBytesMax: Int { 3 * bytesTotal + 2 * count + 1 }

    mutating func read(
        _ query: BorrowedBytes, dropping key: BorrowedBytes,
        into entries: UnsafeMutableBufferPointer<Entry>, _ decoded: UnsafeMutableRawBufferPointer
    ) {
        var rest = query
        var end = 0
        func decode(_ part: BorrowedBytes) -> BorrowedBytes {
            let start = end
            end += QueryString.decode(part, into: UnsafeMutableRawBufferPointer(rebasing: decoded[start...]))
            return BorrowedBytes(rebasing: decoded[start..<end])
        }
        while let pair = QueryString.nextPair(&rest) {
            guard pair.isValid, !QueryString.decodes(pair.key, to: key) else { continue }
            add(decode(pair.key), decode(pair.value), to: entries)
        }
    }

    mutating func add(_ key: BorrowedBytes, _ value: BorrowedBytes, to entries: UnsafeMutableBufferPointer<Entry>) {
        entries.initializeElement(at: count, to: Entry(key: key, value: value, position: count))
        count += 1
        bytesTotal += key.count + value.count
    }

    /// By key, then in order of appearance. Queries have few parameters; many still take no more than n log n.
    func sort(_ entries: UnsafeMutableBufferPointer<Entry>) {
        var isSorted = true
        for index in 1..<max(1, count) where !QueryRewriter.precedes(entries[index - 1], entries[index]) { isSorted = false }
        guard !isSorted else { return }
        var filled = UnsafeMutableBufferPointer(rebasing: entries[..<count])
        filled.sort(by: QueryRewriter.precedes)
    }

    private static func precedes(_ left: Entry, _ right: Entry) -> Bool {
        let common = min(left.key.count, right.key.count)
        for index in 0..<common where left.key[index] != right.key[index] { return left.key[index] < right.key[index] }
        return left.key.count == right.key.count ? left.position < right.position : left.key.count < right.key.count
    }

    func write(_ entries: UnsafeMutableBufferPointer<Entry>, to output: UnsafeMutableRawBufferPointer) -> Int {
        var end = 0
        for entry in entries[..<count] {
            if end > 0 {
                output[end] = UInt8(ascii: "&")
                end += 1
            }
            end = QueryString.encode(entry.key, to: output, at: end)
            output[end] = UInt8(ascii: "=")
            end = QueryString.encode(entry.value, to: output, at: end + 1)
        }
        return end
    }
}
