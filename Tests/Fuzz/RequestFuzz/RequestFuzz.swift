import Bytes
import HTTP

/// libFuzzer's question: does this input break the parser of request heads, or what the proxy makes of them?
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzRequest(_ data: UnsafePointer<UInt8>?, _ size: Int) -> CInt {
    let bytes = BorrowedBytes(start: data, count: size)
    var head = RequestHead()
    var options = HeadOptions()
    options.reservedStayEncoded = size % 2 == 1
    let result = RequestParser.parse(bytes, into: &head, options: options)
    guard case .complete(let count) = result else { return 0 }
    checkEnd(bytes, count, options)
    checkPaths(head, options)
    checkForwarded(&head, options)
    return 0
}

/// The head ends where the parser says: with one byte less it is not complete, and what follows does not matter.
private func checkEnd(_ bytes: BorrowedBytes, _ count: Int, _ options: HeadOptions) {
    precondition(count > 0 && count <= bytes.count, "a length of \(count) in \(bytes.count)")
    var again = RequestHead()
    precondition(RequestParser.parse(bytes.slice(0, count), into: &again, options: options) == .complete(count), "its own bytes are not enough")
    precondition(RequestParser.parse(bytes.slice(0, count - 1), into: &again, options: options) == .needMore, "complete before its end")
    var end = HeadEnd()
    precondition(end.isReached(in: bytes.slice(0, count)), "its end is not found")
}

private func checkPaths(_ head: borrowing RequestHead, _ options: HeadOptions) {
    precondition(head.path.first == UInt8(ascii: "/") && head.matchPath.first == UInt8(ascii: "/"), "a path without its slash")
    let segments = head.matchPath.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
    precondition(!segments.contains { $0.elementsEqual(".".utf8) || $0.elementsEqual("..".utf8) }, "a dot segment is matched")
    precondition(head.path.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "#") && $0 != UInt8(ascii: "?") }, "a byte that may not stand in a path")
}

/// What is sent is read as what was matched, by one that reads paths the same way: same method, path, query and body.
private func checkForwarded(_ head: inout RequestHead, _ options: HeadOptions) {
    let framing = head.framing
    head.removeNominatedFields()
    var output = ByteBuffer()
    HeadSerializer.write(head, host: BorrowedBytes("up.test"), framing: .init(body: framing), to: &output)
    var again = RequestHead()
    var options = options
    options.bytesMax = Limits.headBytesCeiling
    let result = RequestParser.parse(output.readable, into: &again, options: options)
    // CONNECT is not forwarded; its target has a form of its own.
    if head.method == .connect { return }
    precondition(result == .complete(output.count), "sends what it would refuse: \(result)")
    precondition(again.methodBytes.equals(head.methodBytes) && again.path.equals(head.path) && again.query.equals(head.query), "sends another request")
    precondition(again.framing == framing || framing == .none, "sends another body")
    precondition(again.host.equals("up.test"), "sends another host")
}
