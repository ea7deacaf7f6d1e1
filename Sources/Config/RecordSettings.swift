/// One `key=value` of a flag such as `-breaker`, or one entry of its mapping in the file.
public struct RecordField: Sendable, Hashable {
    public var key: String
    public var value: String

    public init(key: String, value: String) {
        self.key = key
        self.value = value
    }
}

/// `-passive-health-check`: endpoints that fail are chosen less often.
public struct PassiveHealthCheckSettings: Sendable, Hashable {
    /// How long requests are counted before they are judged.
    public var period: Duration
    /// Endpoints with fewer requests in a period are not judged.
    public var minRequests: Int
    /// Within 0...1, `minDropProbability` below `maxDropProbability`.
    public var minDropProbability: Double
    public var maxDropProbability: Double
    /// If a larger part of the endpoints would be left out, none is. Within 0...1.
    public var maxUnhealthyEndpointsRatio: Double

    static let keys = ["period", "min-requests", "max-drop-probability", "min-drop-probability", "max-unhealthy-endpoints-ratio"]

    init?(_ record: inout RecordReader) {
        let period = record.duration("period", isRequired: true)
        let minRequests = record.int("min-requests", in: 0...Int.max, isRequired: true)
        let max = record.float("max-drop-probability", in: 0...1, isRequired: true)
        let min = record.float("min-drop-probability", in: 0...1) ?? 0
        let ratio = record.float("max-unhealthy-endpoints-ratio", in: 0...1) ?? 1
        if let max, min >= max {
            record.problems.append("min-drop-probability \(min) must be below max-drop-probability \(max)")
        }
        if period == .zero { record.problems.append("period must be above 0") }
        guard record.problems.isEmpty, let period, let minRequests, let max else { return nil }
        self.period = period
        self.minRequests = minRequests
        minDropProbability = min
        maxDropProbability = max
        maxUnhealthyEndpointsRatio = ratio
    }
}

/// `-breaker`: a circuit breaker for every host, or for one.
public struct BreakerSettings: Sendable, Hashable {
    public enum Kind: String, CaseIterable, Sendable {
        case consecutive, rate, disabled
    }

    /// `nil` only with a host: the kind of the settings without a host.
    public var type: Kind?
    /// Empty means every host without settings of its own.
    public var host: String
    /// Results looked back at; for `rate`.
    public var window: Int
    public var failures: Int
    /// Time open; zero means 60 s.
    public var timeout: Duration
    public var halfOpenRequests: Int
    /// A breaker unused for so long is forgotten.
    public var idleTTL: Duration

    static let keys = ["type", "host", "window", "failures", "timeout", "half-open-requests", "idle-ttl"]

    init?(_ record: inout RecordReader) {
        type = record.choice("type")
        host = record.text("host") ?? ""
        window = record.int("window", in: 0...Int.max) ?? 0
        failures = record.int("failures", in: 0...Int.max) ?? 0
        timeout = record.duration("timeout") ?? .zero
        halfOpenRequests = record.int("half-open-requests", in: 0...Int.max) ?? 0
        idleTTL = record.duration("idle-ttl") ?? .zero
        record.problems += problems(isTypeGiven: record.text("type") != nil)
        guard record.problems.isEmpty else { return nil }
    }

    private func problems(isTypeGiven: Bool) -> [String] {
        switch type {
        case nil: isTypeGiven || !host.isEmpty ? [] : ["type is missing: consecutive, rate or disabled"]
        case .consecutive: failures > 0 ? [] : ["consecutive needs failures above 0"]
        case .rate where failures <= 0 || window <= 0: ["rate needs failures and window above 0"]
        case .rate: failures <= window ? [] : ["failures \(failures) cannot be reached within a window of \(window)"]
        case .disabled: []
        }
    }
}

/// `-ratelimits`: a limit that holds before routing.
public struct RatelimitSettings: Sendable, Hashable {
    public enum Kind: String, CaseIterable, Sendable {
        case client, service, clusterClient, clusterService, disabled
    }

    public var type: Kind
    public var maxHits: Int
    public var timeWindow: Duration
    /// Limits of one group count together in the cluster.
    public var group: String

    static let keys = ["type", "max-hits", "time-window", "group"]

    init?(_ record: inout RecordReader) {
        type = record.choice("type") ?? .disabled
        let isLimit = type != .disabled
        let hits = record.int("max-hits", in: 1...Int.max, isRequired: isLimit)
        let window = record.duration("time-window", isRequired: isLimit)
        if isLimit, window == .zero { record.problems.append("time-window must be above 0") }
        maxHits = hits ?? 0
        timeWindow = window ?? .zero
        group = record.text("group") ?? ""
        guard record.problems.isEmpty else { return nil }
    }
}

/// Reads the fields of one record by key and collects what is wrong with them.
struct RecordReader {
    private var values: [String: String] = [:]
    var problems: [String] = []

    init(_ fields: [RecordField], keys: [String]) {
        for field in fields {
            if !keys.contains(field.key) {
                let hint = NearestName.hint(for: field.key, among: keys)
                problems.append("unknown key \"\(field.key)\"\(hint); the keys are \(keys.joined(separator: ", "))")
            } else if values.updateValue(field.value, forKey: field.key) != nil {
                problems.append("\(field.key) is given twice")
            }
        }
    }

    func text(_ key: String) -> String? { values[key] }

    mutating func int(_ key: String, in range: ClosedRange<Int>, isRequired: Bool = false) -> Int? {
        read(key, isRequired: isRequired) { ValueText.int($0, in: range) }
    }

    mutating func float(_ key: String, in range: ClosedRange<Double>, isRequired: Bool = false) -> Double? {
        read(key, isRequired: isRequired) { ValueText.float($0, in: range) }
    }

    mutating func duration(_ key: String, isRequired: Bool = false) -> Duration? {
        read(key, isRequired: isRequired) { ValueText.duration($0, min: .zero) }
    }

    mutating func choice<T: RawRepresentable<String> & CaseIterable>(_ key: String) -> T? {
        read(key, isRequired: false) { ValueText.choice($0) }
    }

    private mutating func read<T>(_ key: String, isRequired: Bool, _ parse: (String) -> ValueText.Outcome<T>) -> T? {
        guard let text = values[key] else {
            if isRequired { problems.append("\(key) is missing") }
            return nil
        }
        switch parse(text) {
        case .success(let value): return value
        case .failure(let problem):
            problems.append("\(key): \(problem.message)")
            return nil
        }
    }
}
