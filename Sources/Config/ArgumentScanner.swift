import YAML

/// A value for a flag and where it was given.
struct Setting {
    var flag: Flag
    var value: FlagValue
    var place: ConfigurationDiagnostic.Place
}

/// What one source of settings holds, and what is wrong with it.
struct Settings {
    var settings: [Setting] = []
    var problems: [ConfigurationDiagnostic] = []
}

/// Reads the command line by Go's rules: `-f v`, `-f=v`, `--f v`, `--f=v`, and `-f` alone for booleans.
///
/// A flag that takes a value takes the next argument whatever it looks like, so `-max-loopbacks -1` works. Nothing
/// ends the scan: what follows a mistake is read too, so that every mistake is told at once.
struct ArgumentScanner {
    private var rest: ArraySlice<String>
    private var result = Settings()

    static func scan(_ arguments: [String]) -> Settings {
        var scanner = ArgumentScanner(rest: arguments[...])
        while let argument = scanner.rest.popFirst() { scanner.take(argument) }
        return scanner.result
    }

    private mutating func take(_ argument: String) {
        guard argument.hasPrefix("-"), argument != "-" else { return refusePositional(argument) }
        if argument == "--" {
            while let positional = rest.popFirst() { refusePositional(positional) }
            return
        }
        let text = argument.dropFirst(argument.hasPrefix("--") ? 2 : 1)
        let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        let name = String(parts[0])
        guard !name.isEmpty, !name.hasPrefix("-") else { return refuse("\"\(argument)\" is no flag") }
        take(name, value: parts.count > 1 ? String(parts[1]) : nil)
    }

    private mutating func take(_ name: String, value: String?) {
        guard let flag = FlagTable.argument(named: name == "h" ? "help" : name) else {
            refuseUnknown(name)
            // What follows is most likely its value and no mistake of its own.
            if value == nil, rest.first?.hasPrefix("-") == false { rest.removeFirst() }
            return
        }
        if let value = value ?? (flag.kind == .bool ? "true" : rest.popFirst()) {
            add(flag, value)
        } else {
            refuse("a value is missing", flag: name)
        }
    }

    private mutating func add(_ flag: Flag, _ text: String) {
        switch FlagValue.argument(text, for: flag) {
        case .success(let value): result.settings.append(Setting(flag: flag, value: value, place: .commandLine))
        case .failure(let problem): refuse(problem.message, flag: flag.name)
        }
    }

    private mutating func refuseUnknown(_ name: String) {
        if let flag = FlagTable.fileEntry(named: name), !flag.isArgument {
            return refuse("only allowed in the -config-file", flag: name)
        }
        refuse("unknown flag" + NearestName.hint(for: name, among: FlagTable.flags.filter(\.isArgument).map(\.name)), flag: name)
    }

    private mutating func refusePositional(_ argument: String) {
        let last = result.settings.last?.flag
        if let last, last.kind == .bool, case .success = ValueText.bool(argument) {
            return refuse("\"\(argument)\" belongs to no flag; write -\(last.name)=\(argument)")
        }
        refuse("\"\(argument)\" belongs to no flag")
    }

    private mutating func refuse(_ message: String, flag: String? = nil) {
        result.problems.append(ConfigurationDiagnostic(message, flag: flag))
    }
}

extension FlagValue {
    /// The value an argument means for a flag.
    static func argument(_ text: String, for flag: Flag) -> ValueText.Outcome<FlagValue> {
        switch flag.kind {
        case .list where flag.accumulates: .success(.list([text]))
        case .list: .success(.list(elements(text)))
        case .record: fields(text).map { .records([$0]) }
        case .document: document(text)
        default: .success(.text(text))
        }
    }

    /// Elements between commas, without blanks around them; an empty text has none.
    static func elements(_ text: String) -> [String] {
        if text.isEmpty { return [] }
        return text.split(separator: ",", omittingEmptySubsequences: false).map { element in
            let start = element.drop { $0 == " " }
            return String(start.prefix(upTo: start.lastIndex { $0 != " " }.map(start.index(after:)) ?? start.startIndex))
        }
    }

    /// `key=value,key=value`.
    static func fields(_ text: String) -> ValueText.Outcome<[RecordField]> {
        var fields: [RecordField] = []
        for element in elements(text) {
            let parts = element.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2, !parts[0].isEmpty else {
                return .failure(ValueText.Problem("\"\(element)\" is not of the form key=value"))
            }
            fields.append(RecordField(key: String(parts[0]), value: String(parts[1])))
        }
        return .success(fields)
    }

    private static func document(_ text: String) -> ValueText.Outcome<FlagValue> {
        do throws(YAMLError) {
            return .success(.document(try YAMLReader.document(text.utf8, limits: .configuration)))
        } catch {
            return .failure(ValueText.Problem("the YAML text: \(error)"))
        }
    }
}
