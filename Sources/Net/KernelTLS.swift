public import Bytes
import CLinux

/// The versions and ciphers of TLS for which the kernel makes the records that a socket sends (kTLS).
public struct KernelTLS: Equatable, Sendable, CustomStringConvertible {
    /// A bit for each kind.
    private var bits: UInt8

    private static let kinds: [(version: UInt16, cipher: UInt16, name: String)] = [
        (0x0303, UInt16(TLS_CIPHER_AES_GCM_128), "TLS 1.2 AES-128-GCM"), (0x0303, UInt16(TLS_CIPHER_AES_GCM_256), "TLS 1.2 AES-256-GCM"),
        (0x0303, UInt16(TLS_CIPHER_CHACHA20_POLY1305), "TLS 1.2 ChaCha20-Poly1305"),
        (0x0304, UInt16(TLS_CIPHER_AES_GCM_128), "TLS 1.3 AES-128-GCM"), (0x0304, UInt16(TLS_CIPHER_AES_GCM_256), "TLS 1.3 AES-256-GCM"),
        (0x0304, UInt16(TLS_CIPHER_CHACHA20_POLY1305), "TLS 1.3 ChaCha20-Poly1305"),
    ]

    public static let none = KernelTLS(bits: 0)
    /// What a kernel may have; one that has less is asked in vain.
    public static let all = KernelTLS(bits: UInt8(1 << kinds.count) - 1)

    /// Asks the kernel. It may look for modules on its disk meanwhile, so this is for the start of the program; connections
    /// then need not ask in vain.
    ///
    /// - Throws: the refusal, if the kernel has none.
    public static func offered() throws(SystemError) -> KernelTLS {
        var offered = KernelTLS.none
        var refusal: Int32 = 0
        for (index, kind) in kinds.enumerated() {
            let result = clinux_tls_try(kind.version, kind.cipher)
            if result == 0 { offered.bits |= 1 << UInt8(index) } else { refusal = refusal == 0 ? -result : refusal }
        }
        guard offered != .none else { throw SystemError(refusal) }
        return offered
    }

    /// - Parameter key: a kernel's structure, which begins with version and cipher.
    fileprivate func contains(_ key: UnsafeRawPointer) -> Bool {
        let head = key.loadUnaligned(as: tls_crypto_info.self)
        let index = KernelTLS.kinds.firstIndex { $0.version == head.version && $0.cipher == head.cipher_type }
        return index.map { bits & 1 << UInt8($0) != 0 } ?? false
    }

    public var description: String {
        KernelTLS.kinds.enumerated().filter { bits & 1 << UInt8($0.offset) != 0 }.map(\.element.name).joined(separator: ", ")
    }
}

extension Transport {
    /// Has the kernel encrypt what this plain socket sends from here on.
    ///
    /// - Parameters:
    ///   - key: `struct tls_crypto_info` and what follows it, of `linux/tls.h`.
    ///   - kernel: what it may be asked for.
    /// - Returns: false if it does not; nothing has changed then.
    public func sendEncrypted(with key: UnsafeRawPointer, by kernel: KernelTLS) -> Bool {
        isPlain && kernel.contains(key) && clinux_tls_send_by(descriptor, key) == 0
    }

    /// Sends a record that is not application data, behind what was sent before; of a socket whose kernel encrypts.
    public func sendRecord(type: UInt8, _ bytes: BorrowedBytes) -> IOResult {
        IOResult(write: Int(clinux_tls_send_record(descriptor, type, bytes.baseAddress, bytes.count)))
    }

    /// Whether the kernel has room for more; if not, an edge will say when it has. A system call.
    public var isWritable: Bool { clinux_is_writable(descriptor) != 0 }
}
