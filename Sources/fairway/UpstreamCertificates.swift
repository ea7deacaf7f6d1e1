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
    private let kernel: KernelTLS
    private let isInsecure: Bool
    private let log: Logger
    /// By the word that routes' wishes make.
    private let rules: Mutex<[UInt64: Rules]>
    private let wished: WishedCertificates
    let wishes: BackendTLSRules

    init(_ settings: Configuration.TLS, kernel: KernelTLS, isInsecure: Bool, log: Logger) throws(StartError) {
        self.settings = settings
        self.kernel = kernel
        self.isInsecure = isInsecure
        self.log = log
        let wished = WishedCertificates()
        self.wished = wished
        wishes = BackendTLSRules { wished.read($0) }
        do throws(CertificateError) {
            let options = try UpstreamCertificates.options(settings, isInsecure, kernel)
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
        let options = try options(for: wishes)
        var serverName: String?
        for case .serverName(let name) in wishes { serverName = name }
        return Rules(context: try context(options, wishes, trust: trust), options: options, serverName: serverName)
    }

    /// Authorities that were read for routes are shared, not read again.
    private func context(_ options: TLSClientOptions, _ wishes: [BackendTLSRules.Wish], trust: TLSClientContext?) throws(CertificateError) -> TLSClientContext {
        var (options, trust) = (options, trust)
        for wish in wishes {
            guard case .authorities = wish, let part = wished[wish] else { continue }
            options.authorities = []
            trust = part.context
        }
        return try TLSClientContext(options, trust: trust)
    }

    /// Looks at the files, and takes over those that have changed and can be used.
    func refresh() {
        wished.refresh(log)
        let words = rules.withLock { Array($0.keys) }
        for word in words { refresh(word) }
    }

    private func refresh(_ word: UInt64) {
        guard var known = rules.withLock({ $0[word] }) else { return }
        do throws(CertificateError) {
            let wishes = wishes.wishes(in: word)
            let options = try options(for: wishes)
            guard options != known.options else { return }
            // Trust is not shared here, so that authorities of the system that were updated count from now on.
            known.context = try context(options, wishes, trust: nil)
            known.options = options
            known.reported = nil
            log.info("certificates for upstreams replaced: \(options.certificates.map(\.name).joined(separator: ", ")) \(options.authoritiesName)")
        } catch {
            if error != known.reported { log.error("certificates for upstreams not replaced, the former ones stay: \(error)") }
            known.reported = error
        }
        rules.withLock { $0[word] = known }
    }

    /// Those of the flags, under the routes' wishes.
    private func options(for wishes: [BackendTLSRules.Wish]) throws(CertificateError) -> TLSClientOptions {
        var options = try UpstreamCertificates.options(settings, isInsecure, kernel)
        for wish in wishes {
            guard let part = wished[wish]?.options else { continue }
            if !part.certificates.isEmpty { options.certificates = part.certificates }
            if !part.authorities.isEmpty { (options.authorities, options.authoritiesName) = (part.authorities, part.authoritiesName) }
        }
        return options
    }

    private static func options(_ settings: Configuration.TLS, _ isInsecure: Bool, _ kernel: KernelTLS) throws(CertificateError) -> TLSClientOptions {
        var options = TLSClientOptions()
        options.verifies = !isInsecure
        options.kernel = kernel
        for (path, keyPath) in zip(settings.clientCert, settings.clientKey) { options.certificates.append(try WishedCertificates.pair(path, keyPath)) }
        return options
    }
}
