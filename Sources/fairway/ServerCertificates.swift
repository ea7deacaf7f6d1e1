import CLinux
import Config
import Logging
import Net
import TLS

/// The certificates of the TLS listener, read from their files and read again when those have changed.
///
/// Contents are compared, not times of change: a mounted secret swaps a link, and a pair is written in two steps. What
/// cannot be used is reported once, and the former certificates stay.
final class ServerCertificates {
    static let checkInterval: UInt64 = 5_000_000_000

    private let settings: Configuration.TLS
    private let kernel: KernelTLS
    private let log: Logger
    private let tickets = TicketKeys()
    private let keyLog: KeyLog?
    private var timer: ControlTimer?
    private var files: Files
    private(set) var context: TLSServerContext
    var whenReplaced: ((TLSServerContext) -> Void)?

    private struct Files: Equatable {
        var certificates: [CertificateSource] = []
        var authorities: [UInt8] = []
    }

    init(_ settings: Configuration.TLS, kernel: KernelTLS, loop: UnsafeMutablePointer<EventLoop>, log: Logger) throws(StartError) {
        self.settings = settings
        self.kernel = kernel
        self.log = log
        keyLog = try settings.keyLogFile.isEmpty ? nil : KeyLog(settings.keyLogFile)
        do throws(CertificateError) {
            files = try ServerCertificates.read(settings)
            context = try TLSServerContext(
                files.certificates, options: ServerCertificates.options(settings, files, keyLog, kernel), tickets: tickets)
        } catch {
            throw StartError("-tls-cert, -tls-key: \(error)")
        }
        if keyLog != nil { log.warning("session keys are written to \(settings.keyLogFile): whoever reads it can read the traffic") }
        timer = ControlTimer(loop, interval: ServerCertificates.checkInterval) { [unowned self] in refresh() }
    }

    /// Looks at the files, and takes them over if they have changed and can be used.
    func refresh() {
        do throws(CertificateError) {
            let found = try ServerCertificates.read(settings)
            guard found != files else { return }
            // Judged once, whatever comes of it.
            files = found
            reported = nil
            context = try TLSServerContext(
                found.certificates, options: ServerCertificates.options(settings, found, keyLog, kernel), tickets: tickets)
            log.info("certificates replaced: \(found.certificates.map(\.name).joined(separator: ", "))")
            whenReplaced?(context)
        } catch {
            reportOnce(error)
        }
    }

    private var reported: CertificateError?

    private func reportOnce(_ error: CertificateError) {
        guard error != reported else { return }
        reported = error
        log.error("certificates not replaced, the former ones stay: \(error)")
    }

    private static func read(_ settings: Configuration.TLS) throws(CertificateError) -> Files {
        var files = Files()
        for (index, path) in settings.cert.enumerated() {
            let status = index < settings.ocsp.count && !settings.ocsp[index].isEmpty ? try ReadFile.certificate(settings.ocsp[index]) : []
            files.certificates.append(CertificateSource(
                name: path, certificate: try ReadFile.certificate(path), key: try ReadFile.certificate(settings.key[index]), status: status))
        }
        if !settings.clientCA.isEmpty { files.authorities = try ReadFile.certificate(settings.clientCA) }
        return files
    }

    private static func options(_ settings: Configuration.TLS, _ files: Files, _ keyLog: KeyLog?, _ kernel: KernelTLS) -> TLSServerOptions {
        var options = TLSServerOptions()
        options.minVersion = TLSServerOptions.Version(settings.minVersion)
        options.clientAuthentication = TLSServerOptions.ClientAuthentication(settings.clientAuth)
        options.clientAuthorities = files.authorities
        options.offersHTTP2 = true
        options.kernel = kernel
        options.excludesInsecureCiphers = settings.excludeInsecureCipherSuites
        if let keyLog { options.keyLog = { keyLog.write($0) } }
        return options
    }
}

extension TLSServerOptions.Version {
    init(_ flag: TLSVersion) {
        switch flag {
        case .tls10: self = .tls10
        case .tls11: self = .tls11
        case .tls12: self = .tls12
        case .tls13: self = .tls13
        }
    }
}

extension TLSServerOptions.ClientAuthentication {
    init(_ flag: TLSClientAuth) {
        switch flag {
        case .noClientCert: self = .none
        case .requestClientCert: self = .request
        case .requireAnyClientCert: self = .requireAny
        case .verifyClientCertIfGiven: self = .verifyIfGiven
        case .requireAndVerifyClientCert: self = .requireAndVerify
        }
    }
}

/// The file that session keys are written to, for debugging.
private final class KeyLog: Sendable {
    private let descriptor: Int32

    init(_ path: String) throws(StartError) {
        let number = clinux_open_append_private(path)
        guard number >= 0 else { throw StartError("-tls-key-log-file \(path): \(SystemError(-number))") }
        descriptor = number
    }

    deinit { _ = clinux_close(descriptor) }

    /// A line by one call, so that those of several workers do not mix.
    func write(_ line: UnsafeRawBufferPointer) {
        var bytes = Array(line)
        bytes.append(UInt8(ascii: "\n"))
        _ = clinux_write(descriptor, bytes, bytes.count)
    }
}

/// Calls at intervals, on the control loop.
final class ControlTimer {
    private let loop: UnsafeMutablePointer<EventLoop>
    private let node: UnsafeMutablePointer<TimerNode>
    private let interval: UInt64
    private let action: () -> Void

    init(_ loop: UnsafeMutablePointer<EventLoop>, interval: UInt64, _ action: @escaping () -> Void) {
        self.loop = loop
        self.interval = interval
        self.action = action
        node = .allocate(capacity: 1)
        node.initialize(to: TimerNode())
        node.pointee.owner = Unmanaged.passUnretained(self).toOpaque()
        node.pointee.expired = { Unmanaged<ControlTimer>.fromOpaque($0).takeUnretainedValue().expired() }
        loop.pointee.timers.set(node, at: loop.pointee.now + interval)
    }

    deinit {
        loop.pointee.timers.remove(node)
        node.deallocate()
    }

    private func expired() {
        loop.pointee.timers.set(node, at: loop.pointee.now + interval)
        action()
    }
}
