import Glibc
import Synchronization

/// Whether scenarios run in the clear or over TLS: with `FAIRWAY_TEST_SCHEME=https` every proxy that a test starts shows a
/// certificate, and every client of it encrypts. The scenarios do not know.
public enum TestScheme {
    public static let isHTTPS = getenv("FAIRWAY_TEST_SCHEME").map { String(cString: $0) } == "https"

    private static let pair = Mutex<(authority: TestAuthority, pair: TestAuthority.Pair)?>(nil)
    private static let ports = Mutex<Set<UInt16>>([])

    /// What a proxy on this port is started with.
    static func flags(for port: UInt16) throws -> [String] {
        guard isHTTPS else { return [] }
        let pair = try pair.withLock { made in
            if let made { return made.pair }
            let authority = try TestAuthority()
            let pair = try authority.issue(["DNS:a.test", "IP:127.0.0.1"])
            made = (authority, pair)
            return pair
        }
        _ = ports.withLock { $0.insert(port) }
        return ["-tls-cert", pair.certificate, "-tls-key", pair.key]
    }

    static func isEncrypted(_ port: UInt16) -> Bool { ports.withLock { $0.contains(port) } }
}
