import YAML

/// One flag: a line of the table that parsing, the file's keys, help, reference and warnings come from.
public struct Flag: Sendable {
    /// Without dashes.
    public internal(set) var name: String
    public internal(set) var kind: FlagKind
    /// The default as it would be given.
    public internal(set) var defaultText: String
    /// Skipper's default where ours differs.
    public internal(set) var skipperDefault: String?
    /// What it does: one sentence or two, lower case, without the default.
    public internal(set) var help: String
    public internal(set) var status: FlagStatus
    /// True if each use adds to those before, false if the last one holds.
    public internal(set) var accumulates: Bool
    /// Its key in the file; `nil` if it has no place there.
    public internal(set) var fileKey: String?
    /// False for keys that only the file knows.
    public internal(set) var isArgument: Bool
    /// Stores a value, and returns everything that is wrong with it.
    var store: @Sendable (FlagValue, inout Configuration) -> [String]
    var isDefault: @Sendable (Configuration) -> Bool
}

/// What a flag's value looks like.
public enum FlagKind: Sendable, Hashable {
    /// Takes no separate value: `-name` or `-name=false`.
    case bool
    case string
    case int
    case float
    case duration
    /// `host:port`.
    case address
    /// One of these words.
    case choice([String])
    /// Values between commas, or one per use if the flag accumulates; a sequence in the file. Each is one of these
    /// words, or anything if there are none.
    case list([String])
    /// `key=value` between commas with these keys; a mapping in the file. Without keys any are allowed.
    case record([String])
    /// YAML text; in the file the value itself.
    case document

    /// The word for the type in the reference.
    public var word: String {
        switch self {
        case .bool: "bool"
        case .string: "string"
        case .int: "int"
        case .float: "float"
        case .duration: "duration"
        case .address: "host:port"
        case .choice: "word"
        case .list: "list"
        case .record: "key=value,…"
        case .document: "YAML"
        }
    }
}

/// What comes of setting a flag.
public enum FlagStatus: Sendable, Hashable {
    case works
    /// Accepted in silence, because what it asks for always holds; the text says what that is.
    case alwaysOn(String)
    /// Accepted with a warning: meant to work, but nothing acts on it yet.
    case notYet
    /// Accepted with a warning: has no meaning here; the text says what to use instead.
    case ignored(instead: String)
}

/// A part of the table under its own heading.
public struct FlagGroup: Sendable {
    public let title: String
    public let flags: [Flag]
}

/// A value on its way to the configuration, no longer bound to the form it was written in.
enum FlagValue {
    case text(String)
    case list([String])
    case records([[RecordField]])
    case document(YAMLNode)
}
