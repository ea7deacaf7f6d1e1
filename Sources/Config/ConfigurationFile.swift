import YAML

extension YAMLLimits {
    /// Far above any configuration; route documents belong into files of their own.
    static let configuration = YAMLLimits(bytesMax: 1 << 20, depthMax: 32, nodesMax: 50_000)
}

/// Reads the configuration file: a YAML mapping with flags as keys.
struct ConfigurationFile {
    private let path: String
    private var result = Settings()

    static func read(_ bytes: [UInt8], path: String) -> Settings {
        var file = ConfigurationFile(path: path)
        do throws(YAMLError) {
            file.take(try YAMLReader.document(bytes, limits: .configuration))
        } catch {
            file.refuse(error.message, at: error.position)
        }
        return file.result
    }

    private init(path: String) { self.path = path }

    private mutating func take(_ document: YAMLNode) {
        if document.isNull { return }
        guard let entries = document.mapping else {
            return refuse("the file must be a mapping of flags to values", at: document.position)
        }
        for entry in entries { take(entry) }
    }

    private mutating func take(_ entry: YAMLEntry) {
        guard let flag = FlagTable.fileEntry(named: entry.key) else { return refuseUnknown(entry) }
        // A key without a value leaves the default.
        if entry.value.isNull { return }
        switch FlagValue.node(entry.value, for: flag) {
        case .success(let value):
            result.settings.append(Setting(flag: flag, value: value, place: .file(path, entry.value.position)))
        case .failure(let problem):
            refuse(problem.message, flag: entry.key, at: entry.value.position)
        }
    }

    private mutating func refuseUnknown(_ entry: YAMLEntry) {
        if FlagTable.argument(named: entry.key)?.fileKey == nil, FlagTable.argument(named: entry.key) != nil {
            return refuse("only allowed on the command line", flag: entry.key, at: entry.keyPosition)
        }
        let hint = NearestName.hint(for: entry.key, among: FlagTable.flags.compactMap(\.fileKey))
        refuse("unknown key" + hint, flag: entry.key, at: entry.keyPosition)
    }

    private mutating func refuse(_ message: String, flag: String? = nil, at position: YAMLPosition) {
        result.problems.append(ConfigurationDiagnostic(message, flag: flag, at: .file(path, position)))
    }
}

extension FlagValue {
    /// The value that stands in the file for a flag. Whatever may be a list or a mapping may also be one text, as on
    /// the command line.
    static func node(_ node: YAMLNode, for flag: Flag) -> ValueText.Outcome<FlagValue> {
        switch (flag.kind, node.content) {
        case (.document, _): .success(.document(node))
        case (.bool, .scalar(let scalar)): .success(.text(boolean(scalar)))
        case (_, .scalar(let scalar)): argument(scalar.text, for: flag)
        case (.list, .sequence(let elements)): texts(elements).map(FlagValue.list)
        case (.record, .mapping(let entries)): fields(entries).map { .records([$0]) }
        case (.record, .sequence(let elements)): records(elements).map(FlagValue.records)
        default: .failure(ValueText.Problem("takes \(expectation(flag.kind)), found \(name(node))"))
        }
    }

    /// YAML 1.1 has more words for booleans than Go.
    private static func boolean(_ scalar: YAMLScalar) -> String {
        guard scalar.isPlain else { return scalar.text }
        switch scalar.text.lowercased() {
        case "yes", "on", "y": return "true"
        case "no", "off", "n": return "false"
        default: return scalar.text
        }
    }

    private static func texts(_ elements: [YAMLNode]) -> ValueText.Outcome<[String]> {
        var texts: [String] = []
        for element in elements {
            guard let scalar = element.scalar else {
                return .failure(ValueText.Problem("takes a list of single values, found \(name(element)) at \(element.position)"))
            }
            texts.append(scalar.text)
        }
        return .success(texts)
    }

    private static func fields(_ entries: [YAMLEntry]) -> ValueText.Outcome<[RecordField]> {
        var fields: [RecordField] = []
        for entry in entries {
            guard let scalar = entry.value.scalar else {
                return .failure(ValueText.Problem("\(entry.key) takes one value, found \(name(entry.value)) at \(entry.value.position)"))
            }
            fields.append(RecordField(key: entry.key, value: scalar.text))
        }
        return .success(fields)
    }

    private static func records(_ elements: [YAMLNode]) -> ValueText.Outcome<[[RecordField]]> {
        var records: [[RecordField]] = []
        for element in elements {
            let fields: ValueText.Outcome<[RecordField]> = switch element.content {
            case .mapping(let entries): Self.fields(entries)
            case .scalar(let scalar): Self.fields(scalar.text)
            case .sequence: .failure(ValueText.Problem("takes mappings, found a sequence at \(element.position)"))
            }
            switch fields {
            case .success(let fields): records.append(fields)
            case .failure(let problem): return .failure(problem)
            }
        }
        return .success(records)
    }

    private static func expectation(_ kind: FlagKind) -> String {
        switch kind {
        case .list: "a list"
        case .record: "a mapping"
        default: "one value"
        }
    }

    private static func name(_ node: YAMLNode) -> String {
        switch node.content {
        case .scalar: "one value"
        case .sequence: "a sequence"
        case .mapping: "a mapping"
        }
    }
}
