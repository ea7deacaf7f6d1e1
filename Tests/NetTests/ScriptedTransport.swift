import Bytes
@testable import Net

/// A transport that takes what a script says, and keeps it.
final class ScriptedTransport {
    enum Step {
        case takes(Int)
        case blocks
        case fails
    }

    var steps: [Step] = []
    private(set) var taken: [UInt8] = []

    var transport: Transport {
        Transport(ScriptedTransport.operations, context: Unmanaged.passUnretained(self).toOpaque(), descriptor: 0)
    }

    private nonisolated(unsafe) static let operations: UnsafePointer<TransportOperations> = {
        let place = UnsafeMutablePointer<TransportOperations>.allocate(capacity: 1)
        place.initialize(to: TransportOperations(
            receive: { _, _ in .wouldBlock },
            sendPair: { Unmanaged<ScriptedTransport>.fromOpaque($0).takeUnretainedValue().send($1, $2) },
            hasMore: { _ in false }, isCutShort: { _ in false }, shutdownWrite: { _ in }, close: { _, _ in }))
        return UnsafePointer(place)
    }()

    /// Takes everything once the script has ended.
    private func send(_ first: BorrowedBytes, _ second: BorrowedBytes) -> IOResult {
        let result = send(first)
        guard result == .bytes(first.count), !second.isEmpty else { return result }
        guard case .bytes(let more) = send(second) else { return result }
        return .bytes(first.count + more)
    }

    private func send(_ bytes: BorrowedBytes) -> IOResult {
        switch steps.isEmpty ? .takes(.max) : steps.removeFirst() {
        case .takes(let count):
            let count = min(count, bytes.count)
            taken += bytes.prefix(count)
            return .bytes(count)
        case .blocks: return .wouldBlock
        case .fails: return .failed(.connectionReset)
        }
    }
}
