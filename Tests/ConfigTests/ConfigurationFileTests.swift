import Config
import Testing
import YAML

private func read(_ file: String, _ arguments: [String] = [], environment: [String: String] = [:]) -> ConfigurationOutcome {
    parse(["-config-file", "f.yaml"] + arguments, environment: environment, files: ["f.yaml": file])
}

@Suite("The configuration file and the environment")
struct ConfigurationFileTests {
    @Test("keys are the flags' names")
    func keys() throws {
        let configuration = try read("""
            address: ":9999"
            kubernetes: true
            validate-query: off
            max-header-bytes: 0x4000
            idle-timeout-server: 90s
            keepalive-server: 0
            routes-file: [a.eskip, "b,c.eskip"]
            disabled-filters: status,lua
            prometheus-native-histogram-bucket-factor: 1.5
            application-log-level: debug
            access-log:
            """).configuration()
        #expect(configuration.listeners.address == ListenAddress(host: "", port: 9999))
        #expect(configuration.kubernetes.enabled)
        #expect(!configuration.requests.validateQuery)
        #expect(configuration.server.maxHeaderBytes == 16384)
        #expect(configuration.server.idleTimeout == .seconds(90))
        #expect(configuration.server.keepalive == .zero)
        #expect(configuration.routes.routesFile == ["a.eskip", "b,c.eskip"])
        #expect(configuration.routes.disabledFilters == ["status", "lua"])
        #expect(configuration.metrics.prometheusNativeHistogramBucketFactor == 1.5)
        #expect(configuration.applicationLog.level == .debug)
        #expect(configuration.accessLog.file == "")
    }

    @Test("an empty file says nothing", arguments: ["", "# nothing\n", "---\n", "{}"])
    func empty(file: String) throws {
        var expected = Configuration()
        expected.general.configFile = "f.yaml"
        #expect(try read(file).configuration() == expected)
    }

    @Test("structures are mappings, sequences of them, or the text of the command line", arguments: [
        "breaker:\n  type: consecutive\n  failures: 5\n",
        "breaker:\n- {type: consecutive, failures: 5}\n",
        "breaker:\n- type=consecutive,failures=5\n",
        "breaker: type=consecutive,failures=5\n",
    ])
    func structures(file: String) throws {
        let breakers = try read(file).configuration().protection.breaker
        #expect(breakers.count == 1)
        #expect(breakers.first?.type == .consecutive)
        #expect(breakers.first?.failures == 5)
    }

    @Test("passive-health-check is a mapping")
    func passiveHealthCheck() throws {
        let check = try read("passive-health-check: {period: 1m, min-requests: 10, max-drop-probability: 0.9}").configuration()
            .backend.passiveHealthCheck
        #expect(check?.period == .seconds(60))
        #expect(check?.minRequests == 10)
        #expect(check?.maxDropProbability == 0.9)
        #expect(check?.minDropProbability == 0)
        #expect(check?.maxUnhealthyEndpointsRatio == 1)
    }

    @Test("open-telemetry is kept as it stands, or read from the flag's text")
    func openTelemetry() throws {
        let file = try read("open-telemetry: {propagators: [b3]}").configuration().tracing.openTelemetry
        let flag = try parse(["-open-telemetry", "propagators: [b3]"]).configuration().tracing.openTelemetry
        #expect(file?["propagators"]?.sequence?.count == 1)
        #expect(flag?["propagators"]?.sequence?.count == 1)
    }

    @Test("the command line wins; adding flags add to the file's, once")
    func precedence() throws {
        let file = """
            address: :1
            routes-file: [a]
            refuse-payload: [x]
            default-filters-prepend: ["a()"]
            kubernetes-allowed-external-names: ["^a$"]
            """
        let configuration = try read(file, [
            "-address", ":2", "-routes-file", "b", "-refuse-payload", "y", "-kubernetes-allowed-external-name", "^b$",
        ]).configuration()
        #expect(configuration.listeners.address.port == 2)
        #expect(configuration.routes.routesFile == ["b"])
        #expect(configuration.requests.refusePayload == ["x", "y"])
        #expect(configuration.routes.defaultFiltersPrepend == ["a()"])
        #expect(configuration.kubernetes.allowedExternalName == ["^a$", "^b$"])
    }

    @Test("secrets come from file or environment, the file first")
    func secrets() throws {
        let environment = [
            "OAUTH2_CLIENT_ID": "e-id", "OAUTH2_CLIENT_SECRET": "e-secret", "SWARM_REDIS_PASSWORD": "e-redis",
            "SWARM_VALKEY_PASSWORD": "e-valkey", "OIDC_CLIENT_ID": "o-id", "OIDC_CLIENT_SECRET": "o-secret",
            "OTEL_SERVICE_NAME": "edge", "HOME": "/root",
        ]
        let configuration = try read(
            "swarm-redis-password: f-redis\nswarm-redis-username: u", ["-oauth2-client-id", "a-id"], environment: environment
        ).configuration()
        #expect(configuration.oauth2.clientID == "a-id")
        #expect(configuration.oauth2.clientSecret == "e-secret")
        #expect(configuration.swarm.redis.password == "f-redis")
        #expect(configuration.swarm.redis.username == "u")
        #expect(configuration.swarm.valkey.password == "e-valkey")
        #expect(configuration.auth.oidcClientID == "o-id")
        #expect(configuration.auth.oidcClientSecret == "o-secret")
        #expect(configuration.tracing.environment == ["OTEL_SERVICE_NAME": "edge"])
    }

    @Test("refuses, with the place", arguments: [
        ("adress: :80", "f.yaml:1:1: adress: unknown key (did you mean \"address\"?)"),
        ("\n  qwertz: 1", "f.yaml:2:3: qwertz: unknown key"),
        ("kubernetes-allowed-external-name: [a]",
            "f.yaml:1:1: kubernetes-allowed-external-name: unknown key (did you mean \"kubernetes-allowed-external-names\"?)"),
        ("config-file: g.yaml", "f.yaml:1:1: config-file: only allowed on the command line"),
        ("version: true", "f.yaml:1:1: version: only allowed on the command line"),
        ("- address", "f.yaml:1:1: the file must be a mapping of flags to values"),
        ("address", "f.yaml:1:1: the file must be a mapping of flags to values"),
        ("address: :1\naddress: :2", "f.yaml:2:1: the key \"address\" stands twice in this mapping"),
        ("address: [a]", "f.yaml:1:10: address: takes one value, found a sequence"),
        ("address: {a: b}", "f.yaml:1:10: address: takes one value, found a mapping"),
        ("kubernetes: maybe", "f.yaml:1:13: kubernetes: \"maybe\" is neither true nor false"),
        ("kubernetes: 'yes'", "f.yaml:1:13: kubernetes: \"yes\" is neither true nor false"),
        ("timeout-backend: 60", "f.yaml:1:18: timeout-backend: \"60\" is no duration; write a number with its unit, such as 500ms, 75s or 1h30m"),
        ("max-content-length: 1.5", "f.yaml:1:21: max-content-length: \"1.5\" is no whole number"),
        ("routes-file: {a: b}", "f.yaml:1:14: routes-file: takes a list, found a mapping"),
        ("routes-file:\n- a\n- [b]", "f.yaml:2:1: routes-file: takes a list of single values, found a sequence at 3:3"),
        ("passive-health-check:\n  period: 1m\n  min-request: 1",
            "f.yaml:2:3: passive-health-check: unknown key \"min-request\" (did you mean \"min-requests\"?); the keys are period, min-requests, max-drop-probability, min-drop-probability, max-unhealthy-endpoints-ratio"),
        ("passive-health-check: {period: [1m]}", "f.yaml:1:23: passive-health-check: period takes one value, found a sequence at 1:32"),
        ("passive-health-check: []", "f.yaml:1:23: passive-health-check: takes one mapping"),
        ("breaker: [[]]", "f.yaml:1:10: breaker: takes mappings, found a sequence at 1:11"),
        ("a: b: c", "f.yaml:1:5: mapping values are not allowed in this context"),
    ])
    func refused(file: String, message: String) {
        #expect(read(file).errors.first == message)
    }

    @Test("mistakes of file and command line are told together")
    func allMistakes() {
        #expect(read("adress: :80\nworkers: x", ["-timeout-backend=1"]).errors == [
            "f.yaml:1:1: adress: unknown key (did you mean \"address\"?)",
            "f.yaml:2:10: workers: \"x\" is no whole number",
            "-timeout-backend: \"1\" is no duration; write a number with its unit, such as 500ms, 75s or 1h30m",
        ])
    }

    @Test("a combination that is wrong names the place of its value")
    func combination() {
        #expect(read("address: :9911\nsupport-listener: 127.0.0.1:9911").errors == [
            "f.yaml:2:19: support-listener: 127.0.0.1:9911 is taken by -address :9911"
        ])
    }
}
