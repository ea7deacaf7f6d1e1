import Synchronization

/// Something that one thread waits for until another says that it may go on.
public final class Gate: Sendable {
    private let isOpen = Mutex(false)

    public init() {}

    public func open() { isOpen.withLock { $0 = true } }

    public func wait() throws { try Patience.wait(for: "the gate") { isOpen.withLock { $0 } } }
}
