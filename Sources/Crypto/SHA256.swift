public import Bytes
internal import COpenSSL

/// SHA-256 (FIPS 180-4).
public enum SHA256 {
    /// - Complexity: O(count); OpenSSL allocates a context per call.
    public static func digest(_ bytes: BorrowedBytes) -> Digest256 {
        Digest256 { target in
            // Fails only if the library cannot allocate a context, where nothing can go on.
            let succeeded = EVP_Digest(bytes.baseAddress, bytes.count, target, nil, EVP_sha256(), nil)
            precondition(succeeded == 1, "OpenSSL offers no SHA-256")
        }
    }

    public static func digest(_ text: String) -> Digest256 { text.withBytes { digest($0) } }
}

/// 32 bytes of a digest.
public struct Digest256: Sendable {
    public static let byteCount = 32
    private var storage: InlineArray<32, UInt8> = .init(repeating: 0)

    init(_ fill: (UnsafeMutablePointer<UInt8>) -> Void) {
        withUnsafeMutableBytes(of: &storage) { fill($0.baseAddress!.assumingMemoryBound(to: UInt8.self)) }
    }

    public func withBytes<Result>(_ body: (BorrowedBytes) throws -> Result) rethrows -> Result {
        try withUnsafeBytes(of: storage) { try body($0) }
    }

    public var bytes: [UInt8] { withBytes { Array($0) } }
}

extension Digest256: Equatable {
    /// Takes the same time wherever the digests differ.
    public static func == (left: Digest256, right: Digest256) -> Bool {
        left.withBytes { left in right.withBytes { ConstantTime.equals(left, $0) } }
    }
}

/// Comparison of secrets.
public enum ConstantTime {
    /// Equality in a time that tells nothing but the lengths.
    public static func equals(_ left: BorrowedBytes, _ right: BorrowedBytes) -> Bool {
        guard left.count == right.count else { return false }
        guard let leftBytes = left.baseAddress, let rightBytes = right.baseAddress else { return true }
        return CRYPTO_memcmp(leftBytes, rightBytes, left.count) == 0
    }
}
