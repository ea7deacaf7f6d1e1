@testable import Net
import Testing

@Suite("Event loop")
struct EventLoopTests {
    private final class Steps {
        var names: [String] = []
        var pointer: UnsafeMutableRawPointer { Unmanaged.passUnretained(self).toOpaque() }

        static func add(_ name: String, to steps: UnsafeMutableRawPointer) { Unmanaged<Steps>.fromOpaque(steps).takeUnretainedValue().names.append(name) }
    }

    @Test func aTurnEndsBehindItsDeferredCalls() throws {
        let run = try LoopRun()
        let steps = Steps()
        run.loop.pointee.turnOwner = steps.pointer
        run.loop.pointee.startOfTurn = { Steps.add("start", to: $0) }
        run.loop.pointee.endOfTurn = { Steps.add("end", to: $0) }
        run.loop.atEndOfTurn(steps.pointer) { Steps.add("deferred", to: $0) }
        run.loop.turn()
        #expect(steps.names == ["start", "deferred", "end"])
    }
}
