import Synchronization
import TestSupport
import Testing

@Suite("Status checks before the start")
struct StatusCheckTests {
    @Test("the listener opens when all URLs have answered 200") func order() throws {
        let origin = try LoopbackOrigin(answer: { request in
            switch (request.target, StatusCheckTests.countFirst(request.target)) {
            case ("/a", 1): "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"
            case ("/b", 1): "HTTP/1.1 204 No Content\r\n\r\n"
            default: ok("fine")
            }
        })
        let proxy = try FairwayProcess(routes: "r: * -> status(200) -> <shunt>", flags: ["-status-checks", "\(origin.url)/a,\(origin.url)/b"])
        #expect(origin.requests.map(\.target) == ["/a", "/a", "/b", "/b"])
        #expect(proxy.log.contains("answered 503, expected 200") && proxy.log.contains("answered 204, expected 200"))
        #expect(try RawClient.get("/", port: proxy.port).status == 200)
    }

    private static let counts = Mutex<[String: Int]>([:])

    private static func countFirst(_ target: String) -> Int {
        counts.withLock { counts in
            counts[target, default: 0] += 1
            return counts[target]!
        }
    }
}
