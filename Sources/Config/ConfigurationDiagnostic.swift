public import YAML

/// Something to tell about the configuration: an error, or a warning that ends nothing.
public struct ConfigurationDiagnostic: Error, Sendable, Hashable, CustomStringConvertible {
    /// Where the value was given.
    public enum Place: Sendable, Hashable {
        case commandLine
        case file(String, YAMLPosition?)
        case environment(variable: String)
    }

    public var place: Place
    /// Name of the flag, without dash; `nil` if it is about no single one.
    public var flag: String?
    public var message: String

    public init(_ message: String, flag: String? = nil, at place: Place = .commandLine) {
        self.message = message
        self.flag = flag
        self.place = place
    }

    /// `-flag: message`, or `file:line:column: flag: message`.
    public var description: String {
        switch place {
        case .commandLine: (flag.map { "-\($0): " } ?? "") + message
        case .file(let path, let position):
            path + (position.map { ":\($0)" } ?? "") + ": " + (flag.map { "\($0): " } ?? "") + message
        case .environment(let variable): "\(variable): \(message)"
        }
    }
}
