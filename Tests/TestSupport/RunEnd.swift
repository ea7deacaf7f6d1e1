import COpenSSL
import Glibc
import Synchronization

/// What is left to do when the tests' process ends, which runs no `deinit` of what threads and constants hold.
enum RunEnd {
    private static let actions = Mutex<[@Sendable () -> Void]>([])

    /// Adds what is done at the end, in no order.
    static func add(_ action: @escaping @Sendable () -> Void) {
        _ = isAwaited
        actions.withLock { $0.append(action) }
    }

    private static let isAwaited: Void = {
        // At the end OpenSSL would give up its locks, and threads of tests that still hold connections would crash. It is told
        // not to; where it has begun before, without being told, what is added behind it comes first and ends the process.
        OPENSSL_init_crypto(UInt64(OPENSSL_INIT_NO_ATEXIT | OPENSSL_INIT_LOAD_CRYPTO_STRINGS), nil)
        _ = on_exit({ status, _ in
            RunEnd.actions.withLock { $0 }.forEach { $0() }
            fflush(nil)
            _exit(status)
        }, nil)
    }()
}
