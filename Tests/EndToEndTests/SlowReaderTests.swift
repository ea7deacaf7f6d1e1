import Glibc
import TestSupport
import Testing

/// The answers are larger than what the kernel keeps of them, so that the proxy has the rest when their exchange has ended.
@Suite("Clients that take their answers late", .enabled(if: !TestProtocol.isHTTP2))
struct SlowReaderTests {
    private static let size = 7_000_000

    private func proxy(_ size: Int = SlowReaderTests.size, flags: [String] = []) throws -> FairwayProcess {
        let folder = try TemporaryFolder()
        try folder.write("large: * -> inlineContent(\"\(String(repeating: "l", count: size))\") -> <shunt>", to: "routes.eskip")
        return try FairwayProcess(routesFile: "\(folder.path)/routes.eskip", flags: flags)
    }

    private func client(of proxy: FairwayProcess) throws -> RawClient { try RawClient(port: proxy.port, receiveBuffer: 16 * 1024) }

    @Test("one that says it will send no more gets all of it") func halfClosed() throws {
        let proxy = try proxy()
        let client = try client(of: proxy)
        try client.send(get("/"))
        client.finish()
        Patience.pause(milliseconds: 200)
        #expect(try client.readResponse().bodyText.utf8.count == Self.size)
        #expect(try client.endsCleanly())
    }

    @Test("a connection is not idle while they do") func idleTime() throws {
        let proxy = try proxy(flags: ["-idle-timeout-server", "3s"])
        let client = try client(of: proxy)
        try client.send(get("/"))
        Patience.pause(milliseconds: 4_500)
        #expect(try client.readResponse().bodyText.utf8.count == Self.size)
    }

    @Test("the end of the process waits for them") func drained() throws {
        let proxy = try proxy()
        let client = try client(of: proxy)
        try client.send(get("/"))
        try proxy.waitForLog("\"GET / HTTP/1.1\" 200")
        proxy.signal(SIGTERM)
        Patience.pause(milliseconds: 200)
        #expect(try client.readResponse().bodyText.utf8.count == Self.size)
        client.close()
        #expect(try proxy.waitForEnd() == .exited(0))
    }

    @Test("one that asks on and on and takes nothing is not heard, and gets every answer once it does", arguments: [100, 10_000])
    func asksOnly(size: Int) throws {
        let proxy = try proxy(size)
        let client = try client(of: proxy)
        let request = get("/").utf8
        let before = proxy.privateMemory
        // Some MB are in the kernel's buffers.
        let limit = 100_000_000
        let sent = try client.sendUntilFull(limit: limit, of: Array(repeatElement(request, count: 1000).joined()))
        #expect(sent < limit && proxy.privateMemory - before < 16 * 1024)
        for _ in 0..<min(sent / request.count, 2000) { #expect(try client.readResponse().bodyText.utf8.count == size) }
    }
}
