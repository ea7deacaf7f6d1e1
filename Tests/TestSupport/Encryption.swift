import COpenSSL
import Glibc
import Synchronization

/// TLS over a socket of a test's, by calls that never wait; one lock, since a test may send from another thread than it
/// receives on.
final class Encryption: @unchecked Sendable {
    enum Outcome {
        case bytes(Int)
        case wants(Int16)
        case end
        case failed(String)
    }

    private let ssl: OpaquePointer
    private let lock = Mutex(())

    /// - Parameters:
    ///   - server: the certificate shown; nil for a client, which takes any.
    ///   - takesHTTP2: a server chooses h2 if the client offers it by ALPN.
    init(_ descriptor: Int32, server: TestAuthority.Pair? = nil, takesHTTP2: Bool = false) throws {
        _ = Encryption.ignoresBrokenPipes
        ssl = SSL_new(server == nil ? Encryption.clientContext : try Encryption.context(of: server!, takesHTTP2))
        _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK)
        SSL_set_fd(ssl, descriptor)
        // What a test sends again after it had to wait may be more than before, and elsewhere.
        copenssl_set_connection_mode(ssl, Int(SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_ENABLE_PARTIAL_WRITE))
        if server == nil { SSL_set_connect_state(ssl) } else { SSL_set_accept_state(ssl) }
    }

    deinit { SSL_free(ssl) }

    private static let ignoresBrokenPipes: Void = { _ = signal(SIGPIPE, SIG_IGN) }()
    private nonisolated(unsafe) static let clientContext: OpaquePointer = SSL_CTX_new(TLS_client_method())
    private static let contexts = Mutex<[String: UInt]>([:])

    /// Kept for the rest of the run.
    private static func context(of pair: TestAuthority.Pair, _ takesHTTP2: Bool) throws -> OpaquePointer {
        try contexts.withLock { contexts in
            let key = "\(pair.certificate) \(takesHTTP2)"
            if let known = contexts[key] { return OpaquePointer(bitPattern: known)! }
            let context: OpaquePointer = SSL_CTX_new(TLS_server_method())
            guard SSL_CTX_use_certificate_chain_file(context, pair.certificate) == 1,
                SSL_CTX_use_PrivateKey_file(context, pair.key, SSL_FILETYPE_PEM) == 1 else { throw SocketFailure("certificate \(pair.certificate)") }
            if takesHTTP2 { SSL_CTX_set_alpn_select_cb(context, chooseHTTP2, nil) }
            contexts[key] = UInt(bitPattern: context)
            return context
        }
    }

    private nonisolated(unsafe) static let offered: UnsafePointer<UInt8> = {
        let name = UnsafeMutablePointer<UInt8>.allocate(capacity: 2)
        name.initialize(to: UInt8(ascii: "h"))
        (name + 1).initialize(to: UInt8(ascii: "2"))
        return UnsafePointer(name)
    }()

    private static let chooseHTTP2: @convention(c) (
        OpaquePointer?, UnsafeMutablePointer<UnsafePointer<UInt8>?>?, UnsafeMutablePointer<UInt8>?, UnsafePointer<UInt8>?, UInt32, UnsafeMutableRawPointer?
    ) -> Int32 = { _, chosen, count, offer, offerCount, _ in
        let names = Array(UnsafeBufferPointer(start: offer, count: Int(offerCount)))
        guard names.firstRange(of: [2, 0x68, 0x32]) != nil else { return SSL_TLSEXT_ERR_NOACK }
        chosen?.pointee = offered
        count?.pointee = 2
        return SSL_TLSEXT_ERR_OK
    }

    var choseHTTP2: Bool {
        var name: UnsafePointer<UInt8>?
        var count: UInt32 = 0
        SSL_get0_alpn_selected(ssl, &name, &count)
        return count == 2
    }

    func handshake() -> Outcome { call { SSL_do_handshake($0) == 1 ? 1 : 0 } }

    func receive(into buffer: UnsafeMutableRawBufferPointer) -> Outcome {
        call { ssl in
            var count = 0
            return SSL_read_ex(ssl, buffer.baseAddress, buffer.count, &count) == 1 ? count : 0
        }
    }

    /// Whether there is something to receive, which stays there.
    func peek() -> Outcome {
        call { ssl in
            var byte: UInt8 = 0
            var count = 0
            return SSL_peek_ex(ssl, &byte, 1, &count) == 1 ? count : 0
        }
    }

    func send(_ bytes: UnsafeRawBufferPointer) -> Outcome {
        call { ssl in
            var count = 0
            return SSL_write_ex(ssl, bytes.baseAddress, bytes.count, &count) == 1 ? count : 0
        }
    }

    /// Says that nothing more will be sent.
    func finish() { _ = call { Int(SSL_shutdown($0)) } }

    private func call(_ body: (OpaquePointer) -> Int) -> Outcome {
        lock.withLock { _ in
            ERR_clear_error()
            errno = 0
            let count = body(ssl)
            if count > 0 { return .bytes(count) }
            let number = errno
            switch SSL_get_error(ssl, 0) {
            case SSL_ERROR_WANT_READ: return .wants(Int16(POLLIN))
            case SSL_ERROR_WANT_WRITE: return .wants(Int16(POLLOUT))
            case SSL_ERROR_ZERO_RETURN: return .end
            case SSL_ERROR_SYSCALL where number != 0: return .failed(String(cString: strerror(number)))
            default: return .failed(ERR_reason_error_string(ERR_peek_error()).map { String(cString: $0) } ?? "unexpected end")
            }
        }
    }
}
