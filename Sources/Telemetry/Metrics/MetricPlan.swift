/// What the options make of each metric, in the form that counting needs; shared by all shards.
final class MetricPlan: @unchecked Sendable {
    // Unchecked because of the pointers, which are written here only.
    let options: MetricOptions
    let shapes: UnsafeMutablePointer<MetricShape>
    let labelNames: [[String]]

    init(options: MetricOptions) {
        self.options = options
        labelNames = Metric.allCases.map(options.labelNames)
        shapes = .allocate(capacity: Metric.allCases.count)
        for metric in Metric.allCases {
            (shapes + metric.rawValue).initialize(to: MetricShape(metric, options))
        }
    }

    deinit {
        for metric in Metric.allCases { shapes[metric.rawValue].bounds.deallocate() }
        shapes.deallocate()
    }
}

/// One metric's part of the plan.
struct MetricShape {
    let isEnabled: Bool
    /// Upper bounds of the buckets, ascending; none for counters and gauges.
    let bounds: UnsafeMutablePointer<UInt64>
    let boundCount: Int
    /// Words of a series: the value, or all buckets (one above the bounds) and the sum.
    let wordCount: Int
    /// What remains of a series' key without the labels that the options leave out.
    let highMask: UInt64
    let lowMask: UInt64

    init(_ metric: Metric, _ options: MetricOptions) {
        let family = metric.family
        let bounds = options.bounds(family.kind)
        isEnabled = options.isEnabled(metric)
        boundCount = bounds.count
        self.bounds = .allocate(capacity: max(1, bounds.count))
        self.bounds.initialize(from: bounds, count: bounds.count)
        wordCount = family.kind.isHistogram ? bounds.count + 2 : 1
        let shown = options.labelNames(metric)
        let isShown = family.labels.map(shown.contains)
        highMask = isShown.first == false ? ~0xffff_ffff : ~0
        lowMask = (isShown.dropFirst().first == false ? 0xffff_ffff : ~0) & (isShown.dropFirst(2).first == false ? ~0xffff_ffff : ~0)
    }
}

extension MetricFamily.Kind {
    var isHistogram: Bool {
        switch self {
        case .counter, .gauge: false
        case .durations, .responseSizes, .requestSizes: true
        }
    }
}
