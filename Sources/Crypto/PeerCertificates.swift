public import Bytes
internal import COpenSSL

/// The certificates that a connection's peer showed, its own first. Their contents are read when first asked for, and kept
/// as long as the connection; one thread uses it.
public final class PeerCertificates {
    private let certificates: [OpaquePointer]
    /// DER, one for each certificate.
    private let encoded: [[UInt8]]
    private var verdict: (trust: CertificateTrust, at: UInt64, problem: String?)?

    /// - Parameter encoded: the certificates in DER, one behind the other; nil without a whole one.
    public init?(encoded: [UInt8]) {
        var certificates: [OpaquePointer] = []
        var pieces: [[UInt8]] = []
        encoded.withUnsafeBytes { bytes in
            var next = bytes.baseAddress?.assumingMemoryBound(to: UInt8.self)
            var left = bytes.count
            while left > 0, let start = next, let certificate = d2i_X509(nil, &next, left), let end = next {
                certificates.append(certificate)
                pieces.append(Array(UnsafeBufferPointer(start: start, count: end - start)))
                left -= end - start
            }
        }
        guard !certificates.isEmpty else { return nil }
        self.certificates = certificates
        self.encoded = pieces
    }

    deinit {
        for certificate in certificates { X509_free(certificate) }
    }

    private var leaf: OpaquePointer { certificates[0] }

    /// Of the subject; the last one if there are several, empty if there is none.
    public private(set) lazy var commonName = DistinguishedName(X509_get_subject_name(leaf)).commonName

    /// The issuer as text by RFC 2253, in the two orders in use: that of the certificate, and Go's.
    public private(set) lazy var issuerNames: [String] = {
        let name = DistinguishedName(X509_get_issuer_name(leaf))
        return [name.textAsWritten, name.textInFixedOrder]
    }()

    /// Alternative names that are DNS names, in small letters.
    public private(set) lazy var dnsNames = texts(of: GEN_DNS).map { $0.lowercased() }

    /// Alternative names that are URIs.
    public private(set) lazy var uris = texts(of: GEN_URI)

    /// Alternative names that are addresses.
    public private(set) lazy var addresses: [IPAddress] = alternatives(of: GEN_IPADD).compactMap { bytes in
        let number = bytes.reduce(UInt128(0)) { $0 << 8 | UInt128($1) }
        switch bytes.count {
        case 4: return IPAddress(v4: UInt32(truncatingIfNeeded: number))
        case 16: return IPAddress(bits: number)
        default: return nil
        }
    }

    /// All of them as PEM has them, without its first and last lines and its line ends, behind commas.
    public private(set) lazy var text: [UInt8] = Array(encoded.map { $0.withUnsafeBytes { Base64.encode($0) } }.joined(separator: [UInt8(ascii: ",")]))

    /// Why the certificate is not one of a client that these authorities vouch for; nil if it is.
    ///
    /// - Parameter now: nanoseconds; a verdict holds for `Limits.clientVerdictNanoseconds`, since signatures cost 0.1 ms.
    public func problem(under trust: CertificateTrust, now: UInt64) -> String? {
        if let verdict, verdict.trust === trust, now &- verdict.at < Limits.clientVerdictNanoseconds { return verdict.problem }
        let problem = trust.problem(of: certificates)
        verdict = (trust, now, problem)
        return problem
    }

    private func texts(of kind: Int32) -> [String] { alternatives(of: kind).map { String(decoding: $0, as: UTF8.self) } }

    private func alternatives(of wanted: Int32) -> [[UInt8]] {
        guard let names = X509_get_ext_d2i(leaf, NID_subject_alt_name, nil, nil).map({ OpaquePointer($0) }) else { return [] }
        defer { GENERAL_NAMES_free(names) }
        return (0..<copenssl_name_count(names)).compactMap { index in
            var kind: Int32 = 0
            var count: Int32 = 0
            guard let bytes = copenssl_alternative_name(names, index, &kind, &count), kind == wanted else { return nil }
            return Array(UnsafeBufferPointer(start: bytes, count: Int(count)))
        }
    }
}
