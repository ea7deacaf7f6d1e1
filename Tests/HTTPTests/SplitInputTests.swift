import Bytes
import HTTP
import Testing

/// Bytes come as the network likes: how they were cut must not show in what they mean.
@Suite("Input split at every byte")
struct SplitInputTests {
    static let requests: [String] = [
        "GET / HTTP/1.1\r\nHost: a\r\n\r\n", "\r\n\r\nGET /a?b HTTP/1.0\r\n\r\n", "POST http://b.test:80/%7e/../x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nX:\t y \r\nEmpty:\r\n\r\n",
        "OPTIONS * HTTP/1.1\r\nHost: [::1]:80\r\nConnection: close, upgrade\r\nUpgrade: x\r\n\r\n", "PUT //a//b HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nX: 12345678\t12345678\r\n\r\n",
    ]

    @Test("request heads", arguments: requests)
    func requestHeads(text: String) {
        let bytes = Array(text.utf8)
        let whole = parseRequest(bytes)
        guard case .complete(_, bytes.count) = whole else { return #expect(Bool(false), "\(whole)") }
        for end in 0..<bytes.count { #expect(parseRequest(Array(bytes[..<end])) == .needMore, "after \(end) bytes") }
        for more in ["G", "\r\n", "\0", text] { #expect(parseRequest(bytes + Array(more.utf8)) == whole) }
    }

    @Test("the end of a head is found in whatever pieces it comes", arguments: requests)
    func headEnds(text: String) {
        let bytes = Array(text.utf8)
        for first in 0..<bytes.count {
            for second in stride(from: first, to: bytes.count, by: 3) {
                var end = HeadEnd()
                var isFound = false
                for count in [first, second, bytes.count] {
                    isFound = bytes[..<count].withUnsafeBytes { end.isReached(in: $0) }
                }
                #expect(isFound, "\(first), \(second)")
            }
        }
    }

    @Test("a head's end is not looked for twice in the same bytes")
    func headEndsBehindEmptyLines() {
        let bytes = Array("\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n".utf8)
        var end = HeadEnd()
        let hits = (1...bytes.count).filter { count in bytes[..<count].withUnsafeBytes { end.isReached(in: $0) } }
        #expect(hits == [4, bytes.count])
    }

    @Test("response heads", arguments: [
        "HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 200\r\nContent-Length: 5\r\n\r\n", "HTTP/1.0 404 \r\nX: y\r\n\r\n", "HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\n",
        "HTTP/1.1 200 a\tb \r\nTransfer-Encoding: chunked\r\nA: 1\r\nB: 2\r\n\r\n",
    ])
    func responseHeads(text: String) {
        let bytes = Array(text.utf8)
        let whole = parseResponse(bytes)
        guard case .complete(_, bytes.count) = whole else { return #expect(Bool(false), "\(whole)") }
        for end in 0..<bytes.count { #expect(parseResponse(Array(bytes[..<end])) == .needMore, "after \(end) bytes") }
        #expect(parseResponse(bytes + [0x48]) == whole)
    }

    static let chunked: [String] = [
        "0\r\n\r\n", "5\r\nhello\r\n0\r\n\r\n", "1\r\na\r\n2;x=y\r\nbc\r\n003\r\ndef\r\n0\r\n\r\n", "a;\t\"q\"\r\n0123456789\r\n000\r\nX: y\r\nZ:\r\n\r\n",
        "5\r\n\r\n0\r\n\r\n0\r\nT: 1\r\n\r\n",
    ]

    @Test("chunked bodies, cut in two and in three", arguments: chunked)
    func chunkedBodies(text: String) throws {
        let bytes = Array(text.utf8)
        let whole = try Decoded([bytes])
        #expect(whole.isComplete && whole.consumed == bytes.count)
        for first in 0...bytes.count {
            for second in first...bytes.count {
                let pieces = [bytes[..<first], bytes[first..<second], bytes[second...]].map { Array($0) }
                #expect(try Decoded(pieces) == whole, "\(first), \(second)")
            }
        }
        #expect(try Decoded(bytes.map { [$0] }) == whole)
    }

    @Test("what follows a chunked body stays where it is", arguments: chunked)
    func behindChunkedBodies(text: String) throws {
        let decoded = try Decoded([Array((text + "GET / HTTP/1.1\r\n").utf8)])
        #expect(decoded.isComplete && decoded.consumed == text.utf8.count)
    }
}

/// A chunked body decoded in the given pieces.
struct Decoded: Equatable {
    var data: [UInt8] = []
    var trailers: [UInt8] = []
    var consumed = 0
    var isComplete = false

    init(_ pieces: [[UInt8]]) throws {
        var decoder = ChunkedDecoder()
        for piece in pieces where !piece.isEmpty {
            var piece = piece
            let result = try piece.withUnsafeMutableBytes { try decoder.decode($0) }
            data += piece[result.data]
            consumed += result.consumed
        }
        trailers = Array(decoder.trailers.readable)
        isComplete = decoder.isComplete
    }

    init(_ text: String) throws { try self.init([Array(text.utf8)]) }
}
