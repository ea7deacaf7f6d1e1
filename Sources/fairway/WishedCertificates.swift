import Filters
import Logging
import Synchronization
import TLS

/// The files that routes' rules for TLS name, read on the control thread: when routes are loaded, and again at intervals.
/// A worker that needs them for its first connection finds them here.
final class WishedCertificates: Sendable {
    struct Part {
        /// Nothing but what the one wish asks for.
        var options: TLSClientOptions
        /// Made of it; others may share its authorities.
        var context: TLSClientContext
        var reported: CertificateError?
    }

    private let parts = Mutex<[BackendTLSRules.Wish: Part]>([:])

    subscript(wish: BackendTLSRules.Wish) -> Part? { parts.withLock { $0[wish] } }

    /// Reads what a wish needs; routes with files that cannot be used are refused.
    func read(_ wish: BackendTLSRules.Wish) -> String? {
        if case .serverName = wish { return nil }
        do throws(CertificateError) {
            let part = try WishedCertificates.part(of: wish)
            parts.withLock { $0[wish] = part }
            return nil
        } catch {
            return error.description
        }
    }

    /// Takes over files that have changed and can be used.
    func refresh(_ log: Logger) {
        for (wish, known) in parts.withLock({ $0 }) {
            var part = known
            do throws(CertificateError) {
                let options = try WishedCertificates.options(of: wish)
                if options != part.options { part = try WishedCertificates.part(of: wish) }
                part.reported = nil
            } catch {
                if error != part.reported { log.error("certificates for upstreams not replaced, the former ones stay: \(error)") }
                part.reported = error
            }
            parts.withLock { $0[wish] = part }
        }
    }

    private static func part(of wish: BackendTLSRules.Wish) throws(CertificateError) -> Part {
        let options = try options(of: wish)
        return Part(options: options, context: try TLSClientContext(options))
    }

    private static func options(of wish: BackendTLSRules.Wish) throws(CertificateError) -> TLSClientOptions {
        var options = TLSClientOptions()
        // Whoever shares this verifies; the system's authorities are not for it to read.
        options.verifies = false
        switch wish {
        case .authorities(let path):
            options.authorities = try ReadFile.certificate(path)
            options.authoritiesName = path
        case .certificate(let path, let keyPath): options.certificates = [try pair(path, keyPath)]
        case .serverName: break
        }
        return options
    }

    static func pair(_ path: String, _ keyPath: String) throws(CertificateError) -> CertificateSource {
        CertificateSource(name: path, certificate: try ReadFile.certificate(path), key: try ReadFile.certificate(keyPath))
    }
}
