import Bytes
import HTTP

/// libFuzzer's question: does this input break the decoder of chunked bodies, or mean different things depending on how
/// it was cut?
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzChunked(_ data: UnsafePointer<UInt8>?, _ size: Int) -> CInt {
    let bytes = Array(UnsafeBufferPointer(start: data, count: size))
    let whole = decode(bytes, pieces: size)
    for pieces in [1, 2, 3, 7, 64] where pieces < size {
        let cut = decode(bytes, pieces: pieces)
        precondition(cut.error == whole.error, "refused or not, depending on the cut")
        guard whole.error == nil else { continue }
        precondition(cut.data == whole.data && cut.trailers == whole.trailers && cut.consumed == whole.consumed && cut.isComplete == whole.isComplete,
            "another body, depending on the cut")
    }
    if whole.error == nil { checkEncoded(whole) }
    return 0
}

private struct Body {
    var data: [UInt8] = []
    var trailers: [UInt8] = []
    var consumed = 0
    var isComplete = false
    var error: HTTPError?
}

private func decode(_ bytes: [UInt8], pieces: Int) -> Body {
    var body = Body()
    var decoder = ChunkedDecoder()
    var start = 0
    while start < bytes.count, body.error == nil, !decoder.isComplete {
        var piece = Array(bytes[start..<min(start + pieces, bytes.count)])
        do {
            let (consumed, data) = try piece.withUnsafeMutableBytes { try decoder.decode($0) }
            precondition(consumed == piece.count || decoder.isComplete, "stops in the middle")
            body.data += piece[data]
            body.consumed += consumed
            start += consumed
        } catch {
            body.error = error as? HTTPError
        }
    }
    body.trailers = Array(decoder.trailers.readable)
    body.isComplete = decoder.isComplete
    return body
}

/// What was decoded encodes to something that decodes to the same.
private func checkEncoded(_ body: Body) {
    guard body.isComplete else { return }
    let encoded = body.trailers.withUnsafeBytes { trailers in
        ChunkedEncoder.withFraming(body.data.count, isLast: true, trailers: trailers) { Array($0) + body.data + Array($1) }
    }
    let again = decode(encoded, pieces: max(1, encoded.count))
    precondition(again.isComplete && again.data == body.data && again.trailers == body.trailers && again.error == nil, "encodes another body")
}
