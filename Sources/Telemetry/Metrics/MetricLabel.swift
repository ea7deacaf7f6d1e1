internal import Bytes
internal import Synchronization

/// A label's text as a number, so that counting compares and hashes no text.
///
/// Status codes and methods have fixed numbers; route ids, filter names and hosts get theirs from `MetricLabels`.
public struct MetricLabel: Hashable, Sendable {
    public let id: UInt32

    public init(id: UInt32) { self.id = id }

    /// The label that is not there, or `""` where the metric always has it.
    public static let none = MetricLabel(id: 0)
    /// Stands for all texts beyond the limit.
    public static let other = MetricLabel(id: 20)
    public static let unknownRoute = MetricLabel(id: 21)
    public static let unknownHost = MetricLabel(id: 22)

    /// A status code of 100...999; `other` for any other number.
    @inline(__always)
    public static func code(_ status: Int) -> MetricLabel {
        (100...999).contains(status) ? MetricLabel(id: UInt32(truncatingIfNeeded: status)) : .other
    }

    /// The method by its position in `HTTP.Method` (get, head, post, put, delete, patch, options, connect, trace, any other).
    @inline(__always)
    public static func method(_ position: UInt8) -> MetricLabel {
        MetricLabel(id: 1 + UInt32(min(position, 9)))
    }

    static let firstFreeID: UInt32 = 1024

    /// The text of the fixed labels, `nil` from `firstFreeID`.
    var fixedText: String? {
        switch id {
        case 0: ""
        case 1...10: Self.methodTexts[Int(id) - 1]
        case Self.unknownRoute.id: "_unknownroute_"
        case Self.unknownHost.id: "_unknownhost_"
        case 100...999: String(id)
        case ..<Self.firstFreeID: "_other_"
        default: nil
        }
    }

    private static let methodTexts = [
        "GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "CONNECT", "TRACE", "_unknownmethod_",
    ]
}

/// The texts of labels by number, for the whole process.
///
/// Texts are never forgotten, so both kinds are bounded: those of the configuration, which only its author can multiply, and those of
/// traffic, which clients can. Beyond its bound a text becomes `MetricLabel.other`. Takes a lock: for the control path, and for a
/// worker the first time it meets a text.
public final class MetricLabels: Sendable {
    private let table: Mutex<LabelTable>

    public init() { table = Mutex(LabelTable()) }

    /// The label of a text that comes from the configuration.
    public func label(_ text: String) -> MetricLabel {
        text.withBytes { bytes in table.withLock { $0.label(bytes, isObserved: false) } }
    }

    /// The label of a text that comes from traffic.
    func observedLabel(_ text: BorrowedBytes) -> MetricLabel {
        table.withLock { $0.label(text, isObserved: true) }
    }

    public func text(of label: MetricLabel) -> String {
        label.fixedText ?? table.withLock { $0.text(of: label) }
    }

    /// The number of texts, for tests.
    public var count: Int { table.withLock { $0.count } }
}

/// Texts one behind the other in one block: about 12 bytes per label beside its text, where a dictionary of strings takes 100.
private struct LabelTable {
    private var text: [UInt8] = []
    /// Where each text ends in `text`.
    private var ends: [UInt32] = []
    /// Open addressing: position in `ends` plus one, 0 where free.
    private var slots = [UInt32](repeating: 0, count: 64)
    private var observedCount = 0

    var count: Int { ends.count }

    mutating func label(_ bytes: BorrowedBytes, isObserved: Bool) -> MetricLabel {
        guard !bytes.isEmpty else { return .none }
        let bytes = bytes.slice(0, min(bytes.count, TelemetryLimits.labelBytesMax))
        var slot = Int(truncatingIfNeeded: XXHash64.hash(bytes)) & (slots.count - 1)
        while slots[slot] != 0 {
            let position = Int(slots[slot]) - 1
            if isText(position, bytes) { return Self.label(at: position) }
            slot = (slot + 1) & (slots.count - 1)
        }
        let isFull = isObserved
            ? observedCount >= TelemetryLimits.observedLabelsMax
            : ends.count - observedCount >= TelemetryLimits.configuredLabelsMax
        guard !isFull else { return .other }
        if isObserved { observedCount += 1 }
        text += bytes
        ends.append(UInt32(text.count))
        slots[slot] = UInt32(ends.count)
        if ends.count * 2 > slots.count { grow() }
        return Self.label(at: ends.count - 1)
    }

    func text(of label: MetricLabel) -> String {
        let position = Int(label.id) - Int(MetricLabel.firstFreeID)
        guard ends.indices.contains(position) else { return "_other_" }
        return String(decoding: text[range(position)], as: UTF8.self)
    }

    private static func label(at position: Int) -> MetricLabel {
        MetricLabel(id: MetricLabel.firstFreeID + UInt32(position))
    }

    private func range(_ position: Int) -> Range<Int> {
        (position == 0 ? 0 : Int(ends[position - 1]))..<Int(ends[position])
    }

    private func isText(_ position: Int, _ bytes: BorrowedBytes) -> Bool {
        let range = range(position)
        return text.withUnsafeBytes { $0.slice(range.lowerBound, range.upperBound).equals(bytes) }
    }

    private mutating func grow() {
        slots = [UInt32](repeating: 0, count: slots.count * 2)
        for position in ends.indices {
            let range = range(position)
            let hash = text.withUnsafeBytes { XXHash64.hash($0.slice(range.lowerBound, range.upperBound)) }
            var slot = Int(truncatingIfNeeded: hash) & (slots.count - 1)
            while slots[slot] != 0 { slot = (slot + 1) & (slots.count - 1) }
            slots[slot] = UInt32(position + 1)
        }
    }
}
