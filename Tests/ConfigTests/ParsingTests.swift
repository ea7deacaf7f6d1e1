import Config
import Testing

@Suite("Reading a configuration")
struct ParsingTests {
    @Test("nothing given: the defaults, and a hint that there are no routes")
    func defaults() {
        guard case .serve(let configuration, let warnings) = parse([]) else { Issue.record("refused"); return }
        #expect(configuration == Configuration())
        #expect(warnings.count == 1)
    }
}

func parse(_ arguments: [String], environment: [String: String] = [:], files: [String: String] = [:]) -> ConfigurationOutcome {
    Configuration.parse(arguments: arguments, environment: environment) { path in
        files[path].map { .success(Array($0.utf8)) } ?? .failure(ConfigurationFileError("no such file"))
    }
}
