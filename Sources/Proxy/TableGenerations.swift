import Routing

/// The routing tables that exchanges of one worker still use: the newest and, for a while, older ones. Counting is
/// plain arithmetic of the worker's thread; the tables themselves are shared and immutable.
struct TableGenerations {
    private struct Hold {
        var table: RoutingTable?
        var exchanges = 0
    }

    private var holds: [Hold] = [Hold()]
    private var current = 0

    /// Makes `table` the one that new exchanges begin with.
    mutating func replace(with table: RoutingTable) {
        let old = current
        if let free = holds.firstIndex(where: { $0.table == nil && $0.exchanges == 0 }) {
            holds[free].table = table
            current = free
        } else {
            holds.append(Hold(table: table))
            current = holds.count - 1
        }
        if old != current, holds[old].exchanges == 0 { holds[old].table = nil }
    }

    /// Whether there is a table at all.
    var isLoaded: Bool { holds[current].table != nil }

    /// - Returns: the generation's number, for `release`, and its table, which lives until then.
    mutating func hold() -> (number: Int, table: Unmanaged<RoutingTable>?) {
        holds[current].exchanges += 1
        return (current, holds[current].table.map { Unmanaged.passUnretained($0) })
    }

    mutating func release(_ index: Int) {
        holds[index].exchanges -= 1
        if index != current, holds[index].exchanges == 0 { holds[index].table = nil }
    }
}
