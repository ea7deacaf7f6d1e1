internal import Bytes
internal import Eskip

/// One place of a path pattern: where it is literal, by name, and what ends there.
///
/// Immutable once frozen; nodes are plain memory, so that a walk touches no reference count.
struct PathNode {
    struct Edge {
        let segment: UnsafeRawBufferPointer
        let node: UnsafeMutablePointer<PathNode>
    }

    struct Candidate {
        let route: Unmanaged<Route>
        let ends: PatternEnd
    }

    /// Sorted by length, then bytes.
    var literals: UnsafeMutableBufferPointer<Edge>
    var parameter: UnsafeMutablePointer<PathNode>?
    /// In the order in which they are tried.
    var candidates: UnsafeMutableBufferPointer<Candidate>
    /// What occurs among the candidates.
    var ends: PatternEnd

    func child(_ segment: BorrowedBytes) -> UnsafeMutablePointer<PathNode>? {
        var low = 0
        var high = literals.count
        while low < high {
            let middle = (low + high) / 2
            let order = PathNode.compare(literals[middle].segment, segment)
            if order == 0 { return literals[middle].node }
            if order < 0 { low = middle + 1 } else { high = middle }
        }
        return nil
    }

    static func compare(_ left: BorrowedBytes, _ right: BorrowedBytes) -> Int {
        if left.count != right.count { return left.count - right.count }
        for index in 0..<left.count where left[index] != right[index] { return Int(left[index]) - Int(right[index]) }
        return 0
    }
}

/// A node while the tree is being built.
final class PathNodeBuilder {
    private var literals: [[UInt8]: PathNodeBuilder] = [:]
    private var parameter: PathNodeBuilder?
    private var routes: [(route: Route, ends: PatternEnd)] = []

    func insert(_ route: Route, _ pattern: PathPattern) {
        var node = self
        for segment in pattern.segments {
            switch segment {
            case .parameter: node = node.parameterChild()
            case .literal(let bytes): node = node.literalChild(bytes)
            }
        }
        node.routes.append((route, pattern.ends))
    }

    private func parameterChild() -> PathNodeBuilder {
        if let parameter { return parameter }
        let child = PathNodeBuilder()
        parameter = child
        return child
    }

    private func literalChild(_ segment: [UInt8]) -> PathNodeBuilder {
        if let child = literals[segment] { return child }
        let child = PathNodeBuilder()
        literals[segment] = child
        return child
    }

    func freeze() -> UnsafeMutablePointer<PathNode> {
        let node = UnsafeMutablePointer<PathNode>.allocate(capacity: 1)
        let edges = literals.map { PathNode.Edge(segment: PathNodeBuilder.copy($0), node: $1.freeze()) }
            .sorted { PathNode.compare($0.segment, $1.segment) < 0 }
        let literalTable = UnsafeMutableBufferPointer<PathNode.Edge>.allocate(capacity: edges.count)
        _ = literalTable.initialize(from: edges)
        let sorted = routes.sorted { Route.isTried($0.route, before: $1.route) }
        let candidates = UnsafeMutableBufferPointer<PathNode.Candidate>.allocate(capacity: sorted.count)
        _ = candidates.initialize(from: sorted.map { PathNode.Candidate(route: .passUnretained($0.route), ends: $0.ends) })
        node.initialize(to: PathNode(
            literals: literalTable, parameter: parameter?.freeze(), candidates: candidates,
            ends: sorted.reduce(into: []) { $0.formUnion($1.ends) }))
        return node
    }

    private static func copy(_ bytes: [UInt8]) -> UnsafeRawBufferPointer {
        let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: max(1, bytes.count), alignment: 1)
        copy.copyBytes(from: bytes)
        return UnsafeRawBufferPointer(start: copy.baseAddress, count: bytes.count)
    }
}

extension PathNode {
    static func destroy(_ node: UnsafeMutablePointer<PathNode>) {
        for edge in node.pointee.literals {
            edge.segment.baseAddress?.deallocate()
            destroy(edge.node)
        }
        node.pointee.literals.deallocate()
        if let parameter = node.pointee.parameter { destroy(parameter) }
        node.pointee.candidates.deallocate()
        node.deallocate()
    }
}

extension Route {
    /// Higher weights first; of equal ones, the lesser id (routing.md §5).
    static func isTried(_ left: Route, before right: Route) -> Bool {
        if left.weight != right.weight { return left.weight > right.weight }
        return left.definition.withIdBytes { leftID in
            right.definition.withIdBytes { leftID.lexicographicallyPrecedes($0) }
        }
    }
}
