import Bytes
import Crypto
import Downstream
import Filters
import Net
import Telemetry

/// What filters of one worker get of the world: the loop's clock, timers and randomness.
final class WorkerServices: FilterServices {
    private let loop: UnsafeMutablePointer<EventLoop>
    private let telemetry: WorkerTelemetry
    private var state: UInt64

    init(loop: UnsafeMutablePointer<EventLoop>, telemetry: WorkerTelemetry, seed: UInt64) {
        self.loop = loop
        self.telemetry = telemetry
        state = seed
        super.init()
    }

    // Asked of the loop: timers resume bodies and filters in turns in which no exchange begins.
    override var now: UInt64 {
        get { loop.pointee.now }
        set {}
    }

    override var wallTime: UInt64 {
        get { loop.pointee.wallTime }
        set {}
    }

    /// SplitMix64: one addition and a mix per word.
    override func randomWord() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var word = state
        word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
        word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
        return word ^ (word >> 31)
    }

    override func clientCertificates(_ context: FilterContext) -> PeerCertificates? {
        // An exchange begins with its filters' state.
        UnsafeMutableRawPointer(context.state).assumingMemoryBound(to: Exchange.self).pointee.server.clientCertificates
    }

    override func count(_ key: String, by amount: UInt64) { telemetry.count(key, by: amount) }

    override func log(_ message: String) { telemetry.log.info(message) }

    override func audit(_ line: BorrowedBytes) { _ = telemetry.audits.write(line) }

    override func after(_ nanoseconds: UInt64, _ body: @escaping () -> Void) {
        DelayedCall.schedule(on: loop, after: nanoseconds, body)
    }
}

/// A closure that a timer calls once; it owns itself until then.
private final class DelayedCall {
    private let body: () -> Void
    private let node = UnsafeMutablePointer<TimerNode>.allocate(capacity: 1)

    private init(_ body: @escaping () -> Void) { self.body = body }

    deinit { node.deallocate() }

    static func schedule(on loop: UnsafeMutablePointer<EventLoop>, after nanoseconds: UInt64, _ body: @escaping () -> Void) {
        let call = DelayedCall(body)
        call.node.initialize(to: TimerNode())
        call.node.pointee.owner = Unmanaged.passRetained(call).toOpaque()
        call.node.pointee.expired = { Unmanaged<DelayedCall>.fromOpaque($0).takeRetainedValue().body() }
        loop.pointee.timers.set(call.node, at: loop.pointee.now + nanoseconds)
    }
}
