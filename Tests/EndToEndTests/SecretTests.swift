import Glibc
import TestSupport
import Testing

@Suite("Secrets in files")
struct SecretTests {
    @Test("a header carries what the file holds now") func header() throws {
        let folder = try TemporaryFolder()
        try folder.write("one\n", to: "token")
        let token = "\(folder.path)/token"
        let setup = try Setup(
            filters: "bearerinjector(\"\(token)\") -> setRequestHeaderFromSecret(\"X-S\", \"\(token)\", \"<\", \">\") ->",
            flags: ["-credentials-paths", folder.path, "-credentials-update-interval", "1h"])
        let client = try setup.client()
        #expect(try client.exchange(get("/", fields: "Authorization: mine\r\n")).status == 200)
        #expect(setup.origin.requests.last?.values("Authorization") == ["Bearer one"])
        #expect(setup.origin.requests.last?.value("X-S") == "<one>")

        try folder.write("two\n", to: "token")
        setup.proxy.signal(SIGHUP)
        try Patience.wait(for: "the new secret") {
            _ = try client.exchange(get("/"))
            return setup.origin.requests.last?.value("X-S") == "<two>"
        }
        unlink(token)
        setup.proxy.signal(SIGHUP)
        try setup.proxy.waitForLog("secret \(token)", "No such file")
        _ = try client.exchange(get("/"))
        #expect(setup.origin.requests.last?.value("Authorization") == "Bearer two")
    }

    @Test("only files below -credentials-paths may be named", arguments: ["open/token", "closed/token", "open/../closed/token", "opened", "open/none"])
    func paths(name: String) throws {
        let folder = try TemporaryFolder()
        for path in ["open", "closed"] { mkdir("\(folder.path)/\(path)", 0o755) }
        for file in ["open/token", "closed/token", "opened"] { try folder.write("secret", to: file) }
        let setup = try Setup(
            filters: "setRequestHeaderFromSecret(\"X-S\", \"\(folder.path)/\(name)\") ->", flags: ["-credentials-paths", "/nowhere,\(folder.path)/open/"])
        let client = try setup.client()
        #expect(try client.exchange(get("/", fields: "X-S: mine\r\n")).status == 200)
        #expect(setup.origin.requests.last?.value("X-S") == (name == "open/token" ? "secret" : "mine"))
        if name != "open/token" { try setup.proxy.waitForLog("warning", "secret \(folder.path)/\(name)") }
    }
}
