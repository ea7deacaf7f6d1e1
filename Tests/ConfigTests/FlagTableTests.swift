import Config
import Testing

@Suite("The table of flags")
struct FlagTableTests {
    @Test("accepts every name of Skipper's, with its type and its default or a stated other")
    func skipperNames() throws {
        #expect(skipperFlags.count == 283)
        for (name, type, standard) in skipperFlags {
            let flag = try #require(FlagTable.argument(named: name), "-\(name) is missing")
            #expect(types(flag.kind).contains(type), "-\(name) is \(flag.kind.word), not \(type)")
            #expect(normal(flag.skipperDefault ?? flag.defaultText) == normal(standard), "default of -\(name)")
        }
    }

    private func types(_ kind: FlagKind) -> [String] {
        switch kind {
        case .bool: ["bool"]
        case .int: ["int"]
        case .float: ["float"]
        case .duration: ["duration"]
        case .string, .address: ["string"]
        case .choice: ["string", "enum"]
        // Some comma lists are plain strings there.
        case .list: ["list", "string"]
        case .record, .document: ["list"]
        }
    }

    /// Durations have many texts.
    private func normal(_ text: String) -> String {
        ["60s": "1m", "0": "0s"][text] ?? (text == "0s" ? "0s" : text)
    }

    @Test("our own names are few and known")
    func ownNames() {
        let skipper = Set(skipperFlags.map(\.name))
        let own = FlagTable.flags.filter { $0.isArgument && !skipper.contains($0.name) }.map(\.name)
        #expect(own.sorted() == ["dns-servers", "enable-http2-backend", "enable-ktls", "enable-proxy-protocol-backend", "health-path", "help", "max-body-buffer", "tls-client-ca", "tls-handshake-timeout-server", "tls-ocsp", "trusted-hops", "trusted-proxies", "workers"])
    }

    @Test("defaults that differ are the decided ones")
    func differences() {
        let differing = FlagTable.flags.compactMap { flag in flag.skipperDefault.map { "\(flag.name): \($0) -> \(flag.defaultText)" } }
        #expect(differing.sorted() == [
            "idle-timeout-server: 60s -> 75s",
            "max-header-bytes: 1048576 -> 65536",
            "metrics-flavour: codahale -> prometheus",
            "metrics-listener: :9911 -> :9911 with -kubernetes, else 127.0.0.1:9911",
            "support-listener: :9911 -> :9911 with -kubernetes, else 127.0.0.1:9911",
            "tls-client-auth:  -> NoClientCert",
        ])
    }

    @Test("keys of the file that are no flags, or other names of flags")
    func fileKeys() {
        #expect(FlagTable.flags.filter { !$0.isArgument }.map(\.name).sorted() == [
            "swarm-redis-password", "swarm-redis-username", "swarm-valkey-password", "swarm-valkey-username",
        ])
        #expect(FlagTable.flags.filter { $0.fileKey == nil }.map(\.name).sorted() == ["config-file", "help", "version"])
        #expect(FlagTable.fileEntry(named: "kubernetes-allowed-external-names")?.name == "kubernetes-allowed-external-name")
    }

    @Test("every default is accepted as a value and changes nothing", arguments: FlagTable.flags.map(\.name))
    func defaultAsValue(name: String) throws {
        let flag = try #require(FlagTable.flags.first { $0.name == name })
        guard flag.isArgument, !flag.defaultText.contains(" "), !["record", "document"].contains(kindName(flag.kind)) else { return }
        if flag.defaultText.isEmpty, flag.accumulates { return }
        #expect(try parse(["-\(name)=\(flag.defaultText)"]).configuration() == Configuration(), "-\(name)")
    }

    private func kindName(_ kind: FlagKind) -> String {
        switch kind {
        case .record: "record"
        case .document: "document"
        default: ""
        }
    }

    @Test("adding flags are the documented ones")
    func accumulating() {
        #expect(FlagTable.flags.filter(\.accumulates).map(\.name).sorted() == [
            "breaker", "clone-route", "dataclient-plugin", "default-filters-append", "default-filters-prepend", "edit-route",
            "filter-plugin", "kubernetes-allowed-external-name", "kubernetes-annotation-filters-append",
            "kubernetes-annotation-predicates", "kubernetes-east-west-range-annotation-filters-append",
            "kubernetes-east-west-range-annotation-predicates", "multi-plugin", "predicate-plugin", "ratelimits", "refuse-payload",
            "route-server-filters",
        ])
    }

    @Test("help names every flag and keeps within its columns")
    func help() {
        let help = FlagReference.help(columns: 80)
        for flag in FlagTable.flags where flag.isArgument { #expect(help.contains("-\(flag.name)"), "-\(flag.name)") }
        #expect(!help.contains("swarm-redis-password"))
        #expect(help.contains("  -idle-timeout-server duration\n"))
        #expect(help.contains("default 75s"))
        let texts = help.split(separator: "\n").filter { $0.hasPrefix("        ") }
        #expect(texts.allSatisfy { $0.count <= 80 })
    }

    @Test("the reference has one row for every flag")
    func reference() {
        let rows = FlagReference.markdown().split(separator: "\n").filter { $0.hasPrefix("| `") }
        #expect(rows.count == FlagTable.flags.count)
        #expect(rows.contains { $0.hasPrefix("| `-idle-timeout-server` | duration | `75s` (Skipper: `60s`) | ") })
        #expect(rows.contains { $0.hasPrefix("| `swarm-redis-password` (file only) | string |  | ") })
        #expect(rows.allSatisfy { $0.replacing("\\|", with: "").count { $0 == "|" } == 5 })
    }
}
