public import Bytes

/// Metrics in the Prometheus text format, version 0.0.4.
public struct PrometheusText: ~Copyable {
    public static let contentType: StaticString = "text/plain; version=0.0.4; charset=utf-8"

    public private(set) var output = ByteBuffer()

    public init() {}

    /// Gives the text away.
    public consuming func takeOutput() -> ByteBuffer { output }

    /// The comment lines before a metric's samples.
    public mutating func family(_ name: String, type: StaticString, help: String) {
        output.append("# HELP ")
        output.append(text: name)
        output.append(" ")
        appendEscaped(help, quotes: false)
        output.append("\n# TYPE ")
        output.append(text: name)
        output.append(" ")
        output.append(type)
        output.append("\n")
    }

    /// One sample with an integer value.
    public mutating func sample(_ name: String, labels: [(name: String, value: String)] = [], _ value: Int) {
        begin(name, labels: labels)
        output.append(" ")
        output.append(decimal: value)
        output.append("\n")
    }

    /// One sample in seconds.
    public mutating func sample(_ name: String, labels: [(name: String, value: String)] = [], nanoseconds: UInt64) {
        begin(name, labels: labels)
        output.append(" ")
        output.append(text: DecimalText.seconds(nanoseconds))
        output.append("\n")
    }

    private mutating func begin(_ name: String, labels: [(name: String, value: String)]) {
        output.append(text: name)
        guard !labels.isEmpty else { return }
        output.append("{")
        for (index, label) in labels.enumerated() {
            if index > 0 { output.append(",") }
            output.append(text: label.name)
            output.append("=\"")
            appendEscaped(label.value, quotes: true)
            output.append("\"")
        }
        output.append("}")
    }

    private mutating func appendEscaped(_ text: String, quotes: Bool) {
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\\"): output.append("\\\\")
            case UInt8(ascii: "\n"): output.append("\\n")
            case UInt8(ascii: "\"") where quotes: output.append("\\\"")
            default: output.append(byte)
            }
        }
    }
}

extension MetricRegistry {
    /// All metrics that have been observed, in the order of `Metric`.
    ///
    /// - Complexity: O(series of all shards); takes no lock that a worker takes per request.
    public func write(to text: inout PrometheusText) {
        var previous: Metric?
        for sample in snapshot() {
            let metric = sample.key.metric
            let family = metric.family
            if family.hidesZero, sample.words.allSatisfy({ $0 == 0 }) { continue }
            let name = options.namespace + family.name
            if metric != previous { text.family(name, type: family.kind.typeName, help: family.help) }
            previous = metric
            let labels = labelPairs(sample.key)
            if family.kind.isHistogram {
                writeHistogram(name, labels, sample, to: &text)
            } else {
                text.sample(name, labels: labels, Int(truncatingIfNeeded: sample.words.first!))
            }
        }
    }

    private func labelPairs(_ key: SeriesKey) -> [(name: String, value: String)] {
        let shown = plan.labelNames[key.metric.rawValue]
        var pairs = zip(key.metric.family.labels, key.labels).filter { shown.contains($0.0) }.map { ($0, labels.text(of: $1)) }
        if let start = options.startLabel, case .counter = key.metric.family.kind { pairs.append(("start", start)) }
        return pairs
    }

    private func writeHistogram(_ name: String, _ labels: [(name: String, value: String)], _ sample: Sample, to text: inout PrometheusText) {
        let shape = plan.shapes[sample.key.metric.rawValue]
        let isDuration = sample.key.metric.family.kind.isDuration
        let first = sample.words.startIndex
        var count: UInt64 = 0
        for bucket in 0...shape.boundCount {
            count += sample.words[first + bucket]
            let bound = bucket == shape.boundCount ? "+Inf" : DecimalText.bound(shape.bounds[bucket], isNanoseconds: isDuration)
            text.sample(name + "_bucket", labels: labels + [("le", bound)], Int(truncatingIfNeeded: count))
        }
        let sum = sample.words[first + shape.boundCount + 1]
        if isDuration {
            text.sample(name + "_sum", labels: labels, nanoseconds: sum)
        } else {
            text.sample(name + "_sum", labels: labels, Int(truncatingIfNeeded: sum))
        }
        text.sample(name + "_count", labels: labels, Int(truncatingIfNeeded: count))
    }
}

extension MetricFamily.Kind {
    var typeName: StaticString {
        switch self {
        case .counter: "counter"
        case .gauge: "gauge"
        case .durations, .responseSizes, .requestSizes: "histogram"
        }
    }

    var isDuration: Bool {
        if case .durations = self { true } else { false }
    }
}

/// Numbers as text without floating point.
enum DecimalText {
    /// Nanoseconds as seconds, exact: 1500000000 is `1.5`.
    static func seconds(_ nanoseconds: UInt64) -> String {
        let (whole, fraction) = nanoseconds.quotientAndRemainder(dividingBy: 1_000_000_000)
        guard fraction > 0 else { return "\(whole)" }
        var digits = String(fraction)
        digits = String(repeating: "0", count: 9 - digits.count) + digits
        while digits.hasSuffix("0") { digits.removeLast() }
        return "\(whole).\(digits)"
    }

    /// A bucket's bound as Go's Prometheus client writes it, since dashboards select buckets by this text: shortest digits, with
    /// an exponent from 10^6 and below 10^-4 (`0.005`, `524288`, `1.048576e+06`).
    static func bound(_ value: UInt64, isNanoseconds: Bool) -> String {
        guard value > 0 else { return "0" }
        var digits = String(value)
        var exponent = digits.count - 1 - (isNanoseconds ? 9 : 0)
        while digits.hasSuffix("0") { digits.removeLast() }
        if exponent >= -4, exponent < 0 { return "0." + String(repeating: "0", count: -exponent - 1) + digits }
        if exponent >= 0, exponent < 6 {
            if digits.count <= exponent + 1 { return digits + String(repeating: "0", count: exponent + 1 - digits.count) }
            return digits.prefix(exponent + 1) + "." + digits.dropFirst(exponent + 1)
        }
        let mantissa = digits.count == 1 ? digits : digits.prefix(1) + "." + digits.dropFirst()
        let sign = exponent < 0 ? "-" : "+"
        exponent = abs(exponent)
        return mantissa + "e" + sign + (exponent < 10 ? "0" : "") + String(exponent)
    }
}
