public import Bytes
internal import Synchronization

/// The counters of one worker.
///
/// Only its worker writes: an observation is a few plain loads and stores, without locks and without text, and allocates only
/// the first time a series is seen. Readers add up all shards meanwhile; each word they see is whole, and counts never go back.
public final class MetricShard: @unchecked Sendable {
    // Unchecked: written by one worker; readers touch only the words (atomic) and the series behind `series`' published count.
    typealias Word = Atomic<UInt64>
    typealias Words = UnsafeMutablePointer<Word>

    let plan: MetricPlan
    /// The plan's, without a reference to follow.
    private let shapes: UnsafeMutablePointer<MetricShape>
    let labels: MetricLabels
    let series: SeriesList
    private var index = SeriesIndex()
    private var hosts = HostLabels()
    private var texts = HostLabels()
    /// By metric: the words of the series without labels; nil for metrics with labels and for those switched off.
    private let unlabelled: UnsafeMutablePointer<Words?>
    private let dropped: Words

    init(plan: MetricPlan, labels: MetricLabels) {
        self.plan = plan
        shapes = plan.shapes
        self.labels = labels
        series = SeriesList(seriesMax: max(plan.options.seriesMax, Metric.allCases.count))
        unlabelled = .allocate(capacity: Metric.allCases.count)
        unlabelled.initialize(repeating: nil, count: Metric.allCases.count)
        for metric in Metric.allCases where shapes[metric.rawValue].isEnabled && metric.family.labels.isEmpty {
            unlabelled[metric.rawValue] = series.append(SeriesKey(metric), wordCount: shapes[metric.rawValue].wordCount)
        }
        dropped = unlabelled[Metric.metricSeriesDropped.rawValue]!
    }

    deinit { unlabelled.deallocate() }

    // MARK: Metrics without labels

    /// Adds to a counter.
    @inline(__always)
    public func add(_ metric: Metric, _ amount: UInt64 = 1) {
        if let words = unlabelled[metric.rawValue] { Self.add(amount, to: words) }
    }

    /// Records one observation of a histogram: nanoseconds, or bytes.
    @inline(__always)
    public func observe(_ metric: Metric, _ value: UInt64) {
        if let words = unlabelled[metric.rawValue] { Self.observe(value, words, shapes + metric.rawValue) }
    }

    // MARK: Metrics with labels, in the family's order

    public func add(
        _ metric: Metric, _ first: MetricLabel, _ second: MetricLabel = .none, _ third: MetricLabel = .none, by amount: UInt64 = 1
    ) {
        if let words = words(metric, first, second, third) { Self.add(amount, to: words) }
    }

    public func observe(
        _ metric: Metric, _ value: UInt64, _ first: MetricLabel, _ second: MetricLabel = .none, _ third: MetricLabel = .none
    ) {
        if let words = words(metric, first, second, third) { Self.observe(value, words, shapes + metric.rawValue) }
    }

    /// One series of a counter, for whoever adds to it at every request; nil if it is switched off or the series are too many.
    public func counter(_ metric: Metric, _ first: MetricLabel) -> MetricCounter? {
        words(metric, first, .none, .none).map { MetricCounter(word: $0) }
    }

    /// Sets this shard's part of a gauge; a gauge shows the sum of all shards.
    public func set(_ metric: Metric, _ first: MetricLabel, _ second: MetricLabel = .none, to value: Int) {
        words(metric, first, second, .none)?.pointee.store(UInt64(bitPattern: Int64(value)), ordering: .relaxed)
    }

    /// The label of a host from traffic: `.` becomes `_`, `:` becomes `__`.
    ///
    /// - Complexity: O(host) once the worker knows it; the first time it takes a lock and may allocate.
    public func hostLabel(_ host: BorrowedBytes) -> MetricLabel {
        host.isEmpty ? .unknownHost : hosts.label(host) { labels.observedLabel(host: $0) }
    }

    /// The label of a text from the configuration that is at hand as bytes only, as an upstream's `host:port`; costs as `hostLabel`.
    public func label(_ text: BorrowedBytes) -> MetricLabel {
        text.isEmpty ? .none : texts.label(text) { labels.observedLabel($0) }
    }

    /// Whether a metric without labels is kept.
    @inline(__always)
    public func isKept(_ metric: Metric) -> Bool { unlabelled[metric.rawValue] != nil }

    // MARK: Words

    private func words(_ metric: Metric, _ first: MetricLabel, _ second: MetricLabel, _ third: MetricLabel) -> Words? {
        let shape = shapes + metric.rawValue
        guard shape.pointee.isEnabled else { return nil }
        let key = SeriesKey(metric, first, second, third).masked(shape)
        return index.find(key) ?? addSeries(key, wordCount: shape.pointee.wordCount)
    }

    @inline(never)
    private func addSeries(_ key: SeriesKey, wordCount: Int) -> Words? {
        guard let words = series.append(key, wordCount: wordCount) else {
            Self.add(1, to: dropped)
            return nil
        }
        index.insert(key, words)
        return words
    }

    /// One writer: a load and a store, where an atomic addition would lock the bus.
    @inline(__always)
    fileprivate static func add(_ amount: UInt64, to words: Words) {
        words.pointee.store(words.pointee.load(ordering: .relaxed) &+ amount, ordering: .relaxed)
    }

    /// A histogram's words: one count per bound, one above them all, the sum.
    @inline(__always)
    private static func observe(_ value: UInt64, _ words: Words, _ shape: UnsafeMutablePointer<MetricShape>) {
        let (bounds, boundCount) = (shape.pointee.bounds, shape.pointee.boundCount)
        var bucket = 0
        while bucket < boundCount, bounds[bucket] < value { bucket += 1 }
        add(1, to: words + bucket)
        add(value, to: words + boundCount + 1)
    }
}

/// A series of a shard; valid as long as the shard, for its worker only.
public struct MetricCounter {
    fileprivate let word: UnsafeMutablePointer<Atomic<UInt64>>

    @inline(__always)
    public func add(_ amount: UInt64 = 1) { MetricShard.add(amount, to: word) }
}

/// Metric and labels of a series, two words that compare at once.
struct SeriesKey: Hashable {
    var high: UInt64
    var low: UInt64

    init(_ metric: Metric, _ first: MetricLabel = .none, _ second: MetricLabel = .none, _ third: MetricLabel = .none) {
        high = UInt64(metric.rawValue) << 32 | UInt64(first.id)
        low = UInt64(second.id) << 32 | UInt64(third.id)
    }

    var metric: Metric { Metric(rawValue: Int(high >> 32))! }

    var labels: [MetricLabel] {
        [high, low >> 32, low].map { MetricLabel(id: UInt32(truncatingIfNeeded: $0)) }
    }

    /// Without the labels that the options leave out.
    @inline(__always)
    func masked(_ shape: UnsafeMutablePointer<MetricShape>) -> SeriesKey {
        var key = self
        key.high &= shape.pointee.highMask
        key.low &= shape.pointee.lowMask
        return key
    }

    @inline(__always)
    var mixed: Int {
        let word = (high ^ low &* 0x9E37_79B9_7F4A_7C15) &* 0xD6E8_FEB8_6659_FD93
        return Int(truncatingIfNeeded: word ^ (word >> 32))
    }
}

/// Finds a series' words by its key: open addressing, for the shard's worker only.
private struct SeriesIndex: ~Copyable {
    private struct Slot {
        var key: SeriesKey
        var words: MetricShard.Words?
    }

    private var slots: UnsafeMutablePointer<Slot>
    private var mask = 63
    private var count = 0

    init() { slots = Self.makeSlots(64) }

    deinit { slots.deallocate() }

    private static func makeSlots(_ count: Int) -> UnsafeMutablePointer<Slot> {
        let slots = UnsafeMutablePointer<Slot>.allocate(capacity: count)
        slots.initialize(repeating: Slot(key: SeriesKey(.routeLookupDuration), words: nil), count: count)
        return slots
    }

    @inline(__always)
    func find(_ key: SeriesKey) -> MetricShard.Words? {
        var position = key.mixed & mask
        while let words = slots[position].words {
            if slots[position].key == key { return words }
            position = (position + 1) & mask
        }
        return nil
    }

    mutating func insert(_ key: SeriesKey, _ words: MetricShard.Words) {
        if count * 2 > mask { grow() }
        place(Slot(key: key, words: words))
        count += 1
    }

    private func place(_ slot: Slot) {
        var position = slot.key.mixed & mask
        while slots[position].words != nil { position = (position + 1) & mask }
        slots[position] = slot
    }

    private mutating func grow() {
        let (old, oldCount) = (slots, mask + 1)
        slots = Self.makeSlots(oldCount * 2)
        mask = oldCount * 2 - 1
        for position in 0..<oldCount where old[position].words != nil { place(old[position]) }
        old.deallocate()
    }
}

/// A worker's memory of the texts it has met, hosts mostly: label by hash, open addressing, bounded.
private struct HostLabels: ~Copyable {
    private struct Slot {
        var hash: UInt64
        /// 0 where free: no text has that label.
        var label: UInt32
    }

    private var slots = [Slot](repeating: Slot(hash: 0, label: 0), count: 64)
    private var count = 0
    /// Unknown to clients, so that they cannot choose hosts that collide.
    private let seed = UInt64.random(in: .min ... .max)

    mutating func label(_ host: BorrowedBytes, make: (BorrowedBytes) -> MetricLabel) -> MetricLabel {
        let hash = XXHash64.hash(host, seed: seed)
        if let known = find(hash) { return known }
        guard count < TelemetryLimits.observedLabelsMax else { return .other }
        let label = make(host)
        insert(Slot(hash: hash, label: label.id))
        return label
    }

    private func find(_ hash: UInt64) -> MetricLabel? {
        slots.withUnsafeBufferPointer { slots in
            var position = Int(truncatingIfNeeded: hash) & (slots.count - 1)
            while slots[position].label != 0 {
                if slots[position].hash == hash { return MetricLabel(id: slots[position].label) }
                position = (position + 1) & (slots.count - 1)
            }
            return nil
        }
    }

    private mutating func insert(_ slot: Slot) {
        if count * 2 >= slots.count {
            let old = slots
            slots = [Slot](repeating: Slot(hash: 0, label: 0), count: old.count * 2)
            for slot in old where slot.label != 0 { place(slot) }
        }
        place(slot)
        count += 1
    }

    private mutating func place(_ slot: Slot) {
        var position = Int(truncatingIfNeeded: slot.hash) & (slots.count - 1)
        while slots[position].label != 0 { position = (position + 1) & (slots.count - 1) }
        slots[position] = slot
    }
}

extension MetricLabels {
    /// The label of a host as metrics show it.
    func observedLabel(host: BorrowedBytes) -> MetricLabel {
        var text: [UInt8] = []
        for byte in host.prefix(TelemetryLimits.labelBytesMax) {
            switch byte {
            case UInt8(ascii: "."): text.append(UInt8(ascii: "_"))
            case UInt8(ascii: ":"): text += "__".utf8
            default: text.append(byte)
            }
        }
        return text.withUnsafeBytes { observedLabel($0) }
    }
}
