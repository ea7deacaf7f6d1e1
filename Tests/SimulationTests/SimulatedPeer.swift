import Bytes
import Net
import TestSupport

/// One end of a connection to the proxy: bytes that wait to be sent, bytes that came.
final class SimulatedPeer {
    private var transport: Transport
    private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 64 * 1024, alignment: 16)
    private var output: [UInt8] = []
    private(set) var sentCount = 0
    var input: [UInt8] = []
    private(set) var hasEnded = false
    private(set) var isClosed = false

    init(_ descriptor: Int32) { transport = Transport(socket: descriptor) }

    deinit {
        close(isReset: false)
        buffer.deallocate()
    }

    var isFlushed: Bool { sentCount == output.count }

    func write(_ bytes: [UInt8]) { output += bytes }

    /// - Returns: whether any byte left.
    func send(atMost limit: Int) -> Bool {
        guard !isClosed, limit > 0, sentCount < output.count else { return false }
        let end = min(output.count, sentCount + limit)
        let result = output.withUnsafeBytes { transport.send($0.slice(sentCount, end)) }
        switch result {
        case .bytes(let count): sentCount += count
        case .wouldBlock: return false
        // Nobody reads any more; what can still be read is.
        case .end, .failed: sentCount = output.count
        }
        return true
    }

    /// - Returns: whether anything came, be it the end.
    func receive(atMost limit: Int) -> Bool {
        guard !isClosed, !hasEnded else { return false }
        let room = UnsafeMutableRawBufferPointer(rebasing: buffer[..<min(limit, buffer.count)])
        switch transport.receive(into: room) {
        case .bytes(let count): input += room[..<count]
        case .wouldBlock: return false
        case .end, .failed: hasEnded = true
        }
        return true
    }

    func close(isReset: Bool) {
        guard !isClosed else { return }
        isClosed = true
        if isReset { transport.abort() } else { transport.close() }
    }
}
