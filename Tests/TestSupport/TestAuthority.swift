import Synchronization

/// An authority made for a test run, with the certificates it signs; all in a folder of their own.
public final class TestAuthority: Sendable {
    /// Files of a certificate and its key.
    public struct Pair: Sendable {
        public let certificate: String
        public let key: String

        public init(certificate: String, key: String) {
            self.certificate = certificate
            self.key = key
        }
    }

    public enum KeyKind: Sendable {
        case p256, rsa

        fileprivate var words: [String] {
            self == .p256 ? ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"] : ["-newkey", "rsa:2048"]
        }
    }

    private let folder: TemporaryFolder
    private let count = Mutex(0)

    /// The authority's own certificate.
    public var certificate: String { "\(folder.path)/ca.pem" }

    public init(name: String = "test authority") throws {
        folder = try TemporaryFolder()
        try openssl(["req", "-x509"] + KeyKind.p256.words + ["-nodes", "-keyout", "ca.key", "-out", "ca.pem", "-days", "30", "-subj", "/CN=\(name)"])
    }

    /// An authority whose own certificate `parent` has signed.
    public init(name: String, under parent: TestAuthority) throws {
        folder = try TemporaryFolder()
        try openssl(["req"] + KeyKind.p256.words + ["-nodes", "-keyout", "ca.key", "-out", "ca.csr", "-subj", "/CN=\(name)"])
        try folder.write("basicConstraints=critical,CA:TRUE\nkeyUsage=keyCertSign\n", to: "ca.ext")
        try openssl([
            "x509", "-req", "-in", "ca.csr", "-CA", parent.certificate, "-CAkey", "\(parent.folder.path)/ca.key", "-set_serial", "7", "-days", "30",
            "-extfile", "ca.ext", "-out", "ca.pem",
        ])
    }

    /// A certificate for these names, each as openssl writes them (`DNS:a.test`, `IP:127.0.0.1`).
    ///
    /// - Parameter days: that it is valid, from now; negative for one that has expired.
    public func issue(_ names: [String], commonName: String = "leaf", kind: KeyKind = .p256, days: Int = 30) throws -> Pair {
        let number = count.withLock { count in
            count += 1
            return count
        }
        try openssl(["req"] + kind.words + ["-nodes", "-keyout", "\(number).key", "-out", "\(number).csr", "-subj", "/CN=\(commonName)"])
        try folder.write(names.isEmpty ? "" : "subjectAltName=\(names.joined(separator: ","))\n", to: "\(number).ext")
        try openssl([
            "x509", "-req", "-in", "\(number).csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-set_serial", "\(number + 1000)", "-days", "\(days)",
            "-extfile", "\(number).ext", "-out", "\(number).pem",
        ])
        return Pair(certificate: "\(folder.path)/\(number).pem", key: "\(folder.path)/\(number).key")
    }

    private func openssl(_ words: [String]) throws {
        let (status, output) = try Command.run(["openssl"] + words, in: folder.path)
        guard status == 0 else { throw FairwayProcess.StartFailed(description: "openssl \(words.joined(separator: " ")): \(output)") }
    }
}
