import HTTP

/// The origins that routes' own rules for TLS make of others, of one worker: they are one for the whole process, but asking
/// which takes a lock and copies names.
struct SecuredOrigins {
    private struct Key: Hashable {
        /// The base origin's, which is its alone as long as the entry holds it.
        let id: UInt32
        let security: UInt64
    }

    /// Beyond it all are forgotten: dynamic backends could make any number.
    private static let entriesMax = 4096
    private var entries: [Key: (base: Origin, secured: Origin)] = [:]

    /// The origin under these rules.
    mutating func origin(_ base: Origin, security: UInt64) -> Origin {
        let key = Key(id: base.id, security: security)
        if let known = entries[key], known.base === base { return known.secured }
        if entries.count >= SecuredOrigins.entriesMax { entries.removeAll() }
        let secured = base.under(security: security)
        entries[key] = (base, secured)
        return secured
    }

    /// Lets go of origins that the new routes may not have.
    mutating func removeAll() { if !entries.isEmpty { entries.removeAll() } }
}
