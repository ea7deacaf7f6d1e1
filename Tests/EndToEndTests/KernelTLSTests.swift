import TestSupport
import Testing

/// Whether the kernel encrypts depends on the machine; that the proxy says who does it does not.
@Suite("Who encrypts what is sent")
struct KernelTLSTests {
    private static let authority = try! TestAuthority()
    private static let a = try! authority.issue(["DNS:a.test"])

    private static func proxy(_ flags: [String] = []) throws -> FairwayProcess {
        try FairwayProcess(routes: "all: * -> inlineContent(\"hello\") -> <shunt>;", flags: ["-tls-cert", a.certificate, "-tls-key", a.key] + flags)
    }

    /// Sends by openssl's client a request, then a line that it takes as a command, then a last request, each when what was
    /// before has been answered; what was said.
    private static func talk(_ proxy: FairwayProcess, command: String? = nil) throws -> String {
        let folder = try TemporaryFolder()
        let waits = #"await() { n=0; until grep -q "$1" \#(folder.path)/out || [ $n -gt 300 ]; do n=$((n+1)); sleep 0.1; done; };"#
        let request = #"printf 'GET / HTTP/1.1\r\nHost: a.test\r\n\r\n'; await hello;"#
        let words = command.map { "\(request) echo \($0); await KEYUPDATE;" } ?? ""
        let last = #"printf 'GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n'; await ':error:\|closed'"#
        let client = "openssl s_client -tls1_3 -connect 127.0.0.1:\(proxy.port) > \(folder.path)/out 2>&1"
        _ = try Command.run(["sh", "-c", "\(waits) touch \(folder.path)/out; (\(words) \(last)) | \(client)"])
        return contents(of: "\(folder.path)/out")
    }

    private static func isByKernel(_ proxy: FairwayProcess) -> Bool { proxy.log.contains("kTLS: the kernel encrypts what is sent by ") }

    @Test("the log says who, and metrics count it") func counted() throws {
        let proxy = try Self.proxy()
        #expect(Self.isByKernel(proxy) || proxy.log.contains("kTLS is not used (the kernel does not offer it: "))
        #expect(try Self.talk(proxy).contains("hello"))
        let who = Self.isByKernel(proxy) ? "kernel" : "openssl"
        try Patience.wait(for: "a connection in the metrics") {
            try RawClient.get("/metrics", port: proxy.supportPort).bodyText.contains("skipper_custom_total{key=\"tls-sent.\(who)\"} 1\n")
        }
    }

    @Test("the flag leaves it to OpenSSL") func switchedOff() throws {
        let proxy = try Self.proxy(["-enable-ktls=false"])
        #expect(proxy.log.contains("kTLS is not used (-enable-ktls=false)"))
        #expect(try Self.talk(proxy).contains("hello"))
    }

    @Test("a client may change its key, and ask OpenSSL for one of ours but not the kernel") func newKeys() throws {
        let proxy = try Self.proxy()
        let own = try Self.talk(proxy, command: "k")
        #expect(own.contains("KEYUPDATE") && own.split(separator: "hello").count == 3, "\(own)")
        let asked = try Self.talk(proxy, command: "K")
        #expect(asked.contains("KEYUPDATE") && asked.split(separator: "hello").count == (Self.isByKernel(proxy) ? 2 : 3), "\(asked)")
        #expect(asked.contains("tlsv1 alert internal error") == Self.isByKernel(proxy), "\(asked)")
    }
}
