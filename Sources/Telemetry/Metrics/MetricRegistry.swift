internal import Synchronization

/// All metrics of the process: one shard per worker, one for everybody else, and the labels' texts.
///
/// Workers count in their own shard without locks; reading adds the shards up.
public final class MetricRegistry: Sendable {
    public let labels = MetricLabels()
    public let options: MetricOptions
    let plan: MetricPlan
    private let shards: Mutex<[MetricShard]>
    /// Written under its lock by threads that have no shard.
    private let sharedShard: Mutex<MetricShard>
    private let sources = Mutex<[Source]>([])

    /// A value kept elsewhere and read when metrics are.
    private struct Source: Sendable {
        let key: SeriesKey
        let read: @Sendable () -> Int
    }

    public init(options: MetricOptions = MetricOptions()) {
        self.options = options
        plan = MetricPlan(options: options)
        let shared = MetricShard(plan: plan, labels: labels)
        shards = Mutex([shared])
        sharedShard = Mutex(shared)
    }

    /// A shard for one more worker; it lives as long as the registry.
    public func makeShard() -> MetricShard {
        let shard = MetricShard(plan: plan, labels: labels)
        shards.withLock { $0.append(shard) }
        return shard
    }

    /// Counts from the control path: takes a lock.
    public func withSharedShard<Result: Sendable>(_ body: (MetricShard) -> Result) -> Result {
        sharedShard.withLock { body($0) }
    }

    /// Shows a counter or gauge whose value `read` supplies, on the thread that reads the metrics.
    public func addSource(_ metric: Metric, _ first: MetricLabel = .none, read: @escaping @Sendable () -> Int) {
        precondition(!metric.family.kind.isHistogram, "a histogram has no single value")
        sources.withLock { $0.append(Source(key: SeriesKey(metric, first), read: read)) }
    }

    /// The sum over all shards of a counter or gauge; 0 if nothing was counted.
    public func value(_ metric: Metric, _ first: MetricLabel = .none, _ second: MetricLabel = .none, _ third: MetricLabel = .none) -> Int {
        let key = SeriesKey(metric, first, second, third).masked(plan.shapes + metric.rawValue)
        return snapshot().first { $0.key == key }.map { Int(truncatingIfNeeded: $0.words.first!) } ?? 0
    }

    /// The count of a histogram's observations, over all shards.
    public func observationCount(
        _ metric: Metric, _ first: MetricLabel = .none, _ second: MetricLabel = .none, _ third: MetricLabel = .none
    ) -> Int {
        let key = SeriesKey(metric, first, second, third).masked(plan.shapes + metric.rawValue)
        return snapshot().first { $0.key == key }.map { Int($0.words.dropLast().reduce(0, +)) } ?? 0
    }

    /// A series' words added up over all shards.
    struct Sample {
        let key: SeriesKey
        var words: ArraySlice<UInt64>
    }

    /// All series in the order of the metrics and, within one, of their labels' numbers.
    func snapshot() -> [Sample] {
        var sums = SeriesSums()
        for shard in shards.withLock({ $0 }) {
            for position in 0..<shard.series.count {
                let record = shard.series[position]
                sums.add(record, wordCount: plan.shapes[record.key.metric.rawValue].wordCount)
            }
        }
        for source in sources.withLock({ $0 }) {
            sums.add(UInt64(bitPattern: Int64(source.read())), to: source.key)
        }
        return sums.samples(plan)
    }
}

/// Words of all series in one block, found by key.
private struct SeriesSums {
    private var offsets: [SeriesKey: Int] = [:]
    private var words: [UInt64] = []

    mutating func add(_ record: SeriesList.Record, wordCount: Int) {
        let offset = offset(of: record.key, wordCount: wordCount)
        for index in 0..<wordCount { words[offset + index] &+= record.words[index].load(ordering: .relaxed) }
    }

    mutating func add(_ value: UInt64, to key: SeriesKey) {
        words[offset(of: key, wordCount: 1)] &+= value
    }

    private mutating func offset(of key: SeriesKey, wordCount: Int) -> Int {
        if let known = offsets[key] { return known }
        let offset = words.count
        offsets[key] = offset
        words.append(contentsOf: repeatElement(0, count: wordCount))
        return offset
    }

    func samples(_ plan: MetricPlan) -> [MetricRegistry.Sample] {
        offsets.sorted { ($0.key.high, $0.key.low) < ($1.key.high, $1.key.low) }.map { key, offset in
            MetricRegistry.Sample(key: key, words: words[offset..<(offset + plan.shapes[key.metric.rawValue].wordCount)])
        }
    }
}
