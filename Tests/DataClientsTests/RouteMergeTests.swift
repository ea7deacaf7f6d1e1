import Eskip
import Routing
import Testing

@testable import DataClients

@Suite("Several sources, one set by id: the first source wins")
struct RouteMergeTests {
    /// One change of one source, and what it means for all.
    struct Step: Sendable {
        let source: Int
        var upserts: [String] = []
        var deletes: [String] = []
        /// `id=source` of those that count now, `-id` of those that are gone.
        let effect: [String]
        var conflicts: [String] = []
    }

    @Test("precedence", arguments: [
        [Step(source: 0, upserts: ["a", "b"], effect: ["a=0", "b=0"]), Step(source: 1, upserts: ["c"], effect: ["c=1"])],
        [
            Step(source: 1, upserts: ["a"], effect: ["a=1"]),
            Step(source: 0, upserts: ["a"], effect: ["a=0"], conflicts: ["a: 0 hides 1"]),
            Step(source: 1, upserts: ["a"], effect: []),
            Step(source: 0, deletes: ["a"], effect: ["a=1"]),
            Step(source: 1, deletes: ["a"], effect: ["-a"]),
        ],
        [
            Step(source: 0, upserts: ["a"], effect: ["a=0"]),
            Step(source: 2, upserts: ["a", "x"], effect: ["x=2"], conflicts: ["a: 0 hides 2"]),
            Step(source: 1, upserts: ["a"], effect: [], conflicts: ["a: 0 hides 1"]),
            Step(source: 0, deletes: ["a"], effect: ["a=1"]),
            Step(source: 2, deletes: ["a"], effect: []),
        ],
        [Step(source: 1, deletes: ["unknown"], effect: [])],
        [Step(source: 0, upserts: [""], effect: ["=0"]), Step(source: 1, upserts: [""], effect: [], conflicts: [": 0 hides 1"])],
    ])
    func precedence(steps: [Step]) {
        var merge = RouteMerge()
        for _ in 0..<3 { _ = merge.addSource() }
        for step in steps {
            let upserts = step.upserts.map { RouteDefinition.make(id: $0, backend: .network("http://s\(step.source)")) }
            let outcome = merge.apply(SourceChange(upserts: upserts, deletes: step.deletes), from: step.source)
            let effect = outcome.change.upserts.map { "\($0.id)=\($0.networkAddress!.last!)" } + outcome.change.deletes.map { "-" + $0 }
            #expect(effect == step.effect)
            #expect(outcome.conflicts.map { "\($0.id): \($0.winner) hides \($0.loser)" } == step.conflicts)
        }
    }

    @Test("a thousand conflicts are counted, not listed")
    func manyConflicts() {
        var merge = RouteMerge()
        for _ in 0..<2 { _ = merge.addSource() }
        let definitions = (0..<1000).map { RouteDefinition.make(id: "r\($0)", backend: .shunt) }
        _ = merge.apply(SourceChange(upserts: definitions), from: 0)
        let outcome = merge.apply(SourceChange(upserts: definitions), from: 1)
        #expect(outcome.conflictCount == 1000)
        #expect(outcome.conflicts.count == DataClientLimits.problemsLoggedMax)
        #expect(outcome.change.upserts.isEmpty)
    }
}
