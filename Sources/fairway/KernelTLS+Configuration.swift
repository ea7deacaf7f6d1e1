import Config
import Logging
import Net
import TLS

extension KernelTLS {
    /// What the kernel is asked to encrypt, and the one line of log that says so, or why it is not asked.
    static func used(_ settings: Configuration.TLS, log: Logger) -> KernelTLS {
        guard settings.enableKTLS else { return refused("-enable-ktls=false", log) }
        guard TLSLibrary.offersKeysToKernel else { return refused("OpenSSL was built without it", log) }
        do throws(SystemError) {
            let offered = try KernelTLS.offered()
            log.info("kTLS: the kernel encrypts what is sent by \(offered)")
            return offered
        } catch {
            return refused("the kernel does not offer it: \(error)", log)
        }
    }

    private static func refused(_ reason: String, _ log: Logger) -> KernelTLS {
        log.info("kTLS is not used (\(reason)): OpenSSL encrypts")
        return .none
    }
}
