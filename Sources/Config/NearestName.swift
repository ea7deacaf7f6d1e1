/// Finds the name a person may have meant.
public enum NearestName {
    /// ` (did you mean "name"?)`, or nothing if no name is near.
    public static func hint(for text: String, among names: [String]) -> String {
        find(text, among: names).map { " (did you mean \"\($0)\"?)" } ?? ""
    }

    /// The nearest name, if at most a third of the text would have to change; the first of equally near ones.
    static func find(_ text: String, among names: [String]) -> String? {
        let text = Array(text.lowercased().utf8.prefix(80))
        var best: (name: String, distance: Int)?
        for name in names {
            let distance = distance(text, Array(name.lowercased().utf8))
            if distance < best?.distance ?? .max { best = (name, distance) }
        }
        guard let best, best.distance <= max(1, text.count / 3) else { return nil }
        return best.name
    }

    /// Insertions, deletions, changes and swaps of neighbours that turn one text into the other.
    private static func distance(_ a: [UInt8], _ b: [UInt8]) -> Int {
        var beforeLast: [Int] = []
        var last = Array(0...b.count)
        for i in a.indices {
            var row = [i + 1]
            for j in b.indices {
                var cost = min(last[j + 1] + 1, row[j] + 1, last[j] + (a[i] == b[j] ? 0 : 1))
                if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] { cost = min(cost, beforeLast[j - 1] + 1) }
                row.append(cost)
            }
            (beforeLast, last) = (last, row)
        }
        return last[b.count]
    }
}
