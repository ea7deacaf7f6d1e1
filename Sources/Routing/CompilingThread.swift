internal import CLinux
internal import Eskip
internal import Glibc

/// Compiles definitions on a thread of its own, a few blocks ahead of the one that takes the results, in order.
///
/// The first load of many routes is half compiling, half putting into the table: two threads halve the wait. The blocks are
/// few, so that what is compiled and not yet taken stays small, and the thread that filled a block also empties it: memory goes
/// back to where it came from.
final class CompilingThread: @unchecked Sendable {
    // Unchecked: a block belongs to one side at a time; the semaphores say whose it is.

    enum Outcome {
        /// The taker has the one reference that there is to the route; the place is void when the block is filled again.
        case compiled(Unmanaged<Route>, TablePlace, idHash: UInt32)
        case refused(RouteRefusalCause)
    }

    private struct Block {
        var outcomes: [Outcome] = []
        let arena = PlaceArena()
    }

    private let definitions: [RouteDefinition]
    private let compile: (RouteDefinition, PlaceArena) -> Outcome
    private let blocks: UnsafeMutablePointer<Block>
    private let filled: UnsafeMutablePointer<sem_t>
    private let vacant: UnsafeMutablePointer<sem_t>
    private let ended: UnsafeMutablePointer<sem_t>

    private static let blockCount = 4
    private static let routesPerBlock = 512
    private static let stackBytes = 1 << 20
    /// Outcomes between a look ahead and the taking: as many as memory fetches at a time, more or less.
    private static let lookAhead = 8

    /// - Parameter compile: called on the thread only.
    private init(_ definitions: [RouteDefinition], _ compile: @escaping (RouteDefinition, PlaceArena) -> Outcome) {
        self.definitions = definitions
        self.compile = compile
        blocks = .allocate(capacity: Self.blockCount)
        for index in 0..<Self.blockCount { (blocks + index).initialize(to: Block()) }
        (filled, vacant, ended) = (.allocate(capacity: 1), .allocate(capacity: 1), .allocate(capacity: 1))
        sem_init(filled, 0, 0)
        sem_init(vacant, 0, UInt32(Self.blockCount))
        sem_init(ended, 0, 0)
    }

    deinit {
        for semaphore in [filled, vacant, ended] {
            sem_destroy(semaphore)
            semaphore.deallocate()
        }
        blocks.deinitialize(count: Self.blockCount)
        blocks.deallocate()
    }

    /// Calls `take` with the position and the outcome of every definition, on this thread.
    ///
    /// - Parameters:
    ///   - compile: called on the other thread; whatever lies in the arena lives until the outcome was taken.
    ///   - expect: called a few outcomes before `take`, but for the first ones of a block.
    /// - Returns: false if there is no thread to be had; then nothing was called.
    static func forEach(
        _ definitions: [RouteDefinition], compile: @escaping (RouteDefinition, PlaceArena) -> Outcome, expect: (Outcome) -> Void,
        take: (Int, Outcome) -> Void
    ) -> Bool {
        let thread = CompilingThread(definitions, compile)
        guard thread.start() else { return false }
        for (number, start) in stride(from: 0, to: definitions.count, by: routesPerBlock).enumerated() {
            wait(thread.filled)
            let outcomes = (thread.blocks + number % blockCount).pointee.outcomes
            for offset in 0..<outcomes.count {
                if offset + lookAhead < outcomes.count { expect(outcomes[offset + lookAhead]) }
                take(start + offset, outcomes[offset])
            }
            sem_post(thread.vacant)
        }
        wait(thread.ended)
        return true
    }

    private func start() -> Bool {
        var thread = pthread_t()
        let argument = Unmanaged.passRetained(self)
        let result = clinux_thread_start(&thread, Self.stackBytes, { argument in
            Unmanaged<CompilingThread>.fromOpaque(argument!).takeRetainedValue().run()
            return nil
        }, argument.toOpaque())
        guard result == 0 else {
            argument.release()
            return false
        }
        pthread_detach(thread)
        return true
    }

    private func run() {
        // Signals are for the thread that waits for them.
        var all = sigset_t()
        sigfillset(&all)
        pthread_sigmask(SIG_BLOCK, &all, nil)
        for (number, start) in stride(from: 0, to: definitions.count, by: Self.routesPerBlock).enumerated() {
            Self.wait(vacant)
            let block = blocks + number % Self.blockCount
            block.pointee.outcomes.removeAll(keepingCapacity: true)
            block.pointee.arena.reset()
            for index in start..<min(start + Self.routesPerBlock, definitions.count) {
                block.pointee.outcomes.append(compile(definitions[index], block.pointee.arena))
            }
            sem_post(filled)
        }
        // The last blocks may still be read.
        for _ in 0..<Self.blockCount { Self.wait(vacant) }
        for index in 0..<Self.blockCount { blocks[index] = Block() }
        sem_post(ended)
    }

    private static func wait(_ semaphore: UnsafeMutablePointer<sem_t>) {
        // Signals interrupt it.
        while sem_wait(semaphore) != 0 {}
    }
}
