import Benchmark
import Bytes
import HTTP

private let requestText: StaticString = """
    GET /catalogue/shoes/4711?size=42&colour=blue HTTP/1.1\r
    Host: shop.example.org\r
    User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r
    Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r
    Accept-Language: en-GB,en;q=0.7,de;q=0.3\r
    Accept-Encoding: gzip, deflate, br, zstd\r
    Cookie: session=0123456789abcdef0123456789abcdef; theme=dark\r
    Connection: keep-alive\r
    X-Request-Id: 7f3a9c50-0000-4000-8000-000000000000\r
    \r

    """

private let responseText: StaticString = """
    HTTP/1.1 200 OK\r
    Server: origin\r
    Date: Thu, 01 Jan 2026 00:00:00 GMT\r
    Content-Type: text/html; charset=utf-8\r
    Content-Length: 1024\r
    Cache-Control: private, max-age=0\r
    Vary: Accept-Encoding\r
    \r

    """

func httpBenchmarks() {
    parsing()
    serializing()
    decodingChunks()
}

private func parsing() {
    Benchmark("HTTP: request head, 8 fields") { benchmark in
        let text = BorrowedBytes(requestText), options = HeadOptions()
        var head = RequestHead()
        for _ in benchmark.scaledIterations { blackHole(RequestParser.parse(text, into: &head, options: options)) }
        precondition(head.path.equals("/catalogue/shoes/4711"), "the head was refused: this measured an error")
    }
    Benchmark("HTTP: response head, 6 fields") { benchmark in
        let text = BorrowedBytes(responseText)
        var head = ResponseHead()
        for _ in benchmark.scaledIterations { blackHole(ResponseParser.parse(text, into: &head, method: .get)) }
        precondition(head.status == 200, "the head was refused: this measured an error")
    }
    Benchmark("HTTP: request head with escapes and dot segments") { benchmark in
        let text = BorrowedBytes("GET /a/%7Euser/./b/../c%2Fd/%c3%a4?x HTTP/1.1\r\nHost: a\r\n\r\n"), options = HeadOptions()
        var head = RequestHead()
        for _ in benchmark.scaledIterations { blackHole(RequestParser.parse(text, into: &head, options: options)) }
        precondition(head.path.equals("/a/~user/c%2Fd/%C3%A4"), "read as \(head.path.text)")
    }
}

private func serializing() {
    Benchmark("HTTP: request head written for the upstream") { benchmark in
        var head = RequestHead(), output = ByteBuffer()
        blackHole(RequestParser.parse(BorrowedBytes(requestText), into: &head, options: HeadOptions()))
        let host = BorrowedBytes("10.2.0.7:8080"), framing = HeadSerializer.Framing(body: .none)
        for _ in benchmark.scaledIterations {
            output.removeAll()
            HeadSerializer.write(head, host: host, framing: framing, to: &output)
        }
        precondition(output.count > 300, "wrote \(output.count) bytes")
    }
    Benchmark("HTTP: response head written for the client") { benchmark in
        var head = ResponseHead(), output = ByteBuffer()
        blackHole(ResponseParser.parse(BorrowedBytes(responseText), into: &head, method: .get))
        let server = BorrowedBytes("Fairway"), date = BorrowedBytes("Thu, 01 Jan 2026 00:00:00 GMT")
        let framing = HeadSerializer.Framing(body: .length(1024))
        for _ in benchmark.scaledIterations {
            output.removeAll()
            HeadSerializer.write(head, framing: framing, server: server, date: date, to: &output)
        }
        precondition(output.count > 150, "wrote \(output.count) bytes")
    }
}

/// Decoding moves the data together in place, so each turn begins with a fresh copy, which counts too.
private func decodingChunks() {
    for (name, chunkBytes) in [("16 KiB in one chunk", 16384), ("16 KiB in chunks of 64 bytes", 64)] {
        Benchmark("HTTP: chunked, \(name)") { benchmark in
            let text = chunked(bytes: 16384, chunkBytes: chunkBytes)
            let scratch = UnsafeMutableRawBufferPointer.allocate(byteCount: text.count, alignment: 16)
            defer { scratch.deallocate() }
            for _ in benchmark.scaledIterations {
                scratch.copyBytes(from: text)
                var decoder = ChunkedDecoder()
                let decoded = try? decoder.decode(scratch)
                precondition(decoded?.data.count == 16384 && decoder.isComplete, "decoded \(String(describing: decoded))")
            }
        }
    }
}

private func chunked(bytes: Int, chunkBytes: Int) -> [UInt8] {
    let chunk = String(chunkBytes, radix: 16) + "\r\n" + String(repeating: "x", count: chunkBytes) + "\r\n"
    return Array((String(repeating: chunk, count: bytes / chunkBytes) + "0\r\n\r\n").utf8)
}
