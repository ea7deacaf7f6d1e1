import Config
import Testing

@Suite("Flags on the command line")
struct CommandLineTests {
    @Test("nothing given: the defaults, and a hint that there are no routes")
    func defaults() throws {
        let outcome = parse([])
        #expect(try outcome.configuration() == Configuration())
        guard case .serve(_, let warnings) = outcome else { return }
        #expect(warnings.map(\.description) == [
            "no source of routes is set, every request will be answered 404; set -routes-file, -routes-urls or -inline-routes"
        ])
    }

    @Test("all forms of a flag", arguments: [
        ["-address", ":80"], ["-address=:80"], ["--address", ":80"], ["--address=:80"], ["-address", ":70", "-address", ":80"],
    ])
    func forms(arguments: [String]) throws {
        #expect(try parse(arguments).configuration().listeners.address == ListenAddress(host: "", port: 80))
    }

    @Test("booleans take no argument of their own", arguments: [
        (["-kubernetes"], true), (["--kubernetes"], true), (["-kubernetes=true"], true), (["-kubernetes=1"], true), (["-kubernetes=T"], true),
        (["-kubernetes=TRUE"], true), (["-kubernetes=false"], false), (["--kubernetes=F"], false), (["-kubernetes=0"], false),
        (["-kubernetes", "-kubernetes=false"], false),
    ])
    func booleans(arguments: [String], value: Bool) throws {
        #expect(try parse(arguments).configuration().kubernetes.enabled == value)
    }

    @Test("a value may look like a flag")
    func negativeNumbers() throws {
        let configuration = try parse(["-max-loopbacks", "-1", "-application-log-prefix", "-x=", "-routes-file", "a"]).configuration()
        #expect(configuration.routes.maxLoopbacks == -1)
        #expect(configuration.applicationLog.prefix == "-x=")
    }

    @Test("a value may be empty and may contain =")
    func emptyValues() throws {
        let configuration = try parse(["-metrics-prefix=", "-application-log-prefix", "", "-inline-routes=a: Path(\"/=\") -> <shunt>"]).configuration()
        #expect(configuration.metrics.prefix == "")
        #expect(configuration.applicationLog.prefix == "")
        #expect(configuration.routes.inlineRoutes == "a: Path(\"/=\") -> <shunt>")
    }

    @Test("whole numbers as Go reads them", arguments: [
        ("7", 7), ("+7", 7), ("0x1f", 31), ("0b101", 5), ("0o17", 15), ("017", 15), ("1_000", 1000), ("0", 0), ("-3", -3), ("-0x10", -16),
    ])
    func integers(text: String, value: Int) throws {
        #expect(try parse(["-max-content-length", text]).configuration().requests.maxContentLength == value)
    }

    @Test("durations need a unit", arguments: [
        ("500ms", Duration.milliseconds(500)), ("1h2m3.5s", .milliseconds(3_723_500)), ("0", .zero), ("0s", .zero), ("1us", .microseconds(1)),
    ])
    func durations(text: String, value: Duration) throws {
        #expect(try parse(["-timeout-backend", text]).configuration().backend.timeout == value)
    }

    @Test("comma lists replace, adding flags add")
    func lists() throws {
        let configuration = try parse([
            "-routes-file", "a,b", "-routes-file", "c, d",
            "-disabled-filters", "x", "-disabled-filters=",
            "-refuse-payload", "one,1", "-refuse-payload", " two",
            "-default-filters-prepend", "a() -> b(1,2)", "-default-filters-prepend", "c()",
        ]).configuration()
        #expect(configuration.routes.routesFile == ["c", "d"])
        #expect(configuration.routes.disabledFilters == [])
        #expect(configuration.requests.refusePayload == ["one,1", " two"])
        #expect(configuration.routes.defaultFiltersPrepend == ["a() -> b(1,2)", "c()"])
    }

    @Test("help and version come before every mistake", arguments: ["-help", "-h", "--help", "-help=true"])
    func help(argument: String) {
        guard case .printHelp = parse(["-nonsense", argument, "-version"]) else { Issue.record("no help"); return }
    }

    @Test("version can be asked for, and unasked")
    func version() throws {
        guard case .printVersion = parse(["-version", "-address", "nowhere"]) else { Issue.record("no version"); return }
        #expect(try parse(["-version=false"]).configuration() == Configuration())
    }

    @Test("refuses", arguments: [
        (["serve"], "\"serve\" belongs to no flag"),
        (["-"], "\"-\" belongs to no flag"),
        (["--", "x"], "\"x\" belongs to no flag"),
        (["-=x"], "\"-=x\" is no flag"),
        (["---address"], "\"---address\" is no flag"),
        (["-kubernetes", "false"], "\"false\" belongs to no flag; write -kubernetes=false"),
        (["-kubernetes=yes"], "-kubernetes: \"yes\" is neither true nor false"),
        (["-kubernetes="], "-kubernetes: \"\" is neither true nor false"),
        (["-adress", ":80"], "-adress: unknown flag (did you mean \"address\"?)"),
        (["-xyzzy-frobnicate"], "-xyzzy-frobnicate: unknown flag"),
        (["-address"], "-address: a value is missing"),
        (["-address", "80"], "-address: \"80\" is no address; write :9090, host:9090 or [::1]:9090"),
        (["-address", ""], "-address: \"\" is no address; write :9090, host:9090 or [::1]:9090"),
        (["-address", "::1:80"], "-address: \"::1:80\" is no address; write :9090, host:9090 or [::1]:9090"),
        (["-address", "1.2.3:80"], "-address: \"1.2.3:80\" is no address; write :9090, host:9090 or [::1]:9090"),
        (["-address", ":70000"], "-address: \":70000\" is no address; write :9090, host:9090 or [::1]:9090"),
        (["-address", "a b:80"], "-address: \"a b:80\" is no address; write :9090, host:9090 or [::1]:9090"),
        (["-max-header-bytes", "1MB"], "-max-header-bytes: \"1MB\" is no whole number"),
        (["-max-header-bytes", "1048577"], "-max-header-bytes: 1048577 is not allowed, 1024 to 1048576 is"),
        (["-keepalive-requests-server", "-1"], "-keepalive-requests-server: -1 is not allowed, at least 0 is"),
        (["-max-content-length", "9223372036854775808"], "-max-content-length: \"9223372036854775808\" is no whole number"),
        (["-max-content-length", "--1"], "-max-content-length: \"--1\" is no whole number"),
        (["-max-content-length", "08"], "-max-content-length: \"08\" is no whole number"),
        (["-max-content-length", "1_"], "-max-content-length: \"1_\" is no whole number"),
        (["-max-content-length", "0x"], "-max-content-length: \"0x\" is no whole number"),
        (["-timeout-backend", "60"], "-timeout-backend: \"60\" is no duration; write a number with its unit, such as 500ms, 75s or 1h30m"),
        (["-timeout-backend", "-1s"], "-timeout-backend: -1s is not allowed, at least 0s is"),
        (["-block-profile-rate", "x"], "-block-profile-rate: \"x\" is no whole number"),
        (["-prometheus-native-histogram-bucket-factor", "1"], "-prometheus-native-histogram-bucket-factor: 1.0 is not allowed, 1.0001 to 10.0 is"),
        (["-prometheus-native-histogram-bucket-factor", "nan"], "-prometheus-native-histogram-bucket-factor: \"nan\" is no number"),
        (["-application-log-level", "loud"],
            "-application-log-level: \"LOUD\" is not allowed; allowed are TRACE, DEBUG, INFO, WARN, ERROR, FATAL, PANIC"),
        (["-kubernetes-path-mode", "path-prefx"],
            "-kubernetes-path-mode: \"path-prefx\" is not allowed (did you mean \"path-prefix\"?); allowed are kubernetes-ingress, path-regexp, path-prefix"),
        (["-routes-file", "a,,b"], "-routes-file: an element is empty"),
        (["-refuse-payload", ""], "-refuse-payload: an element is empty"),
        (["-swarm-redis-password", "x"], "-swarm-redis-password: only allowed in the -config-file"),
        (["-health-path", "healthz"], "-health-path: \"healthz\" does not begin with /"),
        (["-config-file", "missing.yaml"], "-config-file: missing.yaml: no such file"),
    ])
    func refused(arguments: [String], message: String) {
        #expect(parse(arguments).errors == [message])
    }

    @Test("all mistakes are told at once")
    func allMistakes() {
        #expect(parse(["-adress", ":80", "-workers", "many", "stray", "-timeout-backend=7", "-compress-encodings", "gzip,lzw,br,rar"]).errors == [
            "-adress: unknown flag (did you mean \"address\"?)",
            "\"stray\" belongs to no flag",
            "-workers: \"many\" is no whole number",
            "-timeout-backend: \"7\" is no duration; write a number with its unit, such as 500ms, 75s or 1h30m",
            "-compress-encodings: \"lzw\" is not allowed; allowed are gzip, deflate, br, zstd",
            "-compress-encodings: \"rar\" is not allowed; allowed are gzip, deflate, br, zstd",
        ])
    }

    @Test("addresses", arguments: [
        (":9090", "", 9090), ("localhost:0", "localhost", 0), ("127.0.0.1:80", "127.0.0.1", 80), ("[::1]:9090", "::1", 9090),
        ("a-b.example.org.:1", "a-b.example.org.", 1), ("[::ffff:1.2.3.4]:65535", "::ffff:1.2.3.4", 65535),
    ])
    func addresses(text: String, host: String, port: UInt16) throws {
        let address = try parse(["-address", text]).configuration().listeners.address
        #expect(address == ListenAddress(host: host, port: port))
        #expect(address.description == text)
    }
}
