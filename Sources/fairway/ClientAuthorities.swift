import Config
import Crypto
import Filters
import Logging
import TLS

/// Keeps what `mtlsAuthn` trusts as its file says, on the control thread.
final class ClientAuthorities {
    private let path: String
    private let addsSystem: Bool
    private let log: Logger
    private var contents: [UInt8] = []
    private var reported: String?
    let trust = ClientTrust()

    init(_ settings: Configuration.TLS, log: Logger) throws(StartError) {
        path = settings.mtlsAuthnCA
        addsSystem = settings.mtlsAuthnAppendCA
        self.log = log
        if let problem = update() { throw StartError("-mtls-authn-ca: \(problem)") }
    }

    /// Looks at the file, and takes it over if it has changed and can be used.
    func refresh() {
        let problem = update()
        if let problem, problem != reported { log.error("authorities of clients not replaced, the former ones stay: \(problem)") }
        reported = problem
    }

    /// - Returns: why the file cannot be used.
    private func update() -> String? {
        // Without a file, the filter reads the system's authorities.
        if path.isEmpty { return nil }
        do throws(CertificateError) {
            let found = try ReadFile.certificate(path)
            if found == contents { return nil }
            guard !found.isEmpty, let new = CertificateTrust(found, addsSystem: addsSystem) else { return "\(path): no certificate in PEM form" }
            contents = found
            trust.replace(new)
            return nil
        } catch {
            return error.description
        }
    }
}
