/// A message taken apart byte by byte, as a test may do it.
struct Message {
    let startLine: String
    /// Names in lower case.
    let fields: [String: String]
    let headCount: Int

    /// - Returns: nil if the head is not complete.
    init?(_ bytes: ArraySlice<UInt8>) {
        var index = bytes.startIndex
        while true {
            guard index + 3 < bytes.endIndex else { return nil }
            if bytes[index] == 0x0D, bytes[index + 1] == 0x0A, bytes[index + 2] == 0x0D, bytes[index + 3] == 0x0A { break }
            index += 1
        }
        headCount = index + 4 - bytes.startIndex
        var lines = String(decoding: bytes[..<index], as: UTF8.self).split(separator: "\r\n", omittingEmptySubsequences: false).map(String.init)
        startLine = lines.removeFirst()
        fields = Dictionary(lines.compactMap { line in
            line.firstIndex(of: ":").map { (line[..<$0].lowercased(), line[line.index(after: $0)...].trimmingPrefix(" ").description) }
        }, uniquingKeysWith: { first, _ in first })
    }

    enum Body: Equatable {
        case incomplete
        /// The body, and the bytes it takes with its framing.
        case complete([UInt8], count: Int)
        case malformed
    }

    /// The body at the start of `bytes`, which stand behind the head.
    func body(_ bytes: ArraySlice<UInt8>, isResponseTo method: Plan.Method? = nil, connectionEnded: Bool = false) -> Body {
        if method == .head { return .complete([], count: 0) }
        if fields["transfer-encoding"] == "chunked" { return Message.chunks(bytes) }
        if let length = fields["content-length"] {
            guard let count = Int(length) else { return .malformed }
            return bytes.count < count ? .incomplete : .complete(Array(bytes.prefix(count)), count: count)
        }
        if method == nil { return .complete([], count: 0) }
        return connectionEnded ? .complete(Array(bytes), count: bytes.count) : .incomplete
    }

    private static func chunks(_ bytes: ArraySlice<UInt8>) -> Body {
        var body: [UInt8] = []
        var index = bytes.startIndex
        while true {
            guard let end = bytes[index...].firstIndex(of: 0x0D), end + 1 < bytes.endIndex else { return .incomplete }
            guard let count = Int(String(decoding: bytes[index..<end], as: UTF8.self), radix: 16), bytes[end + 1] == 0x0A else { return .malformed }
            let start = end + 2
            guard start + count + 2 <= bytes.endIndex else { return .incomplete }
            guard bytes[start + count] == 0x0D, bytes[start + count + 1] == 0x0A else { return .malformed }
            body += bytes[start..<(start + count)]
            index = start + count + 2
            if count == 0 { return .complete(body, count: index - bytes.startIndex) }
        }
    }
}
