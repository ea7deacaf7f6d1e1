import Bytes
import HTTP

/// libFuzzer's question: does this input break the parser of response heads, or what is passed on of them? The first
/// byte chooses the request's method.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzResponse(_ data: UnsafePointer<UInt8>?, _ size: Int) -> CInt {
    guard let data, size > 1 else { return 0 }
    let method = Method(rawValue: data[0] % 10) ?? .get
    let bytes = BorrowedBytes(start: data + 1, count: size - 1)
    var head = ResponseHead()
    guard case .complete(let count) = ResponseParser.parse(bytes, into: &head, method: method) else { return 0 }
    precondition(count > 0 && count <= bytes.count, "a length of \(count) in \(bytes.count)")
    precondition((100...999).contains(head.status), "status \(head.status)")
    var again = ResponseHead()
    precondition(ResponseParser.parse(bytes.slice(0, count), into: &again, method: method) == .complete(count), "its own bytes are not enough")
    precondition(ResponseParser.parse(bytes.slice(0, count - 1), into: &again, method: method) == .needMore, "complete before its end")
    checkPassedOn(&head, method)
    return 0
}

private func checkPassedOn(_ head: inout ResponseHead, _ method: Method) {
    let framing = head.framing
    head.removeNominatedFields()
    var output = ByteBuffer()
    HeadSerializer.write(head, framing: .init(body: framing), date: BorrowedBytes("Thu, 01 Jan 1970 00:00:00 GMT"), to: &output)
    var again = ResponseHead()
    precondition(ResponseParser.parse(output.readable, into: &again, method: method) == .complete(output.count), "sends what it would refuse")
    precondition(again.status == head.status, "sends another status")
    precondition(again.framing == framing || framing == .none, "sends another body")
}
