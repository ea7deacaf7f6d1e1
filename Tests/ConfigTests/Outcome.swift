import Config

/// Reads a configuration with files that exist only here.
func parse(
    _ arguments: [String], environment: [String: String] = [:], files: [String: String] = [:]
) -> ConfigurationOutcome {
    Configuration.parse(arguments: arguments, environment: environment) { path in
        files[path].map { .success(Array($0.utf8)) } ?? .failure(ConfigurationFileError("no such file"))
    }
}

struct Refused: Error, CustomStringConvertible {
    var description: String
}

extension ConfigurationOutcome {
    /// The configuration, or a thrown list of why not.
    func configuration() throws -> Configuration {
        if case .serve(let configuration, _) = self { return configuration }
        throw Refused(description: "\(self)")
    }

    var errors: [String] {
        if case .refused(let errors) = self { return errors.map(\.description) }
        return []
    }

    /// All but the hint that there are no routes, which most cases here do not care for.
    var warnings: [String] {
        guard case .serve(_, let warnings) = self else { return ["no configuration: \(self)"] }
        return warnings.map(\.description).filter { !$0.hasPrefix("no source of routes") }
    }
}
