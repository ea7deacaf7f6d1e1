import YAML

/// What comes of reading a configuration.
public enum ConfigurationOutcome: Sendable {
    case serve(Configuration, warnings: [ConfigurationDiagnostic])
    /// `-help` was given: print `FlagReference.help` and exit 0, whatever else stands on the line.
    case printHelp
    /// `-version` was given.
    case printVersion
    /// Everything that is wrong, in the order environment, file, command line, combinations. Exit 2.
    case refused([ConfigurationDiagnostic])
}

extension Configuration {
    /// Reads flags, the file they name, and the environment, in that order of precedence.
    ///
    /// Flags that accumulate add the command line's values to the file's.
    ///
    /// - Parameters:
    ///   - arguments: what follows the program's name and sub-command.
    ///   - readFile: the bytes of the configuration file, or why they cannot be had.
    public static func parse(
        arguments: [String], environment: [String: String] = [:],
        readFile: (String) -> Result<[UInt8], ConfigurationFileError>
    ) -> ConfigurationOutcome {
        var parser = ConfigurationParser()
        let line = ArgumentScanner.scan(arguments)
        parser.apply(line)
        if parser.configuration.unusedFlags.contains("help") { return .printHelp }
        if parser.configuration.unusedFlags.contains("version") { return .printVersion }
        let path = parser.configuration.general.configFile
        guard !path.isEmpty || !environment.isEmpty else { return parser.finish() }

        // Again from the lowest precedence up, so that whatever is read later wins.
        parser = ConfigurationParser()
        parser.apply(environment)
        if !path.isEmpty { parser.apply(file(path, readFile)) }
        parser.apply(line)
        return parser.finish()
    }

    private static func file(_ path: String, _ readFile: (String) -> Result<[UInt8], ConfigurationFileError>) -> Settings {
        switch readFile(path) {
        case .success(let bytes): return ConfigurationFile.read(bytes, path: path)
        case .failure(let error):
            return Settings(problems: [ConfigurationDiagnostic("\(path): \(error.reason)", flag: "config-file")])
        }
    }
}

/// Why a file could not be read, in the system's words.
public struct ConfigurationFileError: Error, Hashable {
    public var reason: String
    public init(_ reason: String) { self.reason = reason }
}

/// Stores settings one after the other, then looks at the whole.
struct ConfigurationParser {
    var configuration = Configuration()
    /// Where each flag was given last.
    private(set) var places: [String: ConfigurationDiagnostic.Place] = [:]
    private var given: [Flag] = []
    var problems: [ConfigurationDiagnostic] = []
    var warnings: [ConfigurationDiagnostic] = []

    mutating func apply(_ settings: Settings) {
        problems += settings.problems
        for setting in settings.settings { apply(setting) }
    }

    private mutating func apply(_ setting: Setting) {
        let name = setting.flag.name
        if places.updateValue(setting.place, forKey: name) == nil { given.append(setting.flag) }
        for message in setting.flag.store(setting.value, &configuration) {
            problems.append(ConfigurationDiagnostic(message, flag: name, at: setting.place))
        }
    }

    /// Secrets, so that they stand in no list of processes, and what OpenTelemetry defines for everybody.
    mutating func apply(_ environment: [String: String]) {
        for (variable, name) in Self.variables {
            guard let text = environment[variable], !text.isEmpty, let flag = FlagTable.fileEntry(named: name) else { continue }
            apply(Setting(flag: flag, value: .text(text), place: .environment(variable: variable)))
        }
        configuration.auth.oidcClientID = environment["OIDC_CLIENT_ID"] ?? ""
        configuration.auth.oidcClientSecret = environment["OIDC_CLIENT_SECRET"] ?? ""
        configuration.tracing.environment = environment.filter { $0.key.hasPrefix("OTEL_") }
    }

    private static let variables = [
        ("OAUTH2_CLIENT_ID", "oauth2-client-id"),
        ("OAUTH2_CLIENT_SECRET", "oauth2-client-secret"),
        ("SWARM_REDIS_PASSWORD", "swarm-redis-password"),
        ("SWARM_VALKEY_PASSWORD", "swarm-valkey-password"),
    ]

    mutating func finish() -> ConfigurationOutcome {
        resolve()
        checkCombinations()
        checkRouteTexts()
        guard problems.isEmpty else { return .refused(problems) }
        for flag in given { warnAboutStatus(of: flag) }
        return .serve(configuration, warnings: warnings)
    }

    private mutating func warnAboutStatus(of flag: Flag) {
        let isSet = !flag.isDefault(configuration)
        switch flag.status {
        case .works: return
        case .notYet where isSet: warn("accepted, but has no effect yet", flag.name)
        case .ignored(let instead) where isSet: warn("accepted, but has no meaning here; instead: \(instead)", flag.name)
        case .alwaysOn(let fact) where flag.isSwitchedOff(configuration): warn("cannot be switched off: \(fact)", flag.name)
        default: return
        }
    }

    mutating func warn(_ message: String, _ flag: String) {
        warnings.append(ConfigurationDiagnostic(message, flag: flag, at: places[flag] ?? .commandLine))
    }

    mutating func refuse(_ message: String, _ flag: String) {
        problems.append(ConfigurationDiagnostic(message, flag: flag, at: places[flag] ?? .commandLine))
    }

    func isGiven(_ flag: String) -> Bool { places[flag] != nil }
}

extension Flag {
    /// True for a boolean that was given and is false in the end.
    fileprivate func isSwitchedOff(_ configuration: Configuration) -> Bool {
        kind == .bool && isDefault(configuration) == (defaultText == "false")
    }
}
