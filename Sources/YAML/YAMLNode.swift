/// A place in a YAML text.
public struct YAMLPosition: Sendable, Hashable, CustomStringConvertible {
    /// Counted from 1.
    public var line: Int
    /// Counted from 1, in characters (Unicode scalars).
    public var column: Int

    public init(line: Int, column: Int) {
        self.line = line
        self.column = column
    }

    public var description: String { "\(line):\(column)" }
}

/// One value of a YAML document with the place where it stands.
///
/// Aliases are already replaced by what they name; such a node keeps the position of its anchor's value.
public struct YAMLNode: Sendable, Hashable {
    public enum Content: Sendable, Hashable {
        case scalar(YAMLScalar)
        case sequence([YAMLNode])
        /// In the order of the text; the keys are different from each other.
        case mapping([YAMLEntry])
    }

    public var content: Content
    public var position: YAMLPosition

    public init(_ content: Content, at position: YAMLPosition) {
        self.content = content
        self.position = position
    }

    /// The scalar this node is, or `nil` for a sequence or a mapping.
    public var scalar: YAMLScalar? {
        if case .scalar(let scalar) = content { scalar } else { nil }
    }

    /// The elements, or `nil` if this is no sequence.
    public var sequence: [YAMLNode]? {
        if case .sequence(let elements) = content { elements } else { nil }
    }

    /// The entries, or `nil` if this is no mapping.
    public var mapping: [YAMLEntry]? {
        if case .mapping(let entries) = content { entries } else { nil }
    }

    /// The value of a mapping's key; `nil` too if this is no mapping. Linear in the number of keys.
    public subscript(key: String) -> YAMLNode? {
        mapping?.first { $0.key == key }?.value
    }

    /// True for `~`, `null` and for a value left out.
    public var isNull: Bool { scalar?.value == .null }
}

/// One key of a mapping with its value. Keys are the text of scalars; other keys are refused.
public struct YAMLEntry: Sendable, Hashable {
    public var key: String
    public var keyPosition: YAMLPosition
    public var value: YAMLNode

    public init(key: String, keyPosition: YAMLPosition, value: YAMLNode) {
        self.key = key
        self.keyPosition = keyPosition
        self.value = value
    }
}

/// A scalar: its text, and what the text means by the core schema (YAML 1.2 §10.3).
public struct YAMLScalar: Sendable, Hashable {
    /// The text after unquoting, unescaping and folding.
    public var text: String
    /// True for text without quotes that is no block; only such text can be a number, a boolean or null.
    public var isPlain: Bool
    /// A tag that was written, such as `tag:yaml.org,2002:str` for `!!str`.
    public var tag: String?

    public init(_ text: String, isPlain: Bool, tag: String? = nil) {
        self.text = text
        self.isPlain = isPlain
        self.tag = tag
    }

    public enum Value: Sendable, Hashable {
        case null
        case bool(Bool)
        case integer(Int)
        case float(Double)
        case string(String)
    }

    /// What the text means. Integers that do not fit 64 bits are floats, as JSON readers have it;
    /// `yes`, `no`, `on` and `off` are strings.
    public var value: Value {
        guard isPlain, tag == nil else { return .string(text) }
        switch text {
        case "", "~", "null", "Null", "NULL": return .null
        case "true", "True", "TRUE": return .bool(true)
        case "false", "False", "FALSE": return .bool(false)
        case ".nan", ".NaN", ".NAN": return .float(.nan)
        case ".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF": return .float(.infinity)
        case "-.inf", "-.Inf", "-.INF": return .float(-.infinity)
        default: return number ?? .string(text)
        }
    }

    private var number: Value? {
        if let integer { return .integer(integer) }
        // Double(String) also reads "inf", "nan" and hexadecimal floats, which are strings here.
        guard text.utf8.allSatisfy({ "+-.0123456789eE".utf8.contains($0) }) else { return nil }
        return Double(text).map(Value.float)
    }

    private var integer: Int? {
        if text.hasPrefix("0x") { return Int(text.dropFirst(2), radix: 16) }
        if text.hasPrefix("0o") { return Int(text.dropFirst(2), radix: 8) }
        return Int(text)
    }
}
