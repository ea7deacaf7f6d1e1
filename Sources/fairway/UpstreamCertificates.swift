import Config
import Filters
import HTTP
import Logging
import Net
import Synchronization
import TLS
import Upstream

/// The rules for TLS towards upstreams: those of the flags, and those that routes wish for, made when the first connection
/// needs them. Files are read again at intervals; what cannot be used is reported, and the former contents stay.
final class UpstreamCertificates: Sendable {
    private struct Rules {
        var context: TLSClientContext
        var options: TLSClientOptions
        let serverName: String?
        var reported: CertificateError?
    }

    private let settings: Configuration.TLS
    private let isInsecure: Bool
    private let log: Logger
    /// By the word that routes' wishes make.
    private let rules: Mutex<[UInt64: Rules]>
    let wishes = BackendTLSRules(refusal: UpstreamCertificates.refusal)

    init(_ settings: Configuration.TLS, isInsecure: Bool, log: Logger) throws(StartError) {
        self.settings = settings
        self.isInsecure = isInsecure
        self.log = log
        do throws(CertificateError) {
            let options = try UpstreamCertificates.options(settings, isInsecure, [])
            // The system's authorities take megabytes: they are read when the first upstream speaks TLS.
            let isAsked = !options.certificates.isEmpty
            rules = Mutex(isAsked ? [0: Rules(context: try TLSClientContext(options), options: options, serverName: nil)] : [:])
        } catch {
            throw StartError("-client-tls-cert, -client-tls-key: \(error)")
        }
        if isInsecure { log.warning("-insecure: certificates of upstreams are not verified") }
    }

    /// How often the files are looked at.
    var checkInterval: UInt64 {
        let interval = settings.clientCertRefreshInterval.nanoseconds
        return interval > 0 ? interval : 300_000_000_000
    }

    var source: UpstreamSecuritySource {
        { [self] origin in security(origin.security) }
    }

    /// Reads the system's authorities, 10-20 ms, so that no worker has to. What is wrong with them the first connection tells.
    func prepare() {
        guard rules.withLock({ $0[0] == nil }), let made = try? make(0, trust: nil) else { return }
        rules.withLock { if $0[0] == nil { $0[0] = made } }
    }

    private func security(_ word: UInt64) -> UpstreamSecurity {
        rules.withLock { rules in
            if let known = rules[word] { return .rules(known.context, serverName: known.serverName) }
            do throws(CertificateError) {
                if rules[0] == nil { rules[0] = try make(0, trust: nil) }
                let made = if word == 0, let known = rules[0] { known } else { try make(word, trust: rules[0]?.context) }
                rules[word] = made
                return .rules(made.context, serverName: made.serverName)
            } catch {
                return .unusable(error.description)
            }
        }
    }

    private func make(_ word: UInt64, trust: TLSClientContext?) throws(CertificateError) -> Rules {
        let wishes = wishes.wishes(in: word)
        let options = try UpstreamCertificates.options(settings, isInsecure, wishes)
        var serverName: String?
        for case .serverName(let name) in wishes { serverName = name }
        return Rules(context: try TLSClientContext(options, trust: trust), options: options, serverName: serverName)
    }

    /// Looks at the files, and takes over those that have changed and can be used.
    func refresh() {
        let words = rules.withLock { Array($0.keys) }
        for word in words { refresh(word) }
    }

    private func refresh(_ word: UInt64) {
        guard var known = rules.withLock({ $0[word] }) else { return }
        do throws(CertificateError) {
            let options = try UpstreamCertificates.options(settings, isInsecure, wishes.wishes(in: word))
            guard options != known.options else { return }
            // Trust is not shared here, so that authorities of the system that were updated count from now on.
            known.context = try TLSClientContext(options)
            known.options = options
            known.reported = nil
            log.info("certificates for upstreams replaced: \(options.certificates.map(\.name).joined(separator: ", ")) \(options.authoritiesName)")
        } catch {
            if error != known.reported { log.error("certificates for upstreams not replaced, the former ones stay: \(error)") }
            known.reported = error
        }
        rules.withLock { $0[word] = known }
    }

    private static func options(
        _ settings: Configuration.TLS, _ isInsecure: Bool, _ wishes: [BackendTLSRules.Wish]
    ) throws(CertificateError) -> TLSClientOptions {
        var options = TLSClientOptions()
        options.verifies = !isInsecure
        for (path, keyPath) in zip(settings.clientCert, settings.clientKey) { options.certificates.append(try pair(path, keyPath)) }
        for wish in wishes {
            switch wish {
            case .authorities(let path):
                options.authorities = try ReadFile.certificate(path)
                options.authoritiesName = path
            case .certificate(let path, let keyPath): options.certificates = [try pair(path, keyPath)]
            case .serverName: break
            }
        }
        return options
    }

    private static func pair(_ path: String, _ keyPath: String) throws(CertificateError) -> CertificateSource {
        CertificateSource(name: path, certificate: try ReadFile.certificate(path), key: try ReadFile.certificate(keyPath))
    }

    /// Routes with files that cannot be used are refused when they are loaded.
    @Sendable private static func refusal(_ wish: BackendTLSRules.Wish) -> String? {
        do throws(CertificateError) {
            var settings = Configuration.TLS()
            settings.clientCert = []
            _ = try TLSClientContext(try options(settings, true, [wish]))
            return nil
        } catch {
            return error.description
        }
    }
}
