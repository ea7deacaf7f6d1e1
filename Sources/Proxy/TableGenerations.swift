import Routing

/// The routing tables that exchanges of one worker still use: the newest and, for a while, older ones. Counting is
/// plain arithmetic of the worker's thread; the tables themselves are shared and immutable.
struct TableGenerations: ~Copyable {
    private struct Hold {
        var table: RoutingTable?
        var exchanges = 0
    }

    /// Plain memory: an array would ask with every request whether it is shared.
    private var holds: UnsafeMutablePointer<Hold>
    private var count = 1
    private var current = 0

    init() {
        holds = .allocate(capacity: 1)
        holds.initialize(to: Hold())
    }

    deinit {
        holds.deinitialize(count: count)
        holds.deallocate()
    }

    /// Makes `table` the one that new exchanges begin with.
    mutating func replace(with table: RoutingTable) {
        let old = current
        current = freeHold()
        holds[current].table = table
        if old != current, holds[old].exchanges == 0 { holds[old].table = nil }
    }

    private mutating func freeHold() -> Int {
        if let free = (0..<count).first(where: { [holds] in holds[$0].table == nil && holds[$0].exchanges == 0 }) { return free }
        let larger = UnsafeMutablePointer<Hold>.allocate(capacity: count + 1)
        larger.moveInitialize(from: holds, count: count)
        (larger + count).initialize(to: Hold())
        holds.deallocate()
        holds = larger
        count += 1
        return count - 1
    }

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
