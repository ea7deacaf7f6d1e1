internal import Bytes
internal import COpenSSL
public import Crypto
public import Net

// Who a client says it is. A session that is resumed has no certificates on the wire: OpenSSL keeps the client's own one
// in it, and what follows that one is added here.

extension TLSConnection {
    /// The certificates that the peer of an established connection showed; nil for none, and for transports in the clear.
    public static func certificatesShown(on transport: Transport) -> PeerCertificates? {
        guard let context = transport.context(of: operations) else { return nil }
        let connection = context.assumingMemoryBound(to: TLSConnection.self)
        if !connection.pointee.isShownKnown {
            connection.pointee.isShownKnown = true
            connection.pointee.shown = PeerCertificates(encoded: ClientIdentity.certificates(of: connection.pointee.ssl))
        }
        return connection.pointee.shown
    }
}

enum ClientIdentity {
    /// Has sessions keep the authorities' certificates that clients show.
    static func keepInSessions(of context: OpaquePointer) {
        copenssl_set_ticket_maker(context) { ssl, _ in
            // Resumed: the session has them already.
            let chain = ClientIdentity.chain(ssl)
            if !chain.isEmpty, chain.count <= Limits.sessionChainBytesMax { SSL_SESSION_set1_ticket_appdata(SSL_get_session(ssl), chain, chain.count) }
            return 1
        }
    }

    /// DER, the client's own first; empty if it has shown none.
    static func certificates(of ssl: OpaquePointer) -> [UInt8] {
        guard let leaf = SSL_get0_peer_certificate(ssl) else { return [] }
        let chain = SSL_session_reused(ssl) == 1 ? keptChain(ssl) : chain(ssl)
        return der(of: leaf) + chain
    }

    /// A server's view: without the client's own.
    private static func chain(_ ssl: OpaquePointer?) -> [UInt8] {
        let certificates = SSL_get_peer_cert_chain(ssl)
        return (0..<copenssl_count_certificates(certificates)).flatMap { der(of: copenssl_certificate_at(certificates, $0)) }
    }

    private static func keptChain(_ ssl: OpaquePointer) -> [UInt8] {
        var bytes: UnsafeMutableRawPointer?
        var count = 0
        guard SSL_SESSION_get0_ticket_appdata(SSL_get_session(ssl), &bytes, &count) == 1, let bytes else { return [] }
        return Array(UnsafeRawBufferPointer(start: bytes, count: count))
    }

    private static func der(of certificate: OpaquePointer?) -> [UInt8] {
        var bytes: UnsafeMutablePointer<UInt8>?
        let count = i2d_X509(certificate, &bytes)
        guard count > 0, let bytes else { return [] }
        defer { copenssl_free(bytes) }
        return Array(UnsafeBufferPointer(start: bytes, count: Int(count)))
    }
}
