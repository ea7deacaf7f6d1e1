public import Bytes
internal import COpenSSL

/// SHA-1 (FIPS 180-4), for protocols that were made with it and lean on it for nothing: WebSocket's handshake.
public enum SHA1 {
    public static let byteCount = 20

    public static func digest(_ bytes: BorrowedBytes) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: byteCount) { target, count in
            let succeeded = EVP_Digest(bytes.baseAddress, bytes.count, target.baseAddress, nil, EVP_sha1(), nil)
            precondition(succeeded == 1, "OpenSSL offers no SHA-1")
            count = byteCount
        }
    }
}
