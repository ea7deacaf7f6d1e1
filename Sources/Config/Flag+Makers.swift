import Bytes
import Net
import YAML

/// A field of the configuration that flags may be bound to.
typealias Field<Value> = any WritableKeyPath<Configuration, Value> & Sendable

// One maker per form of value. The default is what the field holds in a fresh configuration.
extension Flag {
    /// The one maker the others call.
    private init<Value: Equatable & Sendable>(
        _ name: String, _ kind: FlagKind, _ field: Field<Value>, _ help: String, _ status: FlagStatus,
        default defaultText: String, skipper: String? = nil, accumulates: Bool = false, fileKey: String? = nil,
        store: @escaping @Sendable (FlagValue, inout Configuration) -> [String]
    ) {
        self.name = name
        self.kind = kind
        self.defaultText = defaultText
        skipperDefault = skipper
        self.help = help
        self.status = status
        self.accumulates = accumulates
        self.fileKey = fileKey ?? name
        isArgument = true
        self.store = store
        isDefault = { $0[keyPath: field] == Configuration()[keyPath: field] }
    }

    /// A flag whose value is one text; `parse` makes the value of it.
    private static func single<Value: Equatable & Sendable>(
        _ name: String, _ kind: FlagKind, _ field: Field<Value>, _ help: String, _ status: FlagStatus,
        default defaultText: String, skipper: String? = nil,
        parse: @escaping @Sendable (String) -> ValueText.Outcome<Value>
    ) -> Flag {
        Flag(name, kind, field, help, status, default: defaultText, skipper: skipper) { value, configuration in
            guard case .text(let text) = value else { return ["takes one value"] }
            switch parse(text) {
            case .success(let value): configuration[keyPath: field] = value
            case .failure(let problem): return [problem.message]
            }
            return []
        }
    }

    static func bool(_ name: String, _ field: Field<Bool>, _ help: String, _ status: FlagStatus = .works) -> Flag {
        single(name, .bool, field, help, status, default: "\(fresh(field))", parse: ValueText.bool)
    }

    static func string(_ name: String, _ field: Field<String>, _ help: String, _ status: FlagStatus = .works) -> Flag {
        single(name, .string, field, help, status, default: fresh(field)) { .success($0) }
    }

    static func int(
        _ name: String, _ field: Field<Int>, in range: ClosedRange<Int> = .min ... .max,
        _ help: String, _ status: FlagStatus = .works, skipper: String? = nil
    ) -> Flag {
        single(name, .int, field, help, status, default: "\(fresh(field))", skipper: skipper) { ValueText.int($0, in: range) }
    }

    static func float(
        _ name: String, _ field: Field<Double>, in range: ClosedRange<Double>, _ help: String, _ status: FlagStatus = .works
    ) -> Flag {
        single(name, .float, field, help, status, default: "\(fresh(field))") { ValueText.float($0, in: range) }
    }

    static func duration(
        _ name: String, _ field: Field<Duration>, min: Duration = .zero,
        _ help: String, _ status: FlagStatus = .works, skipper: String? = nil
    ) -> Flag {
        let text = ValueText.text(of: fresh(field))
        return single(name, .duration, field, help, status, default: text, skipper: skipper) { ValueText.duration($0, min: min) }
    }

    /// A duration that is written as a whole number of milliseconds.
    static func milliseconds(_ name: String, _ field: Field<Duration>, _ help: String) -> Flag {
        let text = "\(fresh(field) / .milliseconds(1))"
        return single(name, .int, field, help, .works, default: String(text.prefix { $0 != "." })) {
            // Skipper takes 0 and less as 30; a year keeps every sum of durations far from overflow.
            ValueText.int($0, in: .min ... 31_536_000_000).map { .milliseconds($0 > 0 ? max($0, 30) : 30) }
        }
    }

    static func address(_ name: String, _ field: Field<ListenAddress>, _ help: String, _ status: FlagStatus = .works) -> Flag {
        single(name, .address, field, help, status, default: "\(fresh(field))", parse: address)
    }

    /// An address that an empty value switches off.
    static func address(
        optional name: String, _ field: Field<ListenAddress?>, _ help: String, _ status: FlagStatus = .works,
        default defaultText: String? = nil, skipper: String? = nil
    ) -> Flag {
        let text = defaultText ?? fresh(field)?.description ?? ""
        return single(name, .address, field, help, status, default: text, skipper: skipper) { text in
            text.isEmpty ? .success(nil) : address(text).map(Optional.some)
        }
    }

    private static func address(_ text: String) -> ValueText.Outcome<ListenAddress> {
        ListenAddress(text).map(ValueText.Outcome.success)
            ?? .failure(ValueText.Problem("\"\(text)\" is no address; write :9090, host:9090 or [::1]:9090"))
    }

    static func choice<T: RawRepresentable<String> & CaseIterable & Equatable & Sendable>(
        _ name: String, _ field: Field<T>, _ help: String, _ status: FlagStatus = .works, skipper: String? = nil
    ) -> Flag {
        let words = T.allCases.map(\.rawValue)
        return single(name, .choice(words), field, help, status, default: fresh(field).rawValue, skipper: skipper) {
            ValueText.choice($0)
        }
    }

    /// The log level, which is read without regard to case and by its long name too.
    static func logLevel(_ name: String, _ field: Field<LogLevel>, _ help: String) -> Flag {
        let words = LogLevel.allCases.map(\.rawValue)
        return single(name, .choice(words), field, help, .works, default: fresh(field).rawValue) { text in
            let word = text.uppercased()
            return ValueText.choice(word == "WARNING" ? "WARN" : word)
        }
    }

    /// A list whose elements `parse` reads one by one. A list that does not accumulate is replaced by each use.
    private static func list<Element: Equatable & Sendable>(
        _ name: String, _ field: Field<[Element]>, words: [String] = [], _ help: String, _ status: FlagStatus,
        default defaultText: String = "", skipper: String? = nil, accumulates: Bool = false, fileKey: String? = nil,
        parse: @escaping @Sendable (String) -> ValueText.Outcome<Element>
    ) -> Flag {
        Flag(
            name, .list(words), field, help, status, default: defaultText, skipper: skipper, accumulates: accumulates,
            fileKey: fileKey
        ) { value, configuration in
            guard case .list(let texts) = value else { return ["takes a list"] }
            var elements: [Element] = []
            var problems: [String] = []
            for text in texts {
                switch parse(text) {
                case .success(let element): elements.append(element)
                case .failure(let problem): problems.append(problem.message)
                }
            }
            configuration[keyPath: field] = (accumulates ? configuration[keyPath: field] : []) + elements
            return problems
        }
    }

    static func strings(
        _ name: String, _ field: Field<[String]>, _ help: String, _ status: FlagStatus = .works,
        accumulates: Bool = false, fileKey: String? = nil
    ) -> Flag {
        list(
            name, field, help, status, default: fresh(field).joined(separator: ","), accumulates: accumulates, fileKey: fileKey
        ) { text in
            text.isEmpty ? .failure(ValueText.Problem("an element is empty")) : .success(text)
        }
    }

    static func choices<T: RawRepresentable<String> & CaseIterable & Equatable & Sendable>(
        _ name: String, _ field: Field<[T]>, _ help: String, _ status: FlagStatus = .works, skipper: String? = nil
    ) -> Flag {
        let text = fresh(field).map(\.rawValue).joined(separator: ",")
        let words = T.allCases.map(\.rawValue)
        return list(name, field, words: words, help, status, default: text, skipper: skipper) { ValueText.choice($0) }
    }

    static func cidrs(_ name: String, _ field: Field<AddressSet>, _ help: String, _ status: FlagStatus = .works) -> Flag {
        Flag(name, .list([]), field, help, status, default: "") { value, configuration in
            guard case .list(let texts) = value else { return ["takes a list"] }
            var problems: [String] = []
            let prefixes = texts.compactMap { text in prefix(text, &problems) }
            configuration[keyPath: field] = AddressSet(prefixes)
            return problems
        }
    }

    /// Ranges that are checked but kept as they are written.
    static func cidrTexts(_ name: String, _ field: Field<[String]>, _ help: String, _ status: FlagStatus = .works) -> Flag {
        list(name, field, help, status) { text in
            var problems: [String] = []
            return prefix(text, &problems) != nil ? .success(text) : .failure(ValueText.Problem(problems[0]))
        }
    }

    private static func prefix(_ text: String, _ problems: inout [String]) -> AddressPrefix? {
        do throws(AddressSetError) {
            return try AddressPrefix(text)
        } catch {
            problems.append(error.description)
            return nil
        }
    }

    /// Upper bounds of a histogram; their order is checked once the list is whole.
    static func buckets(_ name: String, _ field: Field<[Double]>, countMin: Int = 1, _ help: String) -> Flag {
        let flag = list(name, field, help, .works) { text -> ValueText.Outcome<Double> in
            ValueText.float(text, in: 0...Double.greatestFiniteMagnitude)
        }
        return flag.checked { configuration in
            let bounds = configuration[keyPath: field]
            guard bounds.isEmpty || bounds.count >= countMin else { return "takes at least \(countMin) values, found \(bounds.count)" }
            return zip(bounds, bounds.dropFirst()).allSatisfy(<) ? nil : "the values must ascend"
        }
    }

    static func servers(_ name: String, _ field: Field<[SocketAddress]>, defaultPort: UInt16, _ help: String) -> Flag {
        list(name, field, help, .works) { text in
            let parts = HostPort(text)
            let host = parts.map { String(decoding: text.utf8.dropFirst($0.host.lowerBound).prefix($0.host.count), as: UTF8.self) }
            guard let parts, let address = host.flatMap({ IPAddress($0) }), parts.port != 0 else {
                return .failure(ValueText.Problem("\"\(text)\" is no ip:port"))
            }
            return .success(SocketAddress(address, port: parts.port ?? defaultPort))
        }
    }

    static func edits(_ name: String, _ field: Field<[TextEdit]>, _ help: String) -> Flag {
        list(name, field, help, .works, accumulates: true) { text in
            TextEdit(text).map(ValueText.Outcome.success) ?? .failure(ValueText.Problem(
                "\"\(text)\" is not of the form /regexp/replacement/ (the first character separates, and stands there three times)"))
        }
    }

    static func annotationRules(_ name: String, _ field: Field<[AnnotationRule]>, _ help: String) -> Flag {
        list(name, field, help, .notYet, accumulates: true) { text in
            AnnotationRule(text).map(ValueText.Outcome.success)
                ?? .failure(ValueText.Problem("\"\(text)\" is not of the form annotation=value=eskip"))
        }
    }

    static func forwardedHeaders(_ name: String, _ field: Field<ForwardedHeaderSettings>, _ help: String) -> Flag {
        Flag(name, .list(ForwardedHeaderSettings.names), field, help, .works, default: "") { value, configuration in
            guard case .list(let options) = value else { return ["takes a list"] }
            configuration[keyPath: field] = ForwardedHeaderSettings()
            return options.compactMap { configuration[keyPath: field].take($0) }
        }
    }

    /// Settings of several keys, read by the initializer of their type; each use adds one.
    static func records<T: Equatable & Sendable>(
        _ name: String, _ field: Field<[T]>, keys: [String], _ help: String, _ status: FlagStatus,
        read: @escaping @Sendable (inout RecordReader) -> T?
    ) -> Flag {
        Flag(name, .record(keys), field, help, status, default: "", accumulates: true) { value, configuration in
            eachRecord(value, keys: keys, read: read) { configuration[keyPath: field].append($0) }
        }
    }

    /// Settings of several keys that exist once.
    static func record<T: Equatable & Sendable>(
        _ name: String, _ field: Field<T?>, keys: [String], _ help: String, _ status: FlagStatus = .works,
        read: @escaping @Sendable (inout RecordReader) -> T?
    ) -> Flag {
        Flag(name, .record(keys), field, help, status, default: "") { value, configuration in
            if case .records(let records) = value, records.count != 1 { return ["takes one mapping"] }
            return eachRecord(value, keys: keys, read: read) { configuration[keyPath: field] = $0 }
        }
    }

    private static func eachRecord<T>(
        _ value: FlagValue, keys: [String], read: (inout RecordReader) -> T?, store: (T) -> Void
    ) -> [String] {
        guard case .records(let records) = value else { return ["takes \(keys.joined(separator: "=…,"))=…"] }
        var problems: [String] = []
        for fields in records {
            var reader = RecordReader(fields, keys: keys)
            if let setting = read(&reader) { store(setting) }
            problems += reader.problems
        }
        return problems
    }

    /// Pairs with keys of any name.
    static func pairs(_ name: String, _ field: Field<[RecordField]>, _ help: String, _ status: FlagStatus = .works) -> Flag {
        Flag(name, .record([]), field, help, status, default: "") { value, configuration in
            guard case .records(let records) = value else { return ["takes key=value,…"] }
            configuration[keyPath: field] = records.flatMap { $0 }
            return []
        }
    }

    static func document(_ name: String, _ field: Field<YAMLNode?>, _ help: String, _ status: FlagStatus = .works) -> Flag {
        Flag(name, .document, field, help, status, default: "") { value, configuration in
            guard case .document(let node) = value else { return ["takes YAML"] }
            configuration[keyPath: field] = node
            return []
        }
    }

    private static func fresh<Value>(_ field: Field<Value>) -> Value { Configuration()[keyPath: field] }
}

// Flags without a field, and variations of flags.
extension Flag {
    /// A flag that is checked and then forgotten.
    static func unused(
        _ name: String, _ kind: FlagKind, default defaultText: String = "", _ help: String, _ status: FlagStatus,
        accumulates: Bool = false
    ) -> Flag {
        Flag(
            name: name, kind: kind, defaultText: defaultText, skipperDefault: nil, help: help, status: status,
            accumulates: accumulates, fileKey: name, isArgument: true,
            store: { value, configuration in
                let (isDefault, problems) = judge(value, kind: kind, defaultText: defaultText)
                if !isDefault { configuration.unusedFlags.insert(name) } else { configuration.unusedFlags.remove(name) }
                return problems
            },
            isDefault: { !$0.unusedFlags.contains(name) })
    }

    private static func judge(_ value: FlagValue, kind: FlagKind, defaultText: String) -> (isDefault: Bool, problems: [String]) {
        guard case .text(let text) = value else { return (false, []) }
        switch kind {
        case .bool: return judge(ValueText.bool(text), ValueText.bool(defaultText))
        case .int: return judge(ValueText.int(text, in: .min ... .max), ValueText.int(defaultText, in: .min ... .max))
        case .duration: return judge(ValueText.duration(text, min: .zero), ValueText.duration(defaultText, min: .zero))
        default: return (text == defaultText, [])
        }
    }

    private static func judge<T: Equatable & Sendable>(
        _ value: ValueText.Outcome<T>, _ standard: ValueText.Outcome<T>
    ) -> (isDefault: Bool, problems: [String]) {
        if case .failure(let problem) = value { return (true, [problem.message]) }
        return (value == standard, [])
    }

    /// The same flag with one more condition on what is stored.
    func checked(_ problem: @escaping @Sendable (Configuration) -> String?) -> Flag {
        var flag = self
        flag.store = { [store] value, configuration in
            let problems = store(value, &configuration)
            return problems.isEmpty ? problem(configuration).map { [$0] } ?? [] : problems
        }
        return flag
    }

    /// The same flag as a key of the file only: secrets that should stand in no list of processes.
    var fileOnly: Flag {
        var flag = self
        flag.isArgument = false
        return flag
    }

    /// The same flag without a key in the file.
    var argumentOnly: Flag {
        var flag = self
        flag.fileKey = nil
        return flag
    }
}
