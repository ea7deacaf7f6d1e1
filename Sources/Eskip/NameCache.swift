/// Names a parse met lately, so that the process-wide table and its lock are asked once per name and document.
///
/// A direct-mapped table: a name that falls on another's slot takes it over.
struct NameCache {
    private struct Slot {
        var start: UInt32 = 0
        var length: UInt32 = 0
        var name: UInt32 = 0
    }

    private var slots = [Slot](repeating: Slot(), count: 256)

    /// The name that stands at `range`, or `nil` if the process holds as many names as it may.
    mutating func name(at range: Range<Int>, in source: [UInt8]) -> Name? {
        let place = NameCache.place(of: range, in: source)
        let slot = slots[place]
        if slot.length == range.count, NameCache.isSame(slot.start, range, in: source) {
            return Name(index: slot.name)
        }
        guard let name = Name.fromDocument(String(decoding: source[range], as: UTF8.self)) else { return nil }
        slots[place] = Slot(start: UInt32(range.lowerBound), length: UInt32(range.count), name: name.index)
        return name
    }

    private static func place(of range: Range<Int>, in source: [UInt8]) -> Int {
        var hash: UInt32 = 2_166_136_261
        for offset in range { hash = (hash ^ UInt32(source[offset])) &* 16_777_619 }
        return Int((hash ^ hash >> 15) & 255)
    }

    private static func isSame(_ start: UInt32, _ range: Range<Int>, in source: [UInt8]) -> Bool {
        for index in 0..<range.count where source[Int(start) + index] != source[range.lowerBound + index] {
            return false
        }
        return true
    }
}
