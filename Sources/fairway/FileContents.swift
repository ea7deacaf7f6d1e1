import TLS

extension ReadFile {
    /// A certificate, key or the like.
    static func certificate(_ path: String) throws(CertificateError) -> [UInt8] {
        switch bytes(path) {
        case .success(let bytes): return bytes
        case .failure(let error): throw CertificateError("\(path): \(error)")
        }
    }
}
