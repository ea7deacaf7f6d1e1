import Bytes
import Downstream
import HTTP
import Net

/// A long listing while it is sent: a piece per turn of the loop, and none while the client does not read.
///
/// It keeps itself alive from `start` until the last piece is sent or the client has gone.
final class RouteTransfer {
    private var listing: RouteListing
    private let stream: ServerStream
    private let loop: UnsafeMutablePointer<EventLoop>
    private let timer: UnsafeMutablePointer<TimerNode>

    init(_ listing: RouteListing, stream: ServerStream, loop: UnsafeMutablePointer<EventLoop>) {
        self.listing = listing
        self.stream = stream
        self.loop = loop
        timer = .allocate(capacity: 1)
        timer.initialize(to: TimerNode())
    }

    deinit { timer.deallocate() }

    /// The transfer that a stream's callbacks name.
    static func of(_ exchange: UnsafeMutableRawPointer) -> RouteTransfer {
        Unmanaged<RouteTransfer>.fromOpaque(exchange).takeUnretainedValue()
    }

    func start(_ head: borrowing ResponseHead, _ piece: [UInt8]) {
        let exchange = Unmanaged.passRetained(self).toOpaque()
        stream.attach(exchange)
        timer.pointee.owner = exchange
        timer.pointee.expired = { RouteTransfer.of($0).resume() }
        wait(piece.withUnsafeBytes { stream.respond(head, framing: .chunked, BodyPiece(constant: $0), isLast: false) })
    }

    /// Sends the next piece.
    func resume() {
        var piece: [UInt8] = []
        listing.append(to: &piece, limit: AdminLimits.pieceBytes)
        let outcome = piece.withUnsafeBytes { stream.write(BodyPiece(constant: $0), isLast: listing.isComplete) }
        listing.isComplete ? abandon() : wait(outcome)
    }

    private func wait(_ outcome: WriteOutcome) {
        switch outcome {
        // Not at once: the loop has other work.
        case .flushed: loop.pointee.timers.set(timer, at: loop.pointee.now)
        case .blocked: break
        case .failed: stream.abort(); abandon()
        }
    }

    /// Nothing more will be sent.
    func abandon() {
        loop.pointee.timers.remove(timer)
        Unmanaged.passUnretained(self).release()
    }
}
