internal import COpenSSL
internal import Synchronization

/// The keys under which sessions are given to clients (RFC 8446 §4.6.1), shared by all workers and by all certificates: a
/// client may come back to any of them.
///
/// Nothing of a session is kept here. A new key is made at intervals; the former ones still open tickets, which are then
/// renewed, until the tickets have ended.
public final class TicketKeys: Sendable {
    struct Key {
        var name: InlineArray<16, UInt8>
        var cipher: InlineArray<32, UInt8>
        var authentication: InlineArray<32, UInt8>
        let madeAt: UInt64
    }

    /// Newest first.
    private let keys = Mutex<[Key]>([])
    private let rotation: UInt64
    private let kept: Int

    /// How long a session may be resumed, seconds.
    static let lifetimeSeconds = 24 * 3600

    /// - Parameter rotation: nanoseconds after which a new key takes over.
    public init(rotation: UInt64 = 8 * 3600 * 1_000_000_000) {
        self.rotation = rotation
        kept = 1 + TicketKeys.lifetimeSeconds * 1_000_000_000 / Int(rotation)
    }

    /// The key for new tickets, made anew when its time is up.
    ///
    /// - Parameter now: monotonic, nanoseconds.
    func current(now: UInt64) -> Key? {
        keys.withLock { keys in
            if let newest = keys.first, now < newest.madeAt + rotation { return newest }
            guard let key = TicketKeys.make(now) else { return keys.first }
            keys.insert(key, at: 0)
            if keys.count > kept { keys.removeLast() }
            return key
        }
    }

    /// The key of a ticket, and whether it is the newest.
    func find(_ name: UnsafePointer<UInt8>) -> (key: Key, isNewest: Bool)? {
        keys.withLock { keys in
            for (index, key) in keys.enumerated() where (0..<16).allSatisfy({ key.name[$0] == name[$0] }) { return (key, index == 0) }
            return nil
        }
    }

    private static func make(_ now: UInt64) -> Key? {
        var key = Key(name: .init(repeating: 0), cipher: .init(repeating: 0), authentication: .init(repeating: 0), madeAt: now)
        let isMade = withUnsafeMutableBytes(of: &key.name) { RAND_bytes($0.baseAddress, 16) } == 1
            && withUnsafeMutableBytes(of: &key.cipher) { RAND_priv_bytes($0.baseAddress, 32) } == 1
            && withUnsafeMutableBytes(of: &key.authentication) { RAND_priv_bytes($0.baseAddress, 32) } == 1
        return isMade ? key : nil
    }
}

extension TicketKeys {
    /// What OpenSSL asks for each ticket: AES-256-CBC and HMAC-SHA-256 under the key for it.
    ///
    /// - Returns: 1 to go on, 2 to go on and renew the ticket, 0 for a ticket that nobody here made, -1 for a failure.
    func prepare(
        _ name: UnsafeMutablePointer<UInt8>, _ vector: UnsafeMutablePointer<UInt8>, _ cipher: OpaquePointer, _ mac: OpaquePointer,
        encrypts: Bool, now: UInt64
    ) -> Int32 {
        if encrypts {
            guard let key = current(now: now), RAND_bytes(vector, 16) == 1 else { return -1 }
            for index in 0..<16 { name[index] = key.name[index] }
            return TicketKeys.set(key, vector, cipher, mac, encrypts: true) ? 1 : -1
        }
        guard let (key, isNewest) = find(name) else { return 0 }
        guard TicketKeys.set(key, vector, cipher, mac, encrypts: false) else { return -1 }
        return isNewest ? 1 : 2
    }

    /// Looked up once; OpenSSL would do it for each ticket.
    private nonisolated(unsafe) static let algorithm = EVP_CIPHER_fetch(nil, "AES-256-CBC", nil)

    private static func set(
        _ key: Key, _ vector: UnsafeMutablePointer<UInt8>, _ cipher: OpaquePointer, _ mac: OpaquePointer, encrypts: Bool
    ) -> Bool {
        var key = key
        let isCipherSet = withUnsafeBytes(of: &key.cipher) { bytes in
            EVP_CipherInit_ex(cipher, TicketKeys.algorithm, nil, bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), vector, encrypts ? 1 : 0)
        }
        guard isCipherSet == 1 else { return false }
        return withUnsafeMutableBytes(of: &key.authentication) { copenssl_mac_init(mac, $0.baseAddress, 32) } == 1
    }
}
