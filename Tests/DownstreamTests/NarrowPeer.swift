import Bytes
import CLinux
import Net

/// A client that sends its requests at once, and whose kernel takes of what it is sent what a test says.
final class NarrowPeer {
    private var requests: [UInt8]
    /// Bytes that are still taken.
    var room = Int.max
    var isGone = false
    private(set) var taken: [UInt8] = []
    private(set) var isShut = false
    private(set) var isClosed = false
    /// What the loop waits for; nothing ever happens to it.
    private let descriptor = clinux_eventfd()

    init(_ requests: String) { self.requests = Array(requests.utf8) }

    deinit { _ = clinux_close(descriptor) }

    var text: String { String(decoding: taken, as: UTF8.self) }

    /// - Parameter self: outlives it.
    var transport: Transport { Transport(NarrowPeer.operations, context: Unmanaged.passUnretained(self).toOpaque(), descriptor: descriptor) }

    private nonisolated(unsafe) static let operations: UnsafePointer<TransportOperations> = {
        let place = UnsafeMutablePointer<TransportOperations>.allocate(capacity: 1)
        place.initialize(to: TransportOperations(
            receive: { peer($0).receive(into: $1) },
            sendPair: { peer($0).send($1, $2) },
            hasMore: { !peer($0).requests.isEmpty },
            isCutShort: { _ in false },
            shutdownWrite: { peer($0).isShut = true },
            close: { context, _ in peer(context).isClosed = true }))
        return UnsafePointer(place)
    }()

    private static func peer(_ context: UnsafeMutableRawPointer) -> NarrowPeer { Unmanaged<NarrowPeer>.fromOpaque(context).takeUnretainedValue() }

    private func receive(into buffer: UnsafeMutableRawBufferPointer) -> IOResult {
        guard !requests.isEmpty else { return .wouldBlock }
        let count = min(buffer.count, requests.count)
        buffer.copyBytes(from: requests[..<count])
        requests.removeFirst(count)
        return .bytes(count)
    }

    private func send(_ first: BorrowedBytes, _ second: BorrowedBytes) -> IOResult {
        if isGone { return .failed(.connectionReset) }
        let bytes = (Array(first) + Array(second)).prefix(room)
        if bytes.isEmpty { return .wouldBlock }
        taken += bytes
        room -= bytes.count
        return .bytes(bytes.count)
    }
}
