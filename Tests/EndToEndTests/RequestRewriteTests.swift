import TestSupport
import Testing

@Suite("Requests that flags check and complete before routing")
struct RequestRewriteTests {
    @Test("-forwarded-headers adds the client to what the first line says", arguments: [
        ("", "127.0.0.1"), ("X-Forwarded-For: 192.0.2.1\r\n", "192.0.2.1, 127.0.0.1"),
        ("X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-For: 192.0.2.2, 192.0.2.3\r\n", "192.0.2.1, 127.0.0.1"),
    ])
    func forwardedFor(fields: String, expected: String) throws {
        let setup = try Setup(flags: ["-forwarded-headers", "X-Forwarded-For"])
        #expect(try setup.client().exchange(get("/", fields: fields)).status == 200)
        #expect(setup.origin.requests.first?.values("X-Forwarded-For") == [expected])
    }

    @Test("-refuse-payload looks at the target, decoded too, and at names and values of fields", arguments: [
        ("/?evil%20text", "", 400), ("/evil+text", "", 400), ("/", "X-A: an evil text\r\n", 400), ("/", "X-Evil: 1\r\n", 400), ("/", "x-evil: 1\r\n", 400),
        ("/", "X-EVIL-2: 1\r\n", 400), ("/evil", "X-A: eviltext\r\n", 200), ("/X-evil", "", 200),
    ])
    func refusedPayload(target: String, fields: String, status: Int) throws {
        let setup = try Setup(flags: ["-refuse-payload", "evil text", "-refuse-payload", "X-Evil"])
        let response = try setup.client().exchange(get(target, fields: fields))
        #expect(response.status == status && (status == 200 || response.bodyText == "Invalid request\n"))
        #expect(setup.origin.requests.isEmpty == (status == 400))
    }
}
