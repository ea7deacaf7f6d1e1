public import HTTP
public import TLS

/// Under which rules an `https` origin is spoken with.
public enum UpstreamSecurity: Sendable {
    /// - Parameter serverName: asked for and verified instead of the origin's host.
    case rules(TLSClientContext, serverName: String?)
    /// What prevents a connection, for the log.
    case unusable(String)
}

/// Gives the rules for an origin, by its `security`; asked by every worker for each new connection.
public typealias UpstreamSecuritySource = @Sendable (Origin) -> UpstreamSecurity

/// Sessions that servers gave, the newest of each origin; of one worker.
struct SessionStore {
    private struct Entry {
        let session: TLSSession
        /// Under whose rules the server was verified.
        let context: TLSClientContext
    }

    private static let originsMax = 4096
    private var entries: [Origin: Entry] = [:]

    func session(for origin: Origin, under context: TLSClientContext) -> TLSSession? {
        guard let entry = entries[origin], entry.context === context else { return nil }
        return entry.session
    }

    mutating func keep(_ session: TLSSession, for origin: Origin, under context: TLSClientContext) {
        // Losing some costs those a full handshake.
        if entries.count >= SessionStore.originsMax, entries[origin] == nil { entries.removeAll() }
        entries[origin] = Entry(session: session, context: context)
    }
}
